"""What the agent answers about trouble: alarms, withdrawals, new streams, refusals.

Sentences are made where they are shown; here are codes, times and names.
"""

from collections.abc import Mapping
from typing import Any, Final

from client.answers.names import Answer, Arguments, find, short
from client.clock import Clock
from client.core.alarms import INTEGRITY
from client.core.beliefs import Beliefs
from client.core.held import signed_before
from client.core.machine import Machine
from client.core.ports import Vault
from client.core.rows import IN, OUT, RecordRow
from client.core.withdrawals import withdrawn
from client.exits import AgentRefusal, Exit
from client.harmless import harmless
from client.present import iso
from protocol.bodies import WithdrawalBody
from protocol.codec import decode
from protocol.errors import MalformedError
from protocol.limits import MAX_RECORD
from protocol.receipt import Kind
from protocol.record import Record
from protocol.record_type import RecordType

SHOWN: Final = 200  # alarms in one list


class OversightCommands:
    """Answers about trouble of one unlocked terminal."""

    def __init__(
        self,
        machine: Machine,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._machine = machine
        self._vault = vault
        self._clock = clock

    @property
    def methods(self) -> Mapping[str, Answer]:
        """The methods by name."""
        return {
            "alarms": self._alarms,
            "withdraw": self._withdraw,
            "renew_streams": self._renew_streams,
        }

    def _alarms(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        rows = self._vault.alarms(SHOWN, ended=bool(arguments.get("ended")))
        return [
            {
                "what": row.what,
                "integrity": row.what in INTEGRITY,
                "post": row.post or None,
                "id": None if row.name is None else short(row.name),
                "since": iso(row.since),
                "last": iso(row.last),
                "times": row.times,
                "ended": None if row.ended is None else iso(row.ended),
            }
            for row in rows
        ]

    def _withdraw(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        row = find(self._vault, arguments["id"], OUT)
        instead = arguments.get("instead")
        if row.type == RecordType.WITHDRAWAL:
            raise AgentRefusal("withdraw.of-withdrawal", Exit.BAD_INPUT, {})
        if withdrawn(self._vault, row)[0]:
            raise AgentRefusal("withdraw.again", Exit.BAD_INPUT, {})
        other = None if instead is None else find(self._vault, instead, OUT).name
        if other == row.name:
            raise AgentRefusal("withdraw.itself", Exit.BAD_INPUT, {})
        composed = self._machine.withdraw(
            row, arguments["reason"], other, self._clock.wall()
        )
        return {
            "id": short(row.name),
            "withdrawal": None if composed is None else composed.name.hex(),
        }

    def _renew_streams(self, _: Arguments) -> Any:  # noqa: ANN401 -- JSON
        return {"terminals": self._machine.renewal.renew(self._clock.wall())}


def doubts_of(row: RecordRow, vault: Vault, beliefs: Beliefs, now: int) -> Arguments:
    """Return what is to be shown beside a record: withdrawn, expired, late, its key."""
    gone, by = withdrawn(vault, row)
    record = decode(row.document, Record, limit=MAX_RECORD)
    ended = record.expires is not None and beliefs.time(now) >= record.expires
    came = row.way == IN
    return {
        "withdrawn": _reason(by) if gone else None,
        "expired": ended,
        "signed_before": _signed_before(row, vault),
        "late": came and any(e.what == "late" for e in vault.events_of(row.name)),
    }


def _signed_before(row: RecordRow, vault: Vault) -> Arguments | None:
    """Return the event that ended the signer's key since; None: it has not ended."""
    before = signed_before(vault, row.name)
    return None if before is None else {"event": before.reason, "at": iso(before.at)}


def refusals_of(row: RecordRow, vault: Vault) -> list[Arguments]:
    """Return who refused a record that was written here, and why."""
    return [
        {"post": receipt.post, "reason": receipt.reason, "at": iso(receipt.at)}
        for receipt in vault.receipts(row.name)
        if receipt.kind == Kind.REFUSED
    ]


def _reason(withdrawal: RecordRow | None) -> str:
    """Return what the sender says; "": withdrawn before anybody got it."""
    if withdrawal is None:
        return ""
    record = decode(withdrawal.document, Record, limit=MAX_RECORD)
    try:
        body = decode(record.body, WithdrawalBody, limit=MAX_RECORD)
    except MalformedError:
        return ""
    return harmless(body.reason)
