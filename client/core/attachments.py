"""Attachments on their way: what to announce, send, fetch and believe, and when.

The message goes first.  When the relay has it, each blob is announced for the mailboxes
of its addressees and sent from the offset that is durable there; the sender keeps it
until every addressee's receipt lists it.  A receiver wishes for the blobs of a record
that was admitted, opens each to its end when it is there (the shell does, in constant
memory), and says *delivered* once more when it has them all: only the proof of a whole,
genuine attachment (:class:`crypto.stream.VerifiedAttachment`) moves one on.

All of it is in the vault: after a crash or a cut everything that is open is announced
and wished for again, and nothing that was acknowledged is sent again.

Source: docs/spec/attachments.md, sections 2 and 3.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from client.core.attached import Spooled, blob_size, demanded
from client.core.questions import (
    BlobAnnounced,
    BlobKept,
    BlobTag,
    BlobWanted,
    Drop,
    Effect,
    Question,
    Upload,
)
from client.core.rows import IN, OUT, BlobRow, BlobState
from client.core.station import Station
from crypto.digest import H, T
from crypto.stream import AttachmentNames, VerifiedAttachment
from crypto.suite import SuiteId
from crypto.types import Digest, Mailbox, Secret
from protocol.codec import decode, encode
from protocol.delivery import State
from protocol.genuine import Genuine
from protocol.limits import MAX_RECORD
from protocol.line.frames import ID_SIZE
from protocol.receipt import Kind, Statement
from protocol.record import Attachment, Record
from protocol.record_type import rule_of
from protocol.requests import Announce, Announced, Ask, Fetch, Kept

MAX_MOVING: Final = 2  # uploads at a time: the next opens while one waits for its ACK
MAX_TRIES: Final = 3  # fetches in one session of a blob that turns out false
MAX_WISHES: Final = 512  # of one session; the relay takes more
LANE: Final = 3
_AT_RELAY: Final = frozenset(
    {
        State.STORED,
        State.ACCEPTED,
        State.DELIVERED,
        State.READ,
        State.ACKNOWLEDGED,
    }
)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a blob that came must turn out to be, under one of these suites."""

    suites: tuple[SuiteId, ...]
    key: Secret
    names: AttachmentNames


class Attachments:
    """The blobs of one terminal, sent and received."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._blobs = station.vault.blobs
        self._beliefs = station.beliefs
        self._announced: dict[tuple[Digest, Digest], frozenset[Mailbox]] = {}
        self._wished: dict[tuple[Digest, Digest], int] = {}  # tries in this session
        self._kept: set[tuple[Digest, Digest]] = set()
        self._queue: list[BlobRow] = []  # to be sent, most urgent first
        self._moving: dict[bytes, BlobRow] = {}

    def connected(self) -> None:
        """Take note of a new session: everything open is asked for anew."""
        self._announced.clear()
        self._wished.clear()
        self._kept.clear()
        self._queue.clear()
        self._moving.clear()

    # --- what there is, inside the caller's transaction

    def enqueue(self, name: Digest, record: Record, spooled: Iterable[Spooled]) -> None:
        """Note the spooled blobs of a record that was composed."""
        lane = record.precedence.lane
        for one in spooled:
            self._blobs.add(
                BlobRow(
                    name=name,
                    blob=one.line.blob,
                    way=OUT,
                    file=one.file,
                    total=one.total,
                    lane=lane,
                )
            )

    # --- what to do

    def pump(self) -> list[Effect]:
        """Return what can be done now."""
        effects: list[Effect] = []
        for row in self._blobs.open_(OUT):
            effects.extend(self._outgoing(row))
        wishes = 0
        for row in self._blobs.open_(IN):
            wishes += row.state is BlobState.WAITING
            if wishes <= MAX_WISHES:
                effects.extend(self._incoming(row))
        return effects

    def _outgoing(self, row: BlobRow) -> list[Effect]:
        targets = self._vault.targets(row.name)
        if all(target.delivery.released for target in targets):
            with self._vault.transaction():
                self._blobs.set_state(row, BlobState.DONE)
                # A crash after this commit: the file is litter, and goes at the start.
            return [Drop(row.file)]
        view = self._beliefs.view()
        terminals = (
            view.successor(target.terminal)
            for target in targets
            if target.delivery.state in _AT_RELAY and not target.delivery.released
        )
        mailboxes = frozenset(
            terminal.mailbox
            for terminal in terminals
            if terminal is not None and terminal.ended is None
        )
        key = (row.name, row.blob)
        if not mailboxes or self._announced.get(key) == mailboxes:
            return []
        self._announced[key] = mailboxes
        body = Announce(
            blob=row.blob, total=row.total, mailboxes=tuple(sorted(mailboxes))
        )
        return [Question(BlobAnnounced(*key), Ask.ANNOUNCE, body, LANE)]

    def _incoming(self, row: BlobRow) -> list[Effect]:
        key = (row.name, row.blob)
        if row.state is BlobState.MOVED:
            if key in self._kept:
                return []
            self._kept.add(key)
            return [Question(BlobKept(*key), Ask.KEPT, Kept(blob=row.blob), LANE)]
        if key in self._wished:
            return []
        self._wished[key] = 0
        return [Question(BlobWanted(*key), Ask.FETCH, Fetch(blob=row.blob), LANE)]

    # --- the relay's answers

    def answered(self, tag: BlobTag, body: bytes | None, now: int) -> list[Effect]:
        """Take the answer to a question of ours; None: the relay refused it.

        Raises:
            MalformedError: no such answer.
        """
        row = self._blobs.row(tag.name, tag.blob)
        if row is None or isinstance(tag, BlobWanted):
            return []  # a blob that is wished for comes by itself when it is there
        if body is None:  # not now: asked again in the next session
            if isinstance(tag, BlobAnnounced):
                self._note("attachment-refused", row, now)
            return []
        if isinstance(tag, BlobKept):
            with self._vault.transaction():
                self._blobs.set_state(row, BlobState.DONE)
            return []
        if decode(body, Announced).durable >= row.total:
            self._moved(row, now)
            return []
        self._queue.append(row)
        return self._next()

    # --- sending

    def _next(self) -> list[Effect]:
        """Return the uploads that begin now: the most urgent, the oldest first."""
        effects: list[Effect] = []
        self._queue.sort(key=lambda row: (row.lane, row.number))
        while self._queue and len(self._moving) < MAX_MOVING:
            row = self._queue.pop(0)
            if row.blob[:ID_SIZE] not in self._moving:
                self._moving[row.blob[:ID_SIZE]] = row
                effects.append(Upload(row.blob, row.file, row.total))
        return effects

    def uploaded(self, short: bytes, now: int) -> list[Effect]:
        """Take note that the relay has all of a blob, compared with its name."""
        row = self._moving.pop(short, None)
        if row is not None:
            self._moved(row, now)
        return self._next()

    def not_taken(self, short: bytes, now: int) -> list[Effect]:
        """Take note that an upload ended unfinished: refused, or its file is hurt."""
        row = self._moving.pop(short, None)
        if row is not None:
            self._note("attachment-refused", row, now)
        return self._next()

    def _moved(self, row: BlobRow, now: int) -> None:
        if row.state is not BlobState.WAITING:
            return
        with self._vault.transaction():
            self._blobs.set_state(row, BlobState.MOVED)
            # A crash before this commit: it is announced again, and is there.
            rows = self._blobs.of(row.name)
            if all(one.state is not BlobState.WAITING for one in rows):
                self._vault.add_event(now, "attachments-stored", row.name, "")

    # --- receiving

    def offered(self, short: bytes, total: int, now: int) -> BlobRow | None:
        """Return the blob that the relay offers, if we wished for it as it is."""
        for row in self._blobs.open_(IN):
            wished = (row.name, row.blob) in self._wished
            if row.blob[:ID_SIZE] != short or row.state is not BlobState.WAITING:
                continue
            if wished and row.total == total:
                return row
            if wished:
                self._note("attachment-false", row, now)
        return None

    def demand(self, row: BlobRow) -> Demand:
        """Return what the blob must turn out to be: the signed record's line."""
        root = self._beliefs.view().root
        retired = (old.suite for old in root.opens)
        key, names = demanded(self._line(row))
        return Demand((root.suite, *retired), key, names)

    def verified(
        self, row: BlobRow, suite: SuiteId, proof: VerifiedAttachment, now: int
    ) -> list[Effect]:
        """Believe a blob that was opened to its end; say so when they all were.

        Raises:
            RuntimeError: a proof of another attachment, a bug of the shell.
        """
        if proof.names != demanded(self._line(row))[1]:
            raise RuntimeError("a proof of another attachment")
        current = self._blobs.row(row.name, row.blob)
        if current is None or current.state is not BlobState.WAITING:
            return []
        with self._vault.transaction():
            self._blobs.set_state(replace(row, suite=suite), BlobState.MOVED)
            if all(
                one.state is not BlobState.WAITING for one in self._blobs.of(row.name)
            ):
                self._say_complete(row.name, now)
            # A crash before this commit: the file is here and is opened again.
        return self.pump()

    def false(self, row: BlobRow, now: int) -> list[Effect]:
        """Throw away a blob that is not what the record says, and fetch it anew.

        Not without end: after MAX_TRIES it waits for the next session.
        """
        self._note("attachment-false", row, now)
        effects: list[Effect] = [Drop(row.file)]
        key = (row.name, row.blob)
        tries = self._wished.pop(key, 0) + 1
        if tries < MAX_TRIES:
            effects.extend(self._incoming(row))
        self._wished[key] = tries
        return effects

    def no_room(self, row: BlobRow, now: int) -> None:
        """Write down that this machine cannot take a blob now."""
        self._note("attachment-no-room", row, now)

    def _say_complete(self, name: Digest, now: int) -> None:
        row = self._vault.record(name)
        if row is None:
            raise RuntimeError("a blob without its record")
        record = decode(row.document, Record, limit=MAX_RECORD)
        self._vault.add_event(now, "attachments-complete", name, row.post)
        rule = rule_of(record.type)
        if rule is None or not rule.receipted:
            return
        statement = Statement(
            kind=Kind.DELIVERED,
            record=name,
            id=record.id,
            time=now,
            index=row.log_index,
            blobs=tuple(sorted({line.blob for line in record.atts})),
        )
        self._vault.owe_receipt(row.post, encode(statement), record.precedence)

    def _line(self, row: BlobRow) -> Attachment:
        kept = self._vault.record(row.name)
        if kept is None:
            raise RuntimeError("a blob without its record")
        record = decode(kept.document, Record, limit=MAX_RECORD)
        return next(line for line in record.atts if line.blob == row.blob)

    def _note(self, what: str, row: BlobRow, now: int) -> None:
        with self._vault.transaction():
            self._vault.add_event(now, what, row.name, "")


def expected(found: Genuine) -> list[BlobRow]:
    """Return the blobs that a record which was admitted still needs."""
    rows: dict[Digest, BlobRow] = {}
    for line in found.record.atts:
        rows.setdefault(
            line.blob,
            BlobRow(
                name=found.name,
                blob=line.blob,
                way=IN,
                file=H(T(b"file", found.name, line.blob)).hex()[:32],
                total=blob_size(line.length),
                lane=found.record.precedence.lane,
            ),
        )
    return list(rows.values())
