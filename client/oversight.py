"""What the agent answers about trouble: alarms, withdrawals, new streams, refusals.

Sentences are made where they are shown; here are codes, times and names.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from client.clock import Clock
from client.core.alarms import INTEGRITY
from client.core.beliefs import Beliefs
from client.core.held import signed_before
from client.core.machine import Machine
from client.core.ports import Vault
from client.core.rows import IN, OUT, RecordRow
from client.core.withdrawals import withdrawn
from client.harmless import harmless
from client.present import iso
from protocol.bodies import WithdrawalBody
from protocol.codec import decode
from protocol.errors import MalformedError
from protocol.limits import MAX_RECORD
from protocol.receipt import Kind
from protocol.record import Record

SHOWN: Final = 200  # alarms in one list
SHORT_NAME: Final = 12  # hexadecimal characters of a name that a person sees

Arguments = dict[str, Any]


class OversightCommands:
    """Answers about trouble of one unlocked terminal."""

    def __init__(
        self,
        machine: Machine,
        vault: Vault,
        clock: Clock,
        found: Callable[[str, int], RecordRow],
    ) -> None:
        self._machine = machine
        self._vault = vault
        self._clock = clock
        self._found = found  # a record by the start of its name, and its way

    @property
    def methods(self) -> Mapping[str, Callable[[Arguments], Any]]:
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
                "id": None if row.name is None else row.name.hex()[:SHORT_NAME],
                "since": iso(row.since),
                "last": iso(row.last),
                "times": row.times,
                "ended": None if row.ended is None else iso(row.ended),
            }
            for row in rows
        ]

    def _withdraw(self, arguments: Arguments) -> Any:  # noqa: ANN401
        row = self._found(arguments["id"], OUT)
        instead = arguments.get("instead")
        other = None if instead is None else self._found(instead, OUT).name
        composed = self._machine.withdraw(
            row, arguments["reason"], other, self._clock.wall()
        )
        return {
            "id": row.name.hex()[:SHORT_NAME],
            "withdrawal": None if composed is None else composed.name.hex(),
        }

    def _renew_streams(self, _: Arguments) -> Any:  # noqa: ANN401 -- JSON
        return {"terminals": self._machine.renewal.renew(self._clock.wall())}


def doubts_of(row: RecordRow, vault: Vault, beliefs: Beliefs, now: int) -> Any:  # noqa: ANN401
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


def _signed_before(row: RecordRow, vault: Vault) -> Any:  # noqa: ANN401 -- JSON
    """Return the event that ended the signer's key since; None: it has not ended."""
    before = signed_before(vault, row.name)
    return None if before is None else {"event": before.reason, "at": iso(before.at)}


def refusals_of(row: RecordRow, vault: Vault) -> Any:  # noqa: ANN401 -- JSON
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
