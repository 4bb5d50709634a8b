"""What a lost terminal could read, as far as this vault knows it.

Three lists, of messages that people wrote:

- *sent*: written here and meant for that terminal.  It *has* it by its post's receipt;
  or it *may have* it, because it was sealed to it and nothing came back; or it was
  never sealed to it, and is not readable there;
- *received*: written on that terminal;
- *held*: at another terminal of the same post, or at one restored from its backup,
  what came to that post while senders still sealed to the lost terminal.

Nothing is left out because a receipt is missing: whoever holds a terminal can keep its
receipts back.  Each message has its originator, who is to be told.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from client.answers.names import Answer, Arguments, short
from client.answers.proposals import state_of
from client.core.machine import Machine
from client.core.ports import Vault
from client.core.rows import IN, OUT, RecordRow, Target
from client.core.showing import require_shown
from client.exits import AgentRefusal, Exit
from client.lists import PAGE
from client.operator.changes import find_post
from client.operator.effects import whom
from client.operator.showing import short_id
from client.present import iso, level_of, subject_of
from crypto.types import KeyId
from protocol.by_position import parse_inner, parse_slip
from protocol.codec import decode
from protocol.delivery import State as Reached
from protocol.directory_state import Holder, PostRecord, State
from protocol.directory_view import Ended
from protocol.errors import PolicyError
from protocol.label import SHORT, Caveat, Level
from protocol.limits import MAX_RECORD
from protocol.receipt import Kind
from protocol.record import Record
from protocol.restrictions import suspension
from protocol.slip import Slip

HAS, MAY_HAVE, HAS_NOT = "has", "may-have", "has-not"
_KINDS: Final = {
    Kind.DELIVERED: "delivered",
    Kind.READ: "read",
    Kind.ACKNOWLEDGED: "acknowledged",
    Kind.REFUSED: "refused",
}


class ExposureCommands:
    """``exposure``, of one unlocked terminal."""

    def __init__(self, machine: Machine, vault: Vault) -> None:
        self._machine = machine
        self._vault = vault

    @property
    def methods(self) -> Mapping[str, Answer]:
        """The methods by name."""
        return {"exposure": self._exposure}

    def _exposure(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        state = state_of(self._machine)
        post = find_post(state, arguments["post"])
        lost = _lost(post, arguments.get("terminal"))
        since = _since(arguments.get("since"))
        sent, received, held = [], [], []
        for row, record in self._messages(OUT, since):
            targets = self._targets(row, lost)
            if targets:
                line = self._line(state, row, record)
                sent.append({**line, **self._reached(row, post.post, targets)})
            if self._written_by(row, lost):
                held.append({**self._line(state, row, record), "readable": HAS})
        for row, record in self._messages(IN, since):
            if self._written_by(row, lost):
                received.append({**self._line(state, row, record), "readable": HAS})
            elif self._shared(state, row, post, lost):
                held.append({**self._line(state, row, record), "readable": HAS})
        return {
            "post": post.post,
            "here": self._machine.identity.post,
            "terminals": [_terminal(state, post, holder) for holder in lost],
            "sent": sent,
            "received": received,
            "held": held,
            "originators": _originators([*sent, *received, *held]),
        }

    def _messages(self, way: int, since: int) -> Iterator[tuple[RecordRow, Record]]:
        """Yield every message of one way that was written since, newest first."""
        older = None
        while rows := self._vault.messages.newest(way, PAGE, older):
            older = rows[-1].name
            for row in rows:
                record = decode(row.document, Record, limit=MAX_RECORD)
                if record.ts >= since:
                    yield row, record

    def _targets(self, row: RecordRow, lost: list[Holder]) -> list[Target]:
        keys = _keys(lost)
        return [t for t in self._vault.targets(row.name) if t.terminal in keys]

    def _written_by(self, row: RecordRow, lost: list[Holder]) -> bool:
        """Tell whether a terminal of ``lost`` sealed it; at home, whether it is ours.

        What was written at this terminal is on the lost one when this is it, or when
        this vault was restored from its backup.
        """
        if row.way == OUT:
            return self._machine.identity.terminal.id in _keys(lost)
        return _slip(row).key in _keys(lost)

    def _shared(
        self, state: State, row: RecordRow, post: PostRecord, lost: list[Holder]
    ) -> bool:
        """Tell whether what came to us was sealed to a lost terminal of our post too.

        The slip says how much of the key log its sender had adopted: whether it knew
        the terminal, and not yet its end.
        """
        if self._machine.identity.post != post.post:
            return False
        known = _slip(row).dir.key_size
        return any(
            holder.since.index < known and not _end_known(state, post, holder, known)
            for holder in lost
        )

    def _line(self, state: State, row: RecordRow, record: Record) -> Arguments:
        label = record.label
        caveats = () if label is None else label.caveats
        shown = self._may_be_shown(record)
        return {
            "id": short(row.name),
            "name": row.name.hex(),
            "originator": row.post,
            "drafter": str(whom(state, record.by[0])["who"]) if record.by else None,
            "written": iso(record.ts),
            "level": level_of(record),
            "caveats": [Caveat(caveat).name for caveat in caveats],
            "subject": subject_of(record) if shown else "",
            "log_index": self._log_index(row),
            "attachments": [
                {"name": one.name if shown else "", "size": one.length}
                for one in record.atts
            ],
        }

    def _may_be_shown(self, record: Record) -> bool:
        """Tell whether the member who sits here may see what it is about."""
        beliefs = self._machine.beliefs
        who, view = self._machine.identity, beliefs.view()
        try:
            require_shown(record, who, view, now=beliefs.witnessed)
        except PolicyError:
            return False
        return True

    def _log_index(self, row: RecordRow) -> int | None:
        """Return where the first sealing of a message stands in the message log."""
        if row.way == IN:
            return row.log_index
        logged = (one.log_index for one in self._vault.deposits(row.name))
        return min((index for index in logged if index is not None), default=None)

    def _reached(self, row: RecordRow, post: str, targets: list[Target]) -> Arguments:
        """Say whether a lost terminal can read it, and by what that is known."""
        times: dict[str, str | None] = dict.fromkeys(_KINDS.values())
        for receipt in self._vault.receipts(row.name):
            name = _KINDS[Kind(receipt.kind)]
            if receipt.post == post:
                times[name] = times[name] or iso(receipt.at)
        return {
            "readable": max((_readable(t) for t in targets), key=_CERTAINTY.index),
            "open": any(not target.delivery.released for target in targets),
            "states": {
                "sealed": any(target.place is not None for target in targets),
                "state": max(t.delivery.state for t in targets).name.lower(),
                **times,
            },
        }


_CERTAINTY: Final = (HAS_NOT, MAY_HAVE, HAS)


def _readable(target: Target) -> str:
    """Return how sure it is that this terminal can read the record.

    A place is given with the first seal, whichever way it went, and never taken back.
    """
    if target.delivery.state >= Reached.DELIVERED:
        return HAS
    return HAS_NOT if target.place is None else MAY_HAVE


def _lost(post: PostRecord, number: int | None) -> list[Holder]:
    """Return the terminals that are meant, ended ones too; without a number, all.

    Raises:
        AgentRefusal: the post never had it.
    """
    found = [
        holder
        for holder in post.holders
        if holder.mailbox is not None and number in {None, holder.number}
    ]
    if not found:
        parts = {"post": post.post}
        raise AgentRefusal("operator.nobody", Exit.BAD_INPUT, parts)
    return found


def _keys(lost: Iterable[Holder]) -> frozenset[KeyId]:
    return frozenset[KeyId]().union(*(holder.lineage() for holder in lost))


def _ends(state: State, post: PostRecord, holder: Holder) -> list[Ended]:
    """Return what ended a terminal: restricted to nothing, revoked; earliest first."""
    both = (suspension(state, post, holder), holder.ended)
    ends = [end for end in both if end is not None]
    return sorted(ends, key=lambda end: end.witnessed)


def _end_known(state: State, post: PostRecord, holder: Holder, size: int) -> bool:
    """Tell whether who had adopted ``size`` entries knew that a terminal had ended.

    One that only a witness told has no place in the log: then nobody need have known.
    """
    indexes = [end.index for end in _ends(state, post, holder)]
    return any(index is not None and index < size for index in indexes)


def _terminal(state: State, post: PostRecord, holder: Holder) -> Arguments:
    return {
        "number": holder.number,
        "key": short_id(holder.current),
        "ends": [
            {"reason": end.reason, "index": end.index, "witnessed": iso(end.witnessed)}
            for end in _ends(state, post, holder)
        ],
    }


def _originators(lines: Iterable[Arguments]) -> list[Arguments]:
    """Return whom to tell: who wrote what it has or may have, and up to which level."""
    found: dict[str, Arguments] = {}
    levels = {SHORT[level]: level for level in Level}
    for line in lines:
        if line["readable"] == HAS_NOT:
            continue
        post = line["originator"]
        one = found.setdefault(post, {"post": post, "messages": [], "highest": None})
        one["messages"].append(line["id"])
        before = one["highest"] or line["level"]
        one["highest"] = max(before, line["level"], key=levels.__getitem__)
    return [found[post] for post in sorted(found)]


def _slip(row: RecordRow) -> Slip:
    return parse_slip(parse_inner(row.inner).slip)


def _since(day: str | None) -> int:
    """Return the beginning of a day (jjjj-mm-dd) in UTC; 0: from the first on."""
    if day is None:
        return 0
    try:
        return int(dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC).timestamp())
    except ValueError:
        parts = {"what": "since: jjjj-mm-dd"}
        raise AgentRefusal("agent.bad-input", Exit.BAD_INPUT, parts) from None
