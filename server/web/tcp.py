"""Options of TCP sockets: little that waits unsent, and an end for dead peers.

What lies in the kernel unsent can no longer be overtaken, so a connection holds two
cells there.  All of it is best effort: the line's credit is the safeguard, and a
system without an option only loses what the option gives.
"""

import socket
import struct
from typing import Final

from protocol.line.cells import CELL, MAX_K
from protocol.line.credit import CEILING

UNSENT: Final = 2 * MAX_K * CELL  # bytes that may wait unsent: two cells
SEND_BUFFER: Final = CEILING // 2  # bytes; the kernel doubles it: what credit allows
USER_TIMEOUT: Final = 30_000  # ms that sent bytes may stay unacknowledged by TCP
CONGESTION: Final = b"bbr"  # by rate: a lossy line is not taken for a full one

_TCP: Final = socket.IPPROTO_TCP
_RECEIVED: Final = struct.Struct("@128xQ")  # tcpi_bytes_received of Linux's tcp_info


def prepare(listener: socket.socket) -> None:
    """Set what accepted connections inherit from their listener."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    _set(listener, "TCP_USER_TIMEOUT", USER_TIMEOUT)
    _set(listener, "TCP_NOTSENT_LOWAT", UNSENT)
    _set(listener, "TCP_CONGESTION", CONGESTION)


def _set(listener: socket.socket, name: str, value: int | bytes) -> None:
    option = getattr(socket, name, None)
    if option is None:  # another system
        return
    try:
        listener.setsockopt(_TCP, option, value)
    except OSError:  # a kernel without bbr, for one
        return


def received(connection: socket.socket | None) -> int:
    """Return the bytes that a connection has received; 0 where nothing tells."""
    option = getattr(socket, "TCP_INFO", None)
    if option is None or connection is None:
        return 0
    try:
        info = connection.getsockopt(_TCP, option, _RECEIVED.size)
    except OSError:  # a connection that has just ended
        return 0
    if len(info) < _RECEIVED.size:
        return 0
    (count,) = _RECEIVED.unpack(info)
    return int(count)
