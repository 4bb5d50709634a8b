"""Where an auditor reads a log from: the relay over HTTPS, or a folder with a copy.

Both have the same names (C2SP tlog-tiles): ``checkpoint`` and ``tile/<level>/<n>``.
Nothing that comes is believed for where it came from; a copy is as good as a relay.
The relay serves hashes to whoever asks, and entries of the key log to terminals only,
because they name people: in a copy they stand as pages beside the tiles.
"""

import re
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol
from urllib.parse import urlsplit

import aiohttp

from client.files import private_folder, write_atomic
from protocol.codec import decode, encode
from protocol.evidence.bundle import MAX_BUNDLE, read_pages, write_pages
from protocol.limits import MAX_NOTE
from protocol.requests import LogName
from protocol.root import RootDocument
from protocol.tiles import WIDTH

OK, NOT_FOUND = 200, 404
TIMEOUT: Final = 60.0  # seconds for one request: poor lines take a while
MAX_TILE: Final = 32 * WIDTH  # bytes
CHECKPOINT: Final = "checkpoint"
FOLDERS: Final = MappingProxyType(
    {LogName.KEY: "key-log", LogName.MESSAGE: "message-log"}
)
ENTRIES: Final = "entries.cbor"
ADDRESS: Final = re.compile(r"\A[!-~]{1,200}\Z")


class SourceError(Exception):
    """The log cannot be read; ``code`` is a word's code for people."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Source(Protocol):
    """A log's files."""

    async def get(self, log: LogName, path: str) -> bytes:
        """Return a file; b"": it is not there.

        Raises:
            SourceError: nobody answers, or an answer has no end.
        """


class Relay:
    """The relay's public side."""

    def __init__(
        self, http: aiohttp.ClientSession, base: str, root: RootDocument
    ) -> None:
        """``base`` is from :func:`web_address`."""
        self._http = http
        self._base = base
        self._origins = {
            LogName.KEY: root.key_log.origin,
            LogName.MESSAGE: root.message_log.origin,
        }

    async def get(self, log: LogName, path: str) -> bytes:
        """Return a file; see :class:`Source`."""
        limit = MAX_NOTE if path == CHECKPOINT else MAX_TILE
        url = f"{self._base}/log/{self._origins[log]}/{path}"
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            async with self._http.get(
                url, allow_redirects=False, timeout=timeout
            ) as answer:
                if answer.status == NOT_FOUND:
                    return b""
                if answer.status != OK:
                    raise SourceError("audit.relay-odd")
                return await _all(answer, limit)
        except aiohttp.ClientConnectorCertificateError:
            raise SourceError("audit.relay-not-ours") from None
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise SourceError("audit.relay-away") from None


async def _all(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    body = b""
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise SourceError("audit.relay-odd")
    return body


def web_address(address: str) -> str:
    """Return ``https://host:port`` of a relay's address, however it is written.

    Raises:
        SourceError: it is none.
    """
    if not ADDRESS.match(address):
        raise SourceError("audit.relay-address")
    parts = urlsplit(address if "//" in address else f"https://{address}")
    if parts.scheme not in {"https", "wss"} or not parts.netloc:
        raise SourceError("audit.relay-address")
    return f"https://{parts.netloc}"


class Copy:
    """A folder; :meth:`put` fills one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def get(self, log: LogName, path: str) -> bytes:
        """Return a file; see :class:`Source`."""
        return self._read(self._folder / FOLDERS[log] / path, MAX_NOTE)

    def put(self, log: LogName, path: str, data: bytes) -> None:
        """Keep a file of the log."""
        file = self._folder / FOLDERS[log] / path
        private_folder(file.parent)
        write_atomic(file, data)

    def entries(self) -> tuple[bytes, ...] | None:
        """Return the key log's entries, if the copy has them.

        Raises:
            MalformedError: something else stands there.
        """
        data = self._read(self._entries, MAX_BUNDLE)
        if not data:
            return None
        return read_pages(decode(data, tuple[bytes, ...], limit=MAX_BUNDLE))

    def put_entries(self, leaves: tuple[bytes, ...]) -> None:
        """Keep the key log's entries."""
        private_folder(self._entries.parent)
        write_atomic(self._entries, encode(write_pages(leaves)))

    @property
    def _entries(self) -> Path:
        return self._folder / FOLDERS[LogName.KEY] / ENTRIES

    def _read(self, file: Path, limit: int) -> bytes:
        try:
            with file.open("rb") as opened:
                data = opened.read(limit + 1)
        except FileNotFoundError:
            return b""
        if len(data) > limit:
            raise SourceError("audit.copy-odd")
        return data
