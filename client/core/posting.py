"""Bulletins that this terminal brings to witnesses, until each of them has it.

A restriction, or an order to destroy a vault, that was signed here goes past the relay
to every witness.  One that was silent gets it later: what is to be brought waits here,
durably, with the witnesses that have it already.  A witness that a newer root document
names gets it too.  Nothing waits any more

* once every witness of the root document has it;
* once the key log has the restriction: witnesses take it down then.  An order stays up,
  because the terminal that it is for reads no log any more (LOG-19);
* once it would count for nothing: it was lifted, or its signers are operators no more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta, structs

from client.core.station import Station
from crypto.types import Digest
from protocol.bulletins import MAX_BULLETIN
from protocol.codec import Message, decode, encode
from protocol.errors import BusyError, ProtocolError
from protocol.fields import V1, Line
from protocol.signed import Signed
from protocol.trusted_directory import TrustedDirectory
from protocol.zeroising import is_order

QUEUE: Final = "bulletins.due"  # in the vault
MAX_DUE: Final = 64  # far more than operators may have standing; the oldest go
MAX_WITNESSES: Final = 64
MAX_QUEUE: Final = MAX_DUE * (MAX_BULLETIN + MAX_WITNESSES * 1_024)  # bytes


class Waiting(Message):
    """A bulletin, and the names of the witnesses that have it."""

    data: Annotated[bytes, Meta(max_length=MAX_BULLETIN)]
    kept: Annotated[tuple[Line, ...], Meta(max_length=MAX_WITNESSES)] = ()


class Queued(Message):
    """What waits, oldest first."""

    v: V1
    waiting: Annotated[tuple[Waiting, ...], Meta(max_length=MAX_DUE)] = ()


@dataclass(frozen=True, slots=True)
class Due:
    """A bulletin to bring, and the names of the witnesses that lack it."""

    document: Digest
    data: bytes
    witnesses: tuple[str, ...]


class Posting:
    """The bulletins that wait, and who has them."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._beliefs = station.beliefs

    def add(self, data: bytes) -> None:
        """Keep a bulletin until every witness has it; one that no board takes is not.

        Args:
            data: the encoded carrier, whole.

        Raises:
            MalformedError: no carrier.
        """
        if len(data) > MAX_BULLETIN:
            return
        document = _document(data)
        waiting = self._waiting()
        if all(_document(one.data) != document for one in waiting):
            self._keep((*waiting, Waiting(data=data))[-MAX_DUE:])

    def due(self) -> list[Due]:
        """Return what is to be brought now, and forget what is not any more."""
        directory = self._beliefs.directory
        if directory is None:
            return []
        witnesses = directory.root.document.witnesses.witnesses
        waiting = self._waiting()
        found, still = [], []
        for one in waiting:
            left = tuple(w.name for w in witnesses if w.name not in one.kept)
            if left and self._counts(directory, one.data):
                found.append(Due(_document(one.data), one.data, left))
                still.append(one)
        self._keep(tuple(still))
        return found

    def kept(self, document: Digest, witnesses: Iterable[str]) -> None:
        """Note that these witnesses have a bulletin."""
        new = tuple(
            one
            if _document(one.data) != document
            else structs.replace(one, kept=tuple(sorted({*one.kept, *witnesses})))
            for one in self._waiting()
        )
        self._keep(new)

    def _counts(self, directory: TrustedDirectory, data: bytes) -> bool:
        signed = decode(data, Signed, limit=MAX_BULLETIN)
        if not is_order(signed) and signed.digest in self._beliefs.logged:
            return False
        try:
            directory.bulletin(signed)
        except BusyError:
            return True  # too many by this signer for now: it may count later
        except ProtocolError:
            return False
        return True

    def _waiting(self) -> tuple[Waiting, ...]:
        kept = self._vault.get(QUEUE)
        return () if kept is None else decode(kept, Queued, limit=MAX_QUEUE).waiting

    def _keep(self, waiting: tuple[Waiting, ...]) -> None:
        if waiting != self._waiting():
            with self._vault.transaction():
                self._vault.put(QUEUE, encode(Queued(v=1, waiting=waiting)))
            # A crash before the commit: a witness is brought once more what it has.


def _document(data: bytes) -> Digest:
    return decode(data, Signed, limit=MAX_BULLETIN).digest
