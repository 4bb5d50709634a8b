"""What the agent answers: one method per command, JSON in and out.

Times are ISO 8601 in UTC.  A message is named by the first characters of its
H(record) in hexadecimal, as Git names commits; enough of them must be given.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from client.attachments import AttachmentCommands, complete, listed, spooled
from client.bundles import BundleCommands
from client.cli.exits import Exit
from client.clock import Clock
from client.core.compose import Wish, action
from client.core.courier import view_of
from client.core.machine import Machine
from client.core.ports import Vault
from client.core.questions import Effect
from client.core.rows import IN, OUT, Deposit, RecordRow
from client.core.showing import require_shown
from client.core.withdrawals import withdrawn
from client.evidence import evidence_of
from client.link import AgentRefusal
from client.oversight import OversightCommands, doubts_of, refusals_of
from client.present import iso, level_of, parts_of, subject_of
from client.spool import Spool
from client.vault.database import DiskError
from crypto.types import Digest
from protocol.bodies import CableBody, Paragraph
from protocol.codec import decode
from protocol.delivery import State
from protocol.errors import FreshnessError, MalformedError, PolicyError
from protocol.incident.check import parse
from protocol.incident.model import to_body
from protocol.incident.problems import ReportError
from protocol.label import SHORT, Label, Level, Precedence
from protocol.limits import MAX_RECORD
from protocol.receipt import Kind
from protocol.record import Addressee, Record, Role
from protocol.record_type import RULES, RecordType

SHOWN: Final = 200  # messages in one list
SHORT_NAME: Final = 12  # hexadecimal characters of a name that a person sees
_LEVELS: Final = {short: level for level, short in SHORT.items()}
_SHOWN_TYPES: Final = frozenset(t for t, rule in RULES.items() if rule.labelled)
_KINDS: Final = {
    Kind.DELIVERED: "delivered",
    Kind.READ: "read",
    Kind.ACKNOWLEDGED: "acknowledged",
}

Arguments = dict[str, Any]


class Commands:
    """Answers for one unlocked terminal."""

    def __init__(
        self, machine: Machine, vault: Vault, clock: Clock, spool: Spool
    ) -> None:
        self._machine = machine
        self._vault = vault
        self._spool = spool
        self._clock = clock
        self._methods: Mapping[str, Callable[[Arguments], Any]] = MappingProxyType(
            {
                "status": self._status,
                "send": self._send,
                "incident": self._incident,
                "inbox": self._inbox,
                "read": self._read,
                "acknowledge": self._acknowledge,
                "outbox": self._outbox,
                "receipts": self._receipts,
                **BundleCommands(machine, clock, self._found).methods,
                **OversightCommands(machine, vault, clock, self._found).methods,
                **AttachmentCommands(machine, vault, clock, spool, self._found).methods,
            }
        )

    def run(self, method: str, arguments: Arguments) -> tuple[Any, list[Effect]]:
        """Return the answer, and what the core wants done because of it.

        Raises:
            AgentRefusal: with the words' code and the exit status.
        """
        if method not in self._methods:
            raise AgentRefusal("agent.bad-input", Exit.BAD_INPUT, {"what": method})
        try:
            answer = self._methods[method](arguments)
        except PolicyError as error:
            raise AgentRefusal(
                f"refused.{error.reason.value}",
                Exit.REFUSED,
                {"post": error.post or ", ".join(arguments.get("to", ()))},
            ) from None
        except MalformedError:
            what = f"{method}: text"
            raise AgentRefusal(
                "agent.bad-input", Exit.BAD_INPUT, {"what": what}
            ) from None
        except FreshnessError:
            raise AgentRefusal("refused.directory-stale", Exit.REFUSED, {}) from None
        return answer, self._pumped()

    def _pumped(self) -> list[Effect]:
        """Return what can be done now; a disk that is full undoes no answer."""
        try:
            return self._machine.pump(self._now())
        except (DiskError, OSError):
            return []  # the next pump does it

    def _now(self) -> int:
        return self._clock.wall()

    # --- this terminal

    def _status(self, _: Arguments) -> Any:  # noqa: ANN401 -- JSON
        beliefs = self._machine.beliefs
        identity = self._machine.identity
        directory = beliefs.directory
        view = None if directory is None else beliefs.view()
        own = None if view is None else view.terminal(identity.terminal.id)
        waiting = sum(
            len(self._vault.waiting(state)) for state in (State.COMPOSED, State.SEALED)
        )
        reachable = own is not None and view is not None and view.notice(own.key_id)
        return {
            "post": identity.post,
            "terminal": None if own is None else own.number,
            "enrolled": own is not None,
            "reachable": bool(reachable),
            "online": self._machine.online,
            "entries": beliefs.key_log.size,
            "log": beliefs.message_log.size,
            "waiting": waiting,
        }

    # --- writing

    def _send(self, arguments: Arguments) -> Any:  # noqa: ANN401
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
        label = self._label(arguments)
        files = spooled(arguments, self._spool)
        wish = Wish(RecordType.CABLE, body, to, label, spooled=files)
        return self._compose(wish)

    def _incident(self, arguments: Arguments) -> Any:  # noqa: ANN401
        try:
            report = parse(arguments["report"].encode(), "report")
        except ReportError as error:
            what = "; ".join(error.lines())
            raise AgentRefusal(
                "agent.bad-input", Exit.BAD_INPUT, {"what": what}
            ) from None
        to = action(tuple(arguments["to"]), Precedence.FLASH)
        files = spooled(arguments, self._spool)
        body, label = to_body(report), report.label
        wish = Wish(RecordType.INCIDENT, body, to, label, spooled=files)
        return self._compose(wish)

    def _compose(self, wish: Wish) -> Any:  # noqa: ANN401
        composed = self._machine.compose(wish, self._now())
        return {
            "id": composed.name.hex()[:SHORT_NAME],
            "name": composed.name.hex(),
            "size": len(composed.document),
            "online": self._machine.online,  # else it waits here and leaves later
        }

    def _label(self, arguments: Arguments) -> Label:
        until, event = arguments.get("until"), arguments.get("event")
        try:
            ends = None if until is None else _midnight(until)
        except ValueError:
            raise AgentRefusal(
                "agent.bad-input", Exit.BAD_INPUT, {"what": "until: jjjj-mm-dd"}
            ) from None
        return Label(
            level=Level(_LEVELS[arguments["level"]]),
            until=ends,
            events=() if event is None else (event,),
        )

    # --- reading

    def _inbox(self, _: Arguments) -> Any:  # noqa: ANN401
        rows = self._vault.records(IN, SHOWN)
        return [
            self._line(row)
            for row in rows
            if row.refused is None and row.type in _SHOWN_TYPES
        ]

    def _line(self, row: RecordRow) -> Any:  # noqa: ANN401
        record = decode(row.document, Record, limit=MAX_RECORD)
        return {
            "id": row.name.hex()[:SHORT_NAME],
            "name": row.name.hex(),
            "post": row.post,
            "precedence": record.precedence.name,
            "level": level_of(record),
            "subject": self._subject(record),
            "received": iso(row.at),
            "logged": row.proof is not None,
            "courier": row.log_index is None,
            "attachments": len(record.atts),
            "complete": complete(self._vault.blobs.of(row.name)),
            **doubts_of(row, self._vault, self._machine.beliefs, self._now()),
        }

    def _read(self, arguments: Arguments) -> Any:  # noqa: ANN401
        row = self._found(arguments["id"], IN)
        record = decode(row.document, Record, limit=MAX_RECORD)
        self._require_shown(record)
        self._machine.read(row, self._now())
        line = {**self._line(row), "parts": parts_of(record)}
        files = listed(row, self._vault.blobs, self._spool)
        return {**line, "files": files, "directory": self._directory_of(row)}

    def _directory_of(self, row: RecordRow) -> str | None:
        """Return of when the sender's directory was, of a record by courier."""
        seen = int.from_bytes(self._vault.get(view_of(row.name)) or b"", "big")
        return iso(seen) if seen else None

    def _acknowledge(self, arguments: Arguments) -> Any:  # noqa: ANN401
        row = self._found(arguments["id"], IN)
        self._require_shown(decode(row.document, Record, limit=MAX_RECORD))
        self._machine.acknowledge(row, self._now())
        return {"id": row.name.hex()[:SHORT_NAME]}

    def _require_shown(self, record: Record) -> None:
        beliefs = self._machine.beliefs
        who, view = self._machine.identity, beliefs.view()
        require_shown(record, who, view, now=beliefs.witnessed)

    def _subject(self, record: Record) -> str:
        """Return the subject, or nothing to a member who may not be shown it."""
        try:
            self._require_shown(record)
        except PolicyError:
            return ""
        return subject_of(record)

    # --- following

    def _outbox(self, _: Arguments) -> Any:  # noqa: ANN401
        rows = self._vault.records(OUT, SHOWN)
        return [self._followed(row) for row in rows if row.type in _SHOWN_TYPES]

    def _receipts(self, arguments: Arguments) -> Any:  # noqa: ANN401
        return self._followed(self._found(arguments["id"], OUT))

    def _followed(self, row: RecordRow) -> Any:  # noqa: ANN401
        record = decode(row.document, Record, limit=MAX_RECORD)
        deposits = self._vault.deposits(row.name)
        sealed = [deposit.size for deposit in deposits]
        return {
            "id": row.name.hex()[:SHORT_NAME],
            "name": row.name.hex(),
            "type": RecordType(row.type).name.lower(),
            "precedence": record.precedence.name,
            "from": row.post,
            "to": [
                {
                    "post": addressee.post,
                    "states": self._states(row, addressee.post),
                    "complete": self._whole(row, record, addressee.post),
                    "couriered": self._couriered(row, addressee.post),
                }
                for addressee in record.to
            ],
            "size": {
                "plain": len(record.body),
                "sealed": max(sealed, default=0),
                "attachments": sum(a.length for a in record.atts),
            },
            "proof": self._proof(row),
            "refused": refusals_of(row, self._vault),
            "withdrawn": withdrawn(self._vault, row)[0],
        }

    def _whole(self, row: RecordRow, record: Record, post: str) -> bool | None:
        """Say whether a post has the attachments, by its own receipt; None: no such."""
        if not record.atts:
            return None
        targets = self._vault.targets(row.name)
        return any(t.delivery.whole for t in targets if t.post == post)

    def _states(self, row: RecordRow, post: str) -> dict[str, str | None]:
        """Return when each state was reached, in the order of the way."""
        times: dict[str, str | None] = dict.fromkeys(
            ("sealed", "stored", "accepted", "delivered", "read", "acknowledged")
        )
        here = self._at_relay(row, post)
        for event in self._vault.events_of(row.name):
            if event.what in here and not times[event.what]:
                times[event.what] = iso(event.at)
        for receipt in self._vault.receipts(row.name):
            name = _KINDS.get(Kind(receipt.kind))
            if name is not None and receipt.post == post:
                times[name] = times[name] or iso(receipt.at)
        return times

    def _at_relay(self, row: RecordRow, post: str) -> set[str]:
        """Return which states the seal for a post has: others' say nothing of it."""
        deposits: dict[Digest | None, Deposit] = {
            one.envelope: one for one in self._vault.deposits(row.name)
        }
        found = set()
        for target in self._vault.targets(row.name):
            if target.post == post and target.delivery.kids:
                found.add("sealed")
                deposit = deposits.get(target.delivery.envelope)
                if deposit is not None and deposit.log_index is not None:
                    found.add("stored")
                if deposit is not None and deposit.proof is not None:
                    found.add("accepted")
        return found

    def _couriered(self, row: RecordRow, post: str) -> str | None:
        """Return when a bundle for a post was made, the last time."""
        made = [
            event.at
            for event in self._vault.events_of(row.name)
            if event.what == "couriered" and event.post == post
        ]
        return iso(max(made)) if made else None

    def _proof(self, row: RecordRow) -> Any:  # noqa: ANN401
        policy = self._machine.beliefs.message_log.policy
        kept = (d.proof for d in self._vault.deposits(row.name))
        return next((evidence_of(p, policy) for p in kept if p is not None), None)

    def _found(self, prefix: str, way: int | None) -> RecordRow:
        rows = [
            row
            for one in ((IN, OUT) if way is None else (way,))
            for row in self._vault.records(one, SHOWN)
            if row.name.hex().startswith(prefix.lower())
            and row.refused is None
            and row.type in _SHOWN_TYPES
        ]
        if not rows:
            raise AgentRefusal("agent.not-found", Exit.BAD_INPUT, {})
        if len(rows) > 1:
            raise AgentRefusal("agent.ambiguous", Exit.BAD_INPUT, {})
        return rows[0]


def _midnight(day: str) -> int:
    """Return the end of ``day`` (jjjj-mm-dd) in UTC."""
    start = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
    return int((start + dt.timedelta(days=1)).timestamp())
