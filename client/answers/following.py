"""What a terminal answers about messages that were written here: how far they came."""

from collections.abc import Mapping
from typing import Any, Final

from client.answers.evidence import evidence_of
from client.answers.names import Answer, Arguments, find, page, short
from client.answers.oversight import refusals_of
from client.core.machine import Machine
from client.core.ports import Vault
from client.core.rows import OUT, Deposit, RecordRow
from client.core.withdrawals import withdrawn
from client.present import iso
from crypto.types import Digest
from protocol.codec import decode
from protocol.limits import MAX_RECORD
from protocol.receipt import Kind
from protocol.record import Record
from protocol.record_type import RecordType

_KINDS: Final = {
    Kind.DELIVERED: "delivered",
    Kind.READ: "read",
    Kind.ACKNOWLEDGED: "acknowledged",
}


class FollowingCommands:
    """``outbox`` and ``receipts``, among the terminal's methods."""

    def __init__(self, machine: Machine, vault: Vault) -> None:
        self._machine = machine
        self._vault = vault

    @property
    def methods(self) -> Mapping[str, Answer]:
        """The methods by name."""
        return {"outbox": self._outbox, "receipts": self._receipts}

    def _outbox(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        return [self._followed(row) for row in page(self._vault, OUT, arguments)]

    def _receipts(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        return self._followed(find(self._vault, arguments["id"], OUT))

    def _followed(self, row: RecordRow) -> Arguments:
        record = decode(row.document, Record, limit=MAX_RECORD)
        deposits = self._vault.deposits(row.name)
        sealed = [deposit.size for deposit in deposits]
        return {
            "id": short(row.name),
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

    def _proof(self, row: RecordRow) -> Arguments | None:
        policy = self._machine.beliefs.message_log.policy
        kept = (d.proof for d in self._vault.deposits(row.name))
        return next((evidence_of(p, policy) for p in kept if p is not None), None)
