"""What a terminal answers to a message that is to be sent."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final

from client.answers.attachments import spooled
from client.answers.names import Answer, Arguments, short
from client.clock import Clock
from client.core.compose import Wish, action
from client.core.machine import Machine
from client.exits import AgentRefusal, Exit
from client.vault.spool import Spool
from protocol.bodies import MAX_PARAGRAPHS, CableBody, Paragraph
from protocol.errors import PolicyError, Reason
from protocol.incident.check import parse
from protocol.incident.model import to_body
from protocol.incident.problems import ReportError
from protocol.label import SHORT, Label, Level, Precedence
from protocol.limits import MAX_TEXT
from protocol.record import Addressee, Role
from protocol.record_type import RecordType

MAX_LINE: Final = 1_000  # characters: protocol.fields.Line; a test compares them
_POST: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_LEVELS: Final = {short_name: level for level, short_name in SHORT.items()}


class WritingCommands:
    """``send`` and ``incident``, among the terminal's methods."""

    def __init__(self, machine: Machine, clock: Clock, spool: Spool) -> None:
        self._machine = machine
        self._clock = clock
        self._spool = spool

    @property
    def methods(self) -> Mapping[str, Answer]:
        """The methods by name."""
        return {"send": self._send, "incident": self._incident}

    def _send(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        _require_writable(arguments)
        precedence = Precedence[arguments["precedence"]]
        to = action(tuple(arguments["to"]), precedence) + tuple(
            Addressee(post=post, role=Role.INFO, precedence=precedence)
            for post in arguments.get("info", ())
        )
        paragraphs = [part for part in arguments["text"].split("\n\n") if part.strip()]
        body = CableBody(
            subject=arguments["subject"],
            paragraphs=tuple(Paragraph(text=part.strip()) for part in paragraphs),
        )
        label = _label(arguments)
        self._require_future(label)
        files = spooled(arguments, self._spool)
        wish = Wish(RecordType.CABLE, body, to, label, spooled=files)
        return self._compose(wish)

    def _incident(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        try:
            report = parse(arguments["report"].encode(), "report")
        except ReportError as error:
            parts = {"what": "; ".join(error.lines())}
            raise AgentRefusal("agent.bad-input", Exit.BAD_INPUT, parts) from None
        to = action(tuple(arguments["to"]), Precedence.FLASH)
        files = spooled(arguments, self._spool)
        body, label = to_body(report), report.label
        wish = Wish(RecordType.INCIDENT, body, to, label, spooled=files)
        return self._compose(wish)

    def _compose(self, wish: Wish) -> Any:  # noqa: ANN401 -- JSON
        own = self._machine.identity.post
        try:
            composed = self._machine.compose(wish, self._clock.wall())
        except PolicyError as error:
            if error.reason is Reason.NOT_ACTIVE and error.post == own:
                raise _refused("own-post", post=own) from None
            raise
        return {
            "id": short(composed.name),
            "name": composed.name.hex(),
            "size": len(composed.document),
            "online": self._machine.online,  # else it waits here and leaves later
        }

    def _require_future(self, label: Label) -> None:
        """Refuse a classification that has ended before the message leaves."""
        if label.until is not None and label.until <= self._clock.wall():
            raise _refused("until-past")


def _require_writable(arguments: Arguments) -> None:
    """Refuse what no receiver would accept, each with what would be right."""
    posts = [*arguments["to"], *arguments.get("info", ())]
    for post in posts:
        if not _POST.fullmatch(post):
            raise _refused("no-post", post=post)
        if posts.count(post) > 1:
            raise _refused("post-twice", post=post)
    text, subject = arguments["text"], arguments["subject"]
    if not text.strip():
        raise _refused("no-text")
    if len(subject) > MAX_LINE or not subject.strip():
        raise _refused("subject", limit=MAX_LINE, count=len(subject))
    parts = text.split("\n\n")
    if len(parts) > MAX_PARAGRAPHS or any(len(p.strip()) > MAX_TEXT for p in parts):
        raise _refused("too-long", paragraphs=MAX_PARAGRAPHS, limit=MAX_TEXT)


def _refused(code: str, **parts: object) -> AgentRefusal:
    return AgentRefusal(f"send.{code}", Exit.BAD_INPUT, parts)


def _label(arguments: Arguments) -> Label:
    until, event = arguments.get("until"), arguments.get("event")
    try:
        ends = None if until is None else _midnight(until)
    except (ValueError, OverflowError):
        raise _refused("no-day") from None
    return Label(
        level=Level(_LEVELS[arguments["level"]]),
        until=ends,
        events=() if event is None else (event,),
    )


def _midnight(day: str) -> int:
    """Return the end of ``day`` (jjjj-mm-dd) in UTC."""
    start = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
    return int((start + dt.timedelta(days=1)).timestamp())
