"""History that we asked for: each old record beside what its signatures are worth.

An old record comes inside one of today.  It is kept where it can be looked up and is
no message: nobody is told that it came, nothing is owed for it, and a record that is
in the archive already stays what it is there.

Source: docs/spec/history.md.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from client.core.compose import Wish, action
from client.core.rows import OUT, HistoryRow, RecordRow
from client.core.station import Station
from crypto.digest import H
from crypto.merkle import Frontier
from crypto.types import Digest, KeyId
from protocol.bodies import HistoryAnswerBody, HistoryRequestBody
from protocol.by_position import parse_inner, parse_slip
from protocol.checkpoint import parse_checkpoint
from protocol.codec import Message, decode
from protocol.errors import ProtocolError
from protocol.genuine import Genuine
from protocol.history import Resent, Seen, Worth, key_log_seen, resent
from protocol.label import Label, Level, Precedence
from protocol.limits import MAX_RECORD
from protocol.machine_bodies import HistoryBody, HistoryEndBody
from protocol.note import parse_note
from protocol.policy import WEEK
from protocol.record import Record
from protocol.record_type import RecordType
from protocol.root import RootDocument

LABEL: Final = Level.DEP_V  # who lost what, and why
HISTORY_COMPLETE: Final = "history-complete"  # the event


@dataclass(frozen=True, slots=True)
class Old:
    """An old record as it was sent again."""

    row: HistoryRow
    found: Resent
    worth: Worth


class History:
    """What was sent again to this terminal."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._beliefs = station.beliefs
        self._judged: dict[bytes, Seen | None] = {}  # notes, under the root in force

    def asked(self, request: Digest) -> str | None:
        """Return the post that we asked for history by a record of this name."""
        row = self._vault.record(request)
        if row is None or (row.way, row.type) != (OUT, RecordType.HISTORY_REQUEST):
            return None
        record = decode(row.document, Record, limit=MAX_RECORD)
        return record.to[0].post

    def came(self, carrier: Genuine, body: HistoryBody, now: int) -> None:
        """Keep an old record, inside the caller's transaction; it was accepted."""
        view = self._beliefs.view()
        old = resent(body, view, view.root, now=view.witnessed)
        row = self._vault.record(old.name)
        if row is not None and row.refused is None:
            return  # we have it as it was sent
        self._vault.history.add(
            HistoryRow(
                name=old.name,
                carrier=carrier.name,
                post=carrier.record.sender,
                at=now,
            )
        )

    def ended(self, carrier: Genuine, body: HistoryEndBody, now: int) -> None:
        """Note that a request is done, if it is ours."""
        if self.asked(body.request) == carrier.record.sender:
            post = carrier.record.sender
            self._vault.add_event(now, HISTORY_COMPLETE, body.request, post)

    def old(self, row: HistoryRow) -> Old:
        """Return an old record with its signers, verified again."""
        carrier = self._vault.record(row.carrier)
        if carrier is None:
            raise RuntimeError("history without the record that brought it")
        view = self._beliefs.view()
        found = resent(_body(carrier), view, view.root, now=view.witnessed)
        return Old(row, found, found.worth(self._seen(view.root)))

    def _seen(self, root: RootDocument) -> list[Seen]:
        """Return the key log at earlier times, by the notes that answers brought."""
        notes = {note for body in self._answers() for note in body.notes}
        new = notes - self._judged.keys()
        if new:
            roots = self._roots({size_of(note) for note in new})
            for note in new:
                self._judged[note] = key_log_seen(note, root, roots.get)
        return [one for note in notes if (one := self._judged[note]) is not None]

    def _answers(self) -> Iterator[HistoryAnswerBody]:
        for row in self._vault.history.of_type(RecordType.HISTORY_ANSWER):
            if row.way != OUT:
                record = decode(row.document, Record, limit=MAX_RECORD)
                yield decode(record.body, HistoryAnswerBody, limit=MAX_RECORD)

    def _roots(self, sizes: Collection[int]) -> dict[int, Digest]:
        """Return the roots of our own key log at these sizes, as far as it goes."""
        tree, found = Frontier(), {}
        for leaf, _ in self._vault.entries():
            tree = tree.append(leaf)
            if tree.size in sizes:
                found[tree.size] = tree.root()
        return found

    def came_for(self, request: Digest) -> int:
        """Return how many records came for a request."""
        return sum(
            _body(row).request == request
            for row in self._vault.history.of_type(RecordType.HISTORY)
            if row.way != OUT and row.refused is None
        )

    def end_of(self, request: Digest, post: str) -> HistoryEndBody | None:
        """Return the word of the post that no more will come."""
        for row in self._vault.history.of_type(RecordType.HISTORY_END):
            record = decode(row.document, Record, limit=MAX_RECORD)
            body = decode(record.body, HistoryEndBody, limit=MAX_RECORD)
            if row.way != OUT and (row.post, body.request) == (post, request):
                return body
        return None


def size_of(note: bytes) -> int:
    """Return the size that a note speaks of; 0: it is none."""
    try:
        return parse_checkpoint(parse_note(note).text).size
    except ProtocolError:
        return 0


def about_history(kind: RecordType, body: Message, post: str, now: int) -> Wish:
    """Return what a member asks or answers, under the label of such words."""
    label = Label(level=LABEL, until=now + WEEK)
    return Wish(kind, body, action((post,), Precedence.PRIORITY), label)


def request_of(row: RecordRow) -> HistoryRequestBody:
    """Return what a request says."""
    record = decode(row.document, Record, limit=MAX_RECORD)
    return decode(record.body, HistoryRequestBody, limit=MAX_RECORD)


def terminal_key(row: RecordRow) -> KeyId:
    """Return the key of the terminal that a record came from."""
    return parse_slip(parse_inner(row.inner).slip).key


def old_name(carrier: RecordRow) -> Digest:
    """Return H(record) of the old record that a carrier brings."""
    return H(parse_inner(_body(carrier).inner).record)


def _body(carrier: RecordRow) -> HistoryBody:
    record = decode(carrier.document, Record, limit=MAX_RECORD)
    return decode(record.body, HistoryBody, limit=MAX_RECORD)
