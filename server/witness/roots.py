"""The root documents that a witness follows: whose checkpoints it cosigns, with what.

It starts from ``root.cbor`` in its home and follows what anybody shows it
(``POST /roots``): a root document proves itself, by the holders of the one before.  A
mirror could read them in its own entries; one that is none could not, so both are
shown them, by the relay, before it asks for a cosignature under the new one.

What is followed is durable (``data/roots``) before it counts.  With a new root document

* a log's key is the one that it names, so its notes are believed;
* the witness cosigns with those of its keys that it names, and beside them with those
  that an earlier one named, until they are put away: a terminal that was away looks
  for the old ones;
* the note that is shown gets the new lines too, so that nobody has to wait for growth.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import chain as flat
from pathlib import Path
from typing import Final

from crypto.notekey import NoteSigningKey
from protocol.errors import ProtocolError, VerificationError
from protocol.root_file import chain, read_roots, write_roots
from protocol.trusted_root import TrustedRoot
from server.keyring import named_in
from server.keys import WitnessSeeds
from server.storage.interfaces import StoreBrokenError
from server.witness.memory import replace_whole
from server.witness.noticeboard import Noticeboard
from server.witness.service import Witness

FILE: Final = "roots"


def recalled(first: Sequence[bytes], path: Path) -> tuple[bytes, ...]:
    """Return the leaves to start from: the home's, or those followed since.

    Args:
        first: of ``root.cbor`` in the home.
        path: of what was followed; the longer of the two counts.

    Raises:
        StoreBrokenError: it cannot be read, or is of another ministry.
    """
    try:
        kept = read_roots(path.read_bytes())
    except FileNotFoundError:
        return tuple(first)
    except ProtocolError:
        raise StoreBrokenError("the root documents cannot be read") from None
    longer = max(kept, tuple(first), key=len)
    if longer[0] != first[0]:
        raise StoreBrokenError("the root documents are of another ministry")
    return longer


def signing(
    roots: Sequence[TrustedRoot], ring: Sequence[WitnessSeeds]
) -> list[NoteSigningKey]:
    """Return the keys that cosign under the last of ``roots``, the newest first."""
    return [*flat.from_iterable(named_in([r.document for r in roots], ring))]


class Roots:
    """The chain of one witness, and what follows from it."""

    def __init__(
        self,
        path: Path,
        leaves: Sequence[bytes],
        roots: Sequence[TrustedRoot],
        ring: Callable[[], Sequence[WitnessSeeds]],
    ) -> None:
        """Take what was recalled.

        Args:
            path: where what is followed is kept.
            leaves: the chain so far.
            roots: the root after each of them.
            ring: reads the witness's keys; asked at each new root document, so that
                a pair that was made since the start is found.
        """
        self._path = path
        self._leaves = tuple(leaves)
        self._roots = tuple(roots)
        self._ring = ring
        self._lock = asyncio.Lock()

    async def post(self, data: bytes, witness: Witness, board: Noticeboard) -> None:
        """Follow the chain in ``data``, if it leads on; durable when this returns.

        Raises:
            MalformedError: not a file of root documents.
            VerificationError: of another ministry, or it does not hold.
            StoreFullError: no room; nothing changed.
            OSError: the disk failed; the process ends.
        """
        leaves = read_roots(data)
        if leaves[0] != self._leaves[0]:
            raise VerificationError("root documents of another ministry")
        async with self._lock:
            if len(leaves) <= len(self._leaves):
                return
            roots = await asyncio.to_thread(chain, leaves, realm=self._roots[0].realm)
            if self._roots[-1].digest not in roots[-1].past:
                raise VerificationError("not the way that was followed")
            # A crash before this: the relay shows it again; after it: a start from it.
            await asyncio.to_thread(replace_whole, self._path, write_roots(leaves))
            self._leaves, self._roots = leaves, roots
            board.govern(roots[-1])
            await witness.govern(roots[-1].document, signing(roots, self._ring()))
