"""The witness's bulletins: what a hostile relay would not log, for all to read.

Checked before it is kept, bounded, once each, durable before it is served
(:mod:`protocol.bulletins`).  Whose signature counts: an operator's of the root
document; at a mirror, any key of the directory that its own cosigned entries give.  A
mirror also sees when the key log has a restriction, and takes it down.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from crypto.sign import Realm, VerifyKey
from crypto.types import Digest, KeyId
from protocol.bulletins import MAX_BULLETIN, Board, Bulletins
from protocol.codec import decode, encode
from protocol.errors import ProtocolError
from protocol.key_log_entry import LeafKind, read_leaf, read_signed
from protocol.signed import Signed
from protocol.trusted_root import TrustedRoot
from server.clock import Clock
from server.services.directory import Directory
from server.storage.interfaces import StoreFullError
from server.witness.memory import recall_board, remember_board
from server.witness.service import Witness

FILE: Final = "bulletins"
PAGE: Final = 1_024  # entries read at a time


class Noticeboard:
    """The board of one witness."""

    def __init__(
        self, path: Path, root: TrustedRoot, witness: Witness, clock: Clock
    ) -> None:
        """Take over what the file at ``path`` holds.

        Raises:
            StoreBrokenError: it cannot be read.
        """
        self._path = path
        self._root = root
        self._witness = witness
        self._clock = clock
        self._board = recall_board(path)
        self._directory: Directory | None = None
        self._logged: set[Digest] = set()  # restrictions in the cosigned key log
        self._lock = asyncio.Lock()

    def govern(self, root: TrustedRoot) -> None:
        """Let the operators of another root document count, where we are no mirror."""
        self._root = root

    def served(self) -> bytes:
        """Return the encoded bulletins, oldest first."""
        return encode(Bulletins(v=1, bulletins=self._board.bulletins))

    async def post(self, data: bytes) -> None:
        """Keep a bulletin; durable when this returns.

        Raises:
            MalformedError: neither a signed restriction nor an order.
            VerificationError: nobody signed it who is known here, or an order not
                by two operators.
            BusyError: its signer, or everybody who is no operator, has no room.
            StoreFullError: no room on the disk; the board is as it was.
            OSError: the disk failed; the process ends.
        """
        signed = decode(data, Signed, limit=MAX_BULLETIN)
        async with self._lock:
            await self._follow()
            known = self._keys([line.key for line in signed.signatures])
            realm: Realm = self._root.realm
            board = self._board.post(
                data, known, realm, operators=self._operators.keys()
            )
            await self._replace(board.without(self._logged))

    async def tidy(self) -> None:
        """Take down what the cosigned key log has.

        A full disk keeps it all up until the next time: it is true, and only late.

        Raises:
            OSError: the disk failed; the process ends.
        """
        if not self._board.kept:
            return
        async with self._lock:
            await self._follow()
            with contextlib.suppress(StoreFullError):
                await self._replace(self._board.without(self._logged))

    async def _replace(self, board: Board) -> None:
        if board != self._board:
            # A crash before the write: nobody was told; after it: it is served.
            await asyncio.to_thread(remember_board, self._path, board)
            self._board = board

    @property
    def _operators(self) -> Mapping[KeyId, VerifyKey]:
        if self._directory is None:
            return self._root.operators
        return self._directory.trusted.root.operators

    def _keys(self, wanted: Sequence[KeyId]) -> Mapping[KeyId, VerifyKey]:
        if self._directory is None:
            return {
                key: self._operators[key] for key in wanted if key in self._operators
            }
        state = self._directory.trusted.state
        found = {key: state.known(key) for key in wanted}
        return {key: known for key, known in found.items() if known is not None}

    async def _follow(self) -> None:
        """Bring the directory to what was cosigned."""
        origin = self._root.document.key_log.origin
        while self._witness.mirrors(origin):
            start = 0 if self._directory is None else self._directory.trusted.size
            leaves = await self._witness.entries(origin, start, PAGE)
            if not leaves:
                break
            self._directory = await asyncio.to_thread(
                _grown, self._directory, leaves, self._clock.wall()
            )
            self._logged |= _restrictions(leaves)


def _grown(directory: Directory | None, leaves: Sequence[bytes], now: int) -> Directory:
    if directory is None:
        return Directory.founded(leaves, now)
    return directory.logged(leaves, now)


def _restrictions(leaves: Sequence[bytes]) -> set[Digest]:
    found = set()
    for leaf in leaves:
        try:
            entry = read_leaf(leaf)
            if entry.kind is LeafKind.RESTRICTION:
                found.add(read_signed(entry.body).digest)
        except ProtocolError:
            continue  # it counts for nothing, here as in the directory
    return found
