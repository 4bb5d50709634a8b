"""Cells: the only sizes that an observer of a session sees (docs/spec/line.md, 2).

A cell is k x 1,024 bytes, k = 1..16: frames, zeros, and one AES-256-GCM tag under
the key of its direction.  A lone control frame may travel in a short cell of 256
bytes.  A cell's number is never sent: it is the count of its direction, so a cell
that is lost, repeated or moved makes the next one fail to open.

A WebSocket message is exactly one cell.  The body of an HTTPS request or answer is
1-32 cells, each behind its k as one byte (0: short): :func:`bundle`.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from crypto.errors import OpenError
from protocol.errors import MalformedError
from protocol.line.frames import Frame, parse

CELL: Final = 1024  # bytes on the wire: a tenth of a second at 64 kbit/s
SHORT: Final = 256  # bytes of a short cell: control frames only
TAG: Final = 16  # bytes of AES-GCM's tag, inside the cell's size
MAX_K: Final = 16  # an envelope of the largest bucket is one cell
MAX_BUNDLE: Final = 32  # cells in one HTTPS body: bounds what is read at once
MAX_BODY: Final = MAX_BUNDLE * (MAX_K * CELL + 1)  # bytes of one HTTPS body


class Sealer(Protocol):
    """Seals one direction's frames; counts them itself."""

    def seal(self, cell: bytes, /) -> bytes:
        """Return the ciphertext and its tag: 16 bytes longer."""


class Opener(Protocol):
    """Opens one direction's frames; counts them itself."""

    def open_(self, sealed: bytes, /) -> bytes:
        """Return the plaintext, or raise crypto.errors.OpenError."""


def capacity(k: int) -> int:
    """Return the bytes of frames that a cell of size ``k`` holds (0: short)."""
    return (k * CELL if k else SHORT) - TAG


def fitting(used: int) -> int:
    """Return the smallest k whose cell holds ``used`` bytes of frames, at least 1."""
    return -(-(used + TAG) // CELL)


def seal_cell(sealer: Sealer, frames: bytes, k: int) -> bytes:
    """Return the cell of size ``k`` (0: short) with these encoded frames in it.

    Raises:
        ValueError: more frames than it holds, or k out of range: a caller's bug.
    """
    if not 0 <= k <= MAX_K or len(frames) > capacity(k):
        raise ValueError("frames do not fit the cell")
    return sealer.seal(frames.ljust(capacity(k), b"\0"))


def open_cell(opener: Opener, cell: bytes) -> tuple[Frame, ...]:
    """Return all frames of a cell that arrived, or none of them.

    Raises:
        MalformedError: a size that no cell has, a cell that is not the next one of
            this direction, frames or padding that are not as specified.
    """
    _k(len(cell))
    try:
        content = opener.open_(cell)
    except OpenError:
        raise MalformedError from None
    return tuple(parse(content))


def bundle(cells: Iterable[bytes]) -> bytes:
    """Return the HTTPS body that carries ``cells`` in this order."""
    return b"".join(bytes((_k(len(cell)),)) + cell for cell in cells)


def unbundle(body: bytes) -> tuple[bytes, ...]:
    """Return the cells of an HTTPS body; they are not yet opened.

    Raises:
        MalformedError: not whole cells, or more than MAX_BUNDLE of them.
    """
    cells: list[bytes] = []
    at = 0
    while at < len(body):
        k = body[at]
        end = at + 1 + (k * CELL if k else SHORT)
        if k > MAX_K or end > len(body) or len(cells) == MAX_BUNDLE:
            raise MalformedError
        cells.append(body[at + 1 : end])
        at = end
    return tuple(cells)


def _k(size: int) -> int:
    if size == SHORT:
        return 0
    k, rest = divmod(size, CELL)
    if rest or not 1 <= k <= MAX_K:
        raise MalformedError
    return k
