"""Listeners: aiohttp with every bound that it does not have by itself.

Small header and body limits, no Server header, a silent peer is gone in seconds, a
peer that stops reading is dropped by the kernel, nothing is compressed and nothing
is logged per request, or for what a stranger sends.
"""

import asyncio
import logging
import resource
import socket
import ssl
from pathlib import Path
from typing import Any, Final, cast

from aiohttp import hdrs, http_exceptions, http_parser, web
from aiohttp.log import server_logger

from server.config import ConfigError, split_address
from server.files import write_atomic
from server.web.tcp import prepare

KEEPALIVE: Final = 10.0  # seconds that an idle HTTP connection may stand open
HANDSHAKE: Final = 10.0  # seconds of a TLS handshake
LINGERING: Final = 2.0  # seconds that the rest of a refused body is read
MAX_LINE: Final = 2_048  # bytes of a request line
MAX_FIELD: Final = 2_048  # bytes of one header
MAX_HEADERS: Final = 32
BACKLOG: Final = 512
SHUTDOWN: Final = 5.0  # seconds that open connections have to end


def require_parser() -> None:
    """Refuse to run on aiohttp's slow pure-Python HTTP parser.

    Raises:
        ConfigError: its C extension is missing.
    """
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise ConfigError("aiohttp without its C parser")


def _is_ours(record: logging.LogRecord) -> bool:
    """Say whether a fault is ours: what strangers send wrong fills no disk."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, http_exceptions.HttpProcessingError)


async def _no_server_header(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop(hdrs.SERVER, None)  # aiohttp's name and version


def runner(app: web.Application) -> web.AppRunner:
    """Return a runner for ``app`` with the bounds above."""
    app.on_response_prepare.append(_no_server_header)
    server_logger.addFilter(_is_ours)
    options: dict[str, Any] = {
        "keepalive_timeout": KEEPALIVE,
        "max_line_size": MAX_LINE,
        "max_field_size": MAX_FIELD,
        "max_headers": MAX_HEADERS,
        "lingering_time": LINGERING,
        "access_log": None,
        "handle_signals": False,
        "shutdown_timeout": SHUTDOWN,
        "tcp_keepalive": True,
    }
    return web.AppRunner(app, **options)


class _Site(web.BaseSite):
    """A listening socket whose TLS handshakes are bounded: by default 60 s are."""

    def __init__(
        self,
        started: web.AppRunner,
        listener: socket.socket,
        context: ssl.SSLContext | None,
    ) -> None:
        super().__init__(started)
        self._listener = listener
        self._context = context

    @property
    def name(self) -> str:
        """Where it listens, for aiohttp's own messages."""
        return str(self._listener.getsockname())

    async def start(self) -> None:
        """Accept connections."""
        await super().start()
        # BaseSite has refused a runner that is not set up, so there is a server.
        server = cast("web.Server", self._runner.server)
        self._server = await asyncio.get_running_loop().create_server(
            server,
            sock=self._listener,
            ssl=self._context,
            backlog=BACKLOG,
            ssl_handshake_timeout=HANDSHAKE if self._context else None,
            ssl_shutdown_timeout=SHUTDOWN if self._context else None,
        )


async def listen(
    started: web.AppRunner, address: str, context: ssl.SSLContext | None = None
) -> str:
    """Listen on ``host:port`` and return the address that was bound.

    Raises:
        OSError: the address is taken or not ours.
    """
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        prepare(listener)
        listener.bind((host, port))
        await _Site(started, listener, context).start()
    except BaseException:
        listener.close()
        raise
    bound_host, bound_port = listener.getsockname()[:2]
    shown = f"[{bound_host}]" if ":" in bound_host else bound_host
    return f"{shown}:{bound_port}"


async def listen_unix(started: web.AppRunner, path: Path) -> None:
    """Listen on a socket of mode 0600 at ``path``, whatever was left there.

    The process umask (077) is what makes it so from its first moment.
    """
    path.unlink(missing_ok=True)  # noqa: ASYNC240 -- once, before anyone connects
    await web.UnixSite(started, str(path), backlog=16).start()
    path.chmod(0o600)  # noqa: ASYNC240


def publish(path: Path, address: str) -> None:
    """Write where we listen; a crash leaves the old address or the new one."""
    write_atomic(path, (address + "\n").encode())


def many_files() -> None:
    """Let this process hold as many connections as the system lets it.

    With the usual 1,024 a crowd of strangers would leave no file for anybody else.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
