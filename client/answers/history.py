"""What a terminal answers about history: asked, agreed, sent again, read again."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from client.answers.names import ENOUGH, LEAST, Answer, Arguments, short
from client.answers.proposals import state_of
from client.clock import Clock
from client.core.history import Old, about_history, request_of, terminal_key
from client.core.machine import Machine
from client.core.ports import Vault
from client.core.resending import HistoryError
from client.core.rows import IN, OUT, RecordRow
from client.core.showing import require_shown
from client.exits import AgentRefusal, Exit
from client.harmless import harmless
from client.lists import PAGE
from client.operator.changes import find_post
from client.operator.showing import level_name, short_id
from client.present import envelope_of, iso, level_of, parts_of, subject_of
from protocol.bodies import HistoryAnswerBody, HistoryRequestBody
from protocol.errors import PolicyError
from protocol.record import Record
from protocol.record_type import RecordType

BEGINNING: Final = 0
DAY: Final = 86_400  # seconds


class HistoryCommands:
    """``koerier history``, among the terminal's methods."""

    def __init__(self, machine: Machine, vault: Vault, clock: Clock) -> None:
        self._machine = machine
        self._vault = vault
        self._clock = clock

    @property
    def methods(self) -> Mapping[str, Answer]:
        """The methods by name."""
        return {
            "history-ask": self._ask,
            "history-requests": self._requests,
            "history-show": self._show,
            "history-agree": self._agree,
            "history-refuse": self._refuse,
            "history-list": self._list,
            "history-read": self._read,
        }

    # --- asking

    def _ask(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        post, now = arguments["post"], self._clock.wall()
        find_post(state_of(self._machine), post)
        if post == self._machine.identity.post:
            raise _refusal("own-post", Exit.BAD_INPUT)
        since = _start(arguments.get("since"), BEGINNING)
        until = _start(arguments.get("until"), now - DAY) + DAY
        if since >= until:
            raise _refusal("no-span", Exit.BAD_INPUT)
        body = HistoryRequestBody(since=since, until=until, reason=arguments["reason"])
        wish = about_history(RecordType.HISTORY_REQUEST, body, post, now)
        name = self._machine.compose(wish, now).name
        online = self._machine.online
        return {"id": short(name), "name": name.hex(), "online": online}

    def _requests(self, _: Arguments) -> Any:  # noqa: ANN401 -- JSON
        rows = self._vault.history.of_type(RecordType.HISTORY_REQUEST)
        return [self._standing(row) for row in reversed(rows)]

    def _standing(self, row: RecordRow) -> Arguments:
        """Return how far one request is, ours or another's."""
        history, resending = self._machine.history, self._machine.resending
        asked, body = history.asked(row.name), request_of(row)
        other = row.post if asked is None else asked
        answer = resending.answer_to(row.name, OUT if row.way == IN else IN)
        here = left_out = 0
        if row.way == OUT:
            here = history.came_for(row.name)
            end = history.end_of(row.name, other)
            done, left_out = end is not None, 0 if end is None else end.left_out
        else:
            state = self._vault.history.resending(row.name)
            done = state is not None and bool(state.done)
            if state is not None:
                here, left_out = state.sent, state.left_out
        return {
            "id": short(row.name),
            "name": row.name.hex(),
            "ours": row.way == OUT,
            "post": other,
            "at": iso(row.at),
            "since": iso(body.since),
            "until": iso(body.until),
            "reason": harmless(body.reason),
            "standing": _word(answer, done=done),
            "refusal": None if answer is None else _said(answer),
            "records": None if answer is None else answer.records,
            "sent": here,
            "left_out": left_out,
        }

    # --- agreeing

    def _show(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        row = self._request(arguments["id"])
        found = self._standing(row)
        key = terminal_key(row)
        terminal = self._machine.beliefs.view().successor(key)
        found["terminal"] = None if terminal is None else terminal.number
        found["key"] = short_id(key)
        if found["standing"] != "open":
            return {**found, "offer": None, "why": None}
        try:
            offer = self._machine.resending.offer(row)
        except HistoryError as error:
            return {**found, "offer": None, "why": f"past.{error.trouble}"}
        return {
            **found,
            "why": None,
            "offer": {
                "records": offer.records,
                "highest": level_name(offer.highest),
                "first": None if offer.first is None else iso(offer.first),
                "last": None if offer.last is None else iso(offer.last),
                "too_many": offer.too_many,
            },
        }

    def _agree(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        row = self._request(arguments["id"])
        try:
            self._machine.resending.agree(row, self._clock.wall())
        except HistoryError as error:
            raise _refusal(error.trouble, Exit.REFUSED) from None
        return {**self._standing(row), "online": self._machine.online}

    def _refuse(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        row, now = self._request(arguments["id"]), self._clock.wall()
        try:
            self._machine.resending.refuse(row, arguments["reason"], now)
        except HistoryError as error:
            raise _refusal(error.trouble, Exit.REFUSED) from None
        return {**self._standing(row), "online": self._machine.online}

    def _request(self, beginning: str) -> RecordRow:
        """Return the one request that came and whose name begins so."""
        wanted = beginning.lower()
        found = [
            row
            for row in self._vault.history.of_type(RecordType.HISTORY_REQUEST)
            if row.way == IN and row.name.hex().startswith(wanted)
        ]
        if len(wanted) < LEAST or len(found) != 1:
            raise _refusal("no-request", Exit.BAD_INPUT)
        return found[0]

    # --- reading again

    def _list(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        older = arguments.get("older")
        last = None if older is None else self._old(older).row.name
        post = arguments.get("post")
        rows = self._vault.history.came(PAGE, last, post)
        return [self._line(self._machine.history.old(row)) for row in rows]

    def _line(self, old: Old) -> Arguments:
        """Return an old record without its text."""
        record, found = old.found.record, old.found
        member = found.member
        view = self._machine.beliefs.view()
        return {
            "id": short(found.name),
            "name": found.name.hex(),
            "type": RecordType(record.type).name.lower(),
            "post": record.sender,
            "level": level_of(record),
            "subject": self._subject(record),
            "written": iso(record.ts),
            "resent_by": old.row.post,
            "resent_at": iso(old.row.at),
            "terminal": found.terminal.number,
            "member": None if member is None else view.name(member.key_id),
            "key": short_id(found.terminal.key_id),
            "worth": old.worth.value,
            "ended": [end.reason for end in found.ends],
            "witnessed": None if found.witnessed is None else iso(found.witnessed),
        }

    def _read(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        old = self._old(arguments["id"])
        record = old.found.record
        self._require_shown(record)
        return {
            **self._line(old),
            **envelope_of(record),
            "parts": parts_of(record),
            "attachments": [harmless(one.name) for one in record.atts],
        }

    def _old(self, beginning: str) -> Old:
        """Return the one old record whose name begins so."""
        found = self._vault.history.named(beginning.lower(), ENOUGH)
        if len(beginning) < LEAST or len(found) != 1:
            raise _refusal("no-record", Exit.BAD_INPUT)
        return self._machine.history.old(found[0])

    def _subject(self, record: Record) -> str:
        """Return the subject, or nothing to a member who may not be shown it."""
        try:
            self._require_shown(record)
        except PolicyError:
            return ""
        return subject_of(record)

    def _require_shown(self, record: Record) -> None:
        beliefs, who = self._machine.beliefs, self._machine.identity
        require_shown(record, who, beliefs.view(), now=beliefs.witnessed)


def _word(answer: HistoryAnswerBody | None, *, done: bool) -> str:
    """Return where a request stands, as a code."""
    if answer is None:
        return "open"
    if answer.granted is None:
        return "refused"
    return "done" if done else "agreed"


def _said(answer: HistoryAnswerBody) -> str | None:
    return None if answer.reason is None else harmless(answer.reason)


def _start(day: str | None, otherwise: int) -> int:
    """Return the start of a day (yyyy-mm-dd) in UTC, as POSIX seconds."""
    if day is None:
        return otherwise
    try:
        moment = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
        return max(BEGINNING, int(moment.timestamp()))
    except (ValueError, OverflowError):
        raise AgentRefusal("send.no-day", Exit.BAD_INPUT, {}) from None


def _refusal(code: str, status: Exit) -> AgentRefusal:
    return AgentRefusal(f"past.{code}", status, {})
