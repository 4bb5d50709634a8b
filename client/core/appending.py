"""Leaves for the key log that this terminal carries to the relay.

A document with every signature that it needs proves itself, so any terminal may carry
it (docs/spec/requests.md).  It waits here, durably, until the log that this terminal
adopted has it, or until it would count for nothing; each session asks once more.
"""

from collections.abc import Iterable, Mapping

from client.core.questions import AppendWanted, Effect, Question
from client.core.station import Station
from crypto.digest import H
from crypto.types import Digest
from protocol.codec import Message, decode, encode
from protocol.errors import ProtocolError
from protocol.fields import V1
from protocol.key_log_entry import read_leaf, read_signed
from protocol.requests import Append, Ask, Document

QUEUE = "append"  # in the vault
MAX_QUEUE = 1 << 24  # bytes: far more than people sign between two sessions


class Queued(Message):
    """What waits, oldest first."""

    v: V1
    leaves: tuple[Document, ...] = ()


class Appending:
    """The leaves that wait, and what the relay said to them."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._beliefs = station.beliefs
        self._asked: set[Digest] = set()
        self._refused: set[Digest] = set()

    def connected(self, complete: Iterable[bytes] = ()) -> None:
        """Take note of a new session: what waits is asked for again.

        Args:
            complete: leaves that nobody may have carried yet: two who approve at once
                may each have seen a signature too few, and a crash may have come
                between the last one and the queue.
        """
        self._asked.clear()
        for leaf in complete:
            self.add(leaf)

    def add(self, leaf: bytes) -> Digest:
        """Keep a leaf until it is logged; return H(document).

        Raises:
            MalformedError: no leaf with a signed document.
        """
        name = _document(leaf)
        waiting = self._waiting()
        if name not in waiting:
            with self._vault.transaction():
                self._keep([*waiting.values(), leaf])
            # A crash before the commit: nobody was told that it waits.
        self._refused.discard(name)
        self._asked.discard(name)
        return name

    def pump(self) -> list[Effect]:
        """Return what to ask, and forget what is logged or would count for nothing."""
        waiting = self._waiting()
        open_ = {name: leaf for name, leaf in waiting.items() if self._counts(leaf)}
        if open_ != waiting:
            with self._vault.transaction():
                self._keep([*open_.values()])
        asked = [name for name in open_ if name not in self._asked]
        self._asked.update(asked)
        return [
            Question(AppendWanted(name), Ask.APPEND, Append(entry=open_[name]))
            for name in asked
        ]

    def answered(self, tag: AppendWanted, body: bytes | None) -> list[Effect]:
        """Take the relay's answer; what it logged comes back by the log itself."""
        if body is None:
            self._refused.add(tag.document)
        else:
            self._refused.discard(tag.document)
        return []

    def state(self, name: Digest) -> str | None:
        """Return "waiting", or "refused" by the relay; None: nothing of it waits."""
        if name not in self._waiting():
            return None
        return "refused" if name in self._refused else "waiting"

    def _counts(self, leaf: bytes) -> bool:
        directory = self._beliefs.directory
        if directory is None:
            return True
        if _document(leaf) in self._beliefs.logged:
            return False
        try:
            directory.check(leaf)
        except ProtocolError:
            return False
        return True

    def _waiting(self) -> Mapping[Digest, bytes]:
        kept = self._vault.get(QUEUE)
        if kept is None:
            return {}
        queued = decode(kept, Queued, limit=MAX_QUEUE)
        return {_document(leaf): leaf for leaf in queued.leaves}

    def _keep(self, leaves: list[bytes]) -> None:
        self._vault.put(QUEUE, encode(Queued(v=1, leaves=tuple(leaves))))


def _document(leaf: bytes) -> Digest:
    return H(read_signed(read_leaf(leaf).body).document)
