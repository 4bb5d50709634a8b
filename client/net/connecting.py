"""Connections to the relay: TLS under the pin, and sockets that hold little.

The pin is looked at inside the TLS handshake, so not one byte of ours reaches another
relay, on no connection, however many a session opens.
"""

import asyncio
import socket
import ssl
from typing import Any, Final

import aiohttp

from crypto.certificate import pin_of
from crypto.errors import KeyFormatError
from crypto.types import Digest
from protocol.line.cells import CELL, MAX_K
from protocol.line.credit import CEILING

UNSENT: Final = 2 * MAX_K * CELL  # bytes that may wait unsent: two cells
SEND_BUFFER: Final = CEILING // 2  # bytes; the kernel doubles it: what credit allows
USER_TIMEOUT: Final = 60_000  # ms that sent bytes may stay unacknowledged by TCP
CONGESTION: Final = b"bbr"  # by rate: a lossy line is not taken for a full one
CONNECTIONS: Final = 4  # of one session at most: two requests, and two that replace

# What aiohttp would add to each request: it tells the path who asks, and costs bytes.
SILENT: Final = ("Accept", "Accept-Encoding", "User-Agent")


class Shallow(aiohttp.ClientWebSocketResponse):
    """A WebSocket that waits after each message until the connection took it.

    By default 64 KiB are written first, and nothing overtakes what is written.
    """

    def __init__(self, reader: Any, writer: Any, *rest: Any, **named: Any) -> None:  # noqa: ANN401 -- aiohttp's own, handed through
        super().__init__(reader, writer, *rest, **named)
        self.transport: asyncio.Transport = writer.transport
        self.transport.set_write_buffer_limits(high=UNSENT, low=0)
        writer._limit = 1  # noqa: SLF001 -- a server may set it, a client has no way


def http(pin: Digest) -> aiohttp.ClientSession:
    """Return what opens connections to the relay with this ``pin``, and no others.

    Connecting raises ``aiohttp.ClientConnectorCertificateError`` where the pin is
    another.
    """
    connector = aiohttp.TCPConnector(
        ssl=pinned(pin), limit=CONNECTIONS, socket_factory=_socket
    )
    return aiohttp.ClientSession(
        connector=connector,
        ws_response_class=Shallow,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=SILENT,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
    )


def pinned(pin: Digest) -> ssl.SSLContext:
    """Return TLS 1.3 that believes a pin instead of names and dates."""

    class Pinned(ssl.SSLObject):
        """One end of TLS that is not up before the pin was seen."""

        def do_handshake(self) -> None:
            super().do_handshake()
            der = self.getpeercert(binary_form=True)
            try:
                genuine = der is not None and pin_of(der) == pin
            except KeyFormatError:
                genuine = False
            if not genuine:
                raise ssl.SSLCertVerificationError

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # Pinned looks at the key itself
    context.sslobject_class = Pinned
    return context


def _socket(address: tuple[Any, ...]) -> socket.socket:
    """Return a socket in whose buffers little waits; all of it is best effort."""
    family, kind, protocol = address[:3]
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    options: tuple[tuple[str, int | bytes], ...] = (
        ("TCP_NOTSENT_LOWAT", UNSENT),
        ("TCP_USER_TIMEOUT", USER_TIMEOUT),
        ("TCP_CONGESTION", CONGESTION),
    )
    for name, value in options:
        option = getattr(socket, name, None)
        if option is not None:
            try:
                made.setsockopt(socket.IPPROTO_TCP, option, value)
            except OSError:  # a kernel without it: the line's credit is the safeguard
                continue
    return made
