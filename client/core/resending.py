"""Sending old records again, to a terminal that asked and a member who agreed.

Nothing leaves by itself: a member of this post signs the answer to each request.  From
then on a machine carries it out.  A few records are on their way at a time, so that
the line stays free for today's; how far it is stands in the vault, so that a crash or
a month without a line costs nothing and sends nothing twice.

Each goes under the label of the old record, by the same rules as anything that is sent:
what the terminal may not have, or is too large, is left out and counted.

Source: docs/spec/history.md.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from client.core.compose import Composed, Wish, action
from client.core.evidence import inner_sent
from client.core.history import about_history, request_of, size_of, terminal_key
from client.core.kept_notes import kept_notes
from client.core.rows import IN, OUT, RecordRow, ResendingRow
from client.core.station import Station
from client.core.writing import Writing
from crypto.types import Digest
from protocol.bodies import MAX_ENDS, HistoryAnswerBody, HistoryRequestBody
from protocol.codec import decode
from protocol.directory_view import Terminal
from protocol.errors import ProtocolError
from protocol.history import label_of_resent, may_be_resent, resent
from protocol.label import Level, Precedence
from protocol.limits import MAX_RECORD, MAX_RESENT
from protocol.machine_bodies import HistoryBody, HistoryEndBody
from protocol.record import Record
from protocol.record_type import RecordType

AT_ONCE: Final = 16  # records on their way to one terminal
MAX_OFFER: Final = 10_000  # records for one request: who wants more asks by years
HISTORY_AGREED: Final = "history-agreed"  # the events
HISTORY_SENT: Final = "history-sent"


class Trouble(enum.StrEnum):
    """Why a request is not carried out."""

    ANSWERED = "answered"
    TOO_MANY = "too-many"
    GONE = "gone"  # the terminal that asked is none of its post any more


class HistoryError(Exception):
    """A request cannot be answered so; nothing was changed."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Offer:
    """What a request asks for, as this vault has it."""

    terminal: Terminal  # who asked
    request: HistoryRequestBody
    records: int
    highest: Level | None  # of them
    first: int | None  # written or received, POSIX seconds
    last: int | None
    too_many: bool


class Resending:
    """Answers requests, and carries out what was agreed."""

    def __init__(self, station: Station, writing: Writing) -> None:
        self._station = station
        self._vault = station.vault
        self._beliefs = station.beliefs
        self._writing = writing
        self._open = True  # perhaps: the vault is looked at once

    # --- people

    def offer(self, row: RecordRow) -> Offer:
        """Return what a request that came would send.

        Raises:
            HistoryError: the terminal that asked is not one of its post any more.
        """
        body = request_of(row)
        terminal = self._asking(row)
        rows = self._exchanged(row.post, body, self._vault.history.last_place())
        levels = [
            record.label.level
            for _, old in rows
            if (record := decode(old.document, Record, limit=MAX_RECORD)).label
        ]
        return Offer(
            terminal=terminal,
            request=body,
            records=len(rows),
            highest=max(levels, default=None),
            first=rows[0][1].at if rows else None,
            last=rows[-1][1].at if rows else None,
            too_many=len(rows) > MAX_OFFER,
        )

    def agree(self, row: RecordRow, now: int) -> Composed:
        """Keep the consent of who sits, signed by them, and begin.

        Raises:
            HistoryError: it was answered, asks for too much, or nobody asks any more.
            PolicyError: the answer may not go; nothing was agreed.
        """
        self._require_open(row)
        offer = self.offer(row)
        if offer.too_many:
            raise HistoryError(Trouble.TOO_MANY)
        body = HistoryAnswerBody(
            request=row.name,
            granted=1,
            records=offer.records,
            notes=self._notes(row.post),
        )
        state = ResendingRow(
            request=row.name,
            post=row.post,
            terminal=offer.terminal.first,
            since=offer.request.since,
            until=offer.request.until,
            last=self._vault.history.last_place(),
        )
        with self._vault.transaction():
            composed = self._answered(row, body, now)
            self._vault.history.set_resending(state)
            self._vault.add_event(now, HISTORY_AGREED, row.name, row.post)
        # A crash before the commit: nobody agreed; after it: `pump` begins.
        self._open = True
        return composed

    def _notes(self, post: str) -> tuple[bytes, ...]:
        """Return the checkpoints from before keys of the two posts ended (HIST-7)."""
        kept = [(size_of(note), note) for note in kept_notes(self._vault)]
        found: dict[bytes, None] = {}
        for index in self._ends((post, self._station.identity.post)):
            before = [pair for pair in kept if pair[0] <= index]
            if before:
                found[max(before)[1]] = None
        return tuple(found)[-MAX_ENDS:]

    def _ends(self, posts: Iterable[str]) -> list[int]:
        """Return the positions of the entries that ended a key of these posts."""
        view, directory = self._beliefs.view(), self._beliefs.directory
        known = {} if directory is None else directory.state.posts
        ends = {
            key.ended.index
            for post in posts
            if post in known
            for holder in known[post].holders
            for key_id in holder.lineage()
            if (key := view.terminal(key_id) or view.member(key_id)) and key.ended
        }
        return sorted(index for index in ends if index is not None)

    def refuse(self, row: RecordRow, reason: str, now: int) -> Composed:
        """Send the no of who sits.

        Raises:
            HistoryError: it was answered.
            PolicyError: the answer may not go.
        """
        self._require_open(row)
        body = HistoryAnswerBody(request=row.name, reason=reason)
        return self._answered(row, body, now)

    def _answered(self, row: RecordRow, body: HistoryAnswerBody, now: int) -> Composed:
        wish = about_history(RecordType.HISTORY_ANSWER, body, row.post, now)
        return self._writing.compose(wish, now)

    def answer_to(self, request: Digest, way: int) -> HistoryAnswerBody | None:
        """Return the answer to a request, that we gave (OUT) or got (IN)."""
        asked = self._vault.record(request)
        for row in self._vault.history.of_type(RecordType.HISTORY_ANSWER):
            record = decode(row.document, Record, limit=MAX_RECORD)
            body = decode(record.body, HistoryAnswerBody, limit=MAX_RECORD)
            if row.way != way or body.request != request or asked is None:
                continue
            if way == IN and row.post not in _posts(asked):
                continue  # only the post that was asked answers
            return body
        return None

    def _require_open(self, row: RecordRow) -> None:
        if self.answer_to(row.name, way=OUT) is not None:
            raise HistoryError(Trouble.ANSWERED)

    def _asking(self, row: RecordRow) -> Terminal:
        """Return the terminal that asked, if it is current."""
        found = self._beliefs.view().successor(terminal_key(row))
        if found is None or found.ended is not None:
            raise HistoryError(Trouble.GONE)
        return found

    def _exchanged(
        self, post: str, body: HistoryRequestBody, last: int
    ) -> list[tuple[int, RecordRow]]:
        span, places = (body.since, body.until), (0, last)
        return self._vault.history.exchanged(post, span, places, MAX_OFFER + 1)

    # --- the machine

    def pump(self, now: int) -> None:
        """Put the next old records of each agreed request into the outbox."""
        if not self._open:
            return
        states = self._vault.history.open_resendings()
        self._open = bool(states)
        for state in states:
            known = self._beliefs.view().successor(state.terminal)
            if known is None or known.ended is not None:
                self._stop(state, known)
                continue
            room = AT_ONCE - self._vault.history.on_the_way(state.terminal)
            if room >= AT_ONCE // 2:
                self._next(state, room, now)

    def _stop(self, state: ResendingRow, known: Terminal | None) -> None:
        """Send nothing to a terminal that has ended; a suspended one may come back."""
        if known is None or known.ended is None or known.ended.reason == "restricted":
            return
        with self._vault.transaction():
            self._vault.history.set_resending(replace(state, done=1))

    def _next(self, state: ResendingRow, room: int, now: int) -> None:
        """Queue a few more, and keep how far it is, together."""
        span, places = (state.since, state.until), (state.cursor, state.last)
        rows = self._vault.history.exchanged(state.post, span, places, room)
        terminal = state.terminal
        with self._vault.transaction():
            for place, row in rows:
                wish = self._carrier(state, row)
                went = wish is not None and self._writing.carry(wish, terminal, now)
                state = replace(
                    state,
                    cursor=place,
                    sent=state.sent + went,
                    left_out=state.left_out + (not went),
                )
            if len(rows) < room:
                self._writing.carry(self._end(state), terminal, now)
                state = replace(state, done=1)
                name = state.request
                self._vault.add_event(now, HISTORY_SENT, name, state.post)
            self._vault.history.set_resending(state)
        # A crash before the commit: none of these was queued, and the next pump takes
        # the same; after it: they wait in the outbox as anything does.

    def _end(self, state: ResendingRow) -> Wish:
        body = HistoryEndBody(
            request=state.request, sent=state.sent, left_out=state.left_out
        )
        to = action((state.post,), Precedence.ROUTINE)
        return Wish(RecordType.HISTORY_END, body, to)

    def _carrier(self, state: ResendingRow, row: RecordRow) -> Wish | None:
        """Return an old record inside one of today; None: it cannot go so."""
        record = decode(row.document, Record, limit=MAX_RECORD)
        own = self._station.identity.post
        found = self._signed(row)
        if found is None or not may_be_resent(record, state.post, own):
            return None
        inner, sealed, proof = found
        body = HistoryBody(
            request=state.request,
            number=state.sent + 1,
            inner=inner,
            body=sealed,
            proof=proof,
        )
        view = self._beliefs.view()
        try:
            resent(body, view, view.root, now=view.witnessed)
        except ProtocolError:
            return None  # nobody could verify it
        return Wish(
            type=RecordType.HISTORY,
            body=body,
            to=action((state.post,), Precedence.ROUTINE),
            label=label_of_resent(record, state.post),
        )

    def _signed(self, row: RecordRow) -> tuple[bytes, Digest, bytes | None] | None:
        """Return the signed parts of a record, H(its body) and its proof, if kept."""
        if row.way == IN:
            found = row.inner, Digest(row.leaf[-32:]), row.proof
        else:
            kept = [one for one in self._vault.deposits(row.name) if one.signature]
            if not kept:
                return None  # sealed before signatures of slips were kept
            # A proof says more than none; and of several, the earliest.
            kept.sort(key=lambda one: (one.proof is None, one.log_index or 0))
            first = kept[0]
            sealed = Digest(first.leaf[-32:])
            found = inner_sent(row, first), sealed, first.proof
        return found if len(found[0]) <= MAX_RESENT else None


def _posts(row: RecordRow) -> frozenset[str]:
    record = decode(row.document, Record, limit=MAX_RECORD)
    return frozenset(to.post for to in record.to)
