"""Withdrawal: out of the outbox before sealing; afterwards a word beside the record.

There is no recall.  What no addressee can have yet simply leaves the outbox.  To
whom it was sealed goes a withdrawal, released like the record itself, and both ends
show it beside the record from then on.
"""

from typing import Final

from client.core.compose import Wish
from client.core.deadlines import Deadlines
from client.core.ports import Vault
from client.core.rows import IN, RecordRow
from crypto.types import Digest
from protocol.bodies import WithdrawalBody
from protocol.codec import decode
from protocol.errors import PolicyError, Reason
from protocol.limits import MAX_RECORD
from protocol.record import Record
from protocol.record_type import RULES, RecordType

NOTHING: Final = b"-"  # withdrawn before anybody got it: no record says so


class Withdrawals:
    """Takes back what was written here."""

    def __init__(self, vault: Vault, deadlines: Deadlines) -> None:
        self._vault = vault
        self._deadlines = deadlines

    def withdraw(
        self, row: RecordRow, reason: str, instead: Digest | None, now: int
    ) -> Wish | None:
        """Take a record back, in the caller's transaction.

        Args:
            row: what was written here.
            reason: for the addressees that may have it.
            instead: the record that replaces it.
            now: the wall clock.

        Returns what is to be sent to those addressees; None: nobody can have it.

        Raises:
            PolicyError: a kind of record that people do not write.
        """
        record = decode(row.document, Record, limit=MAX_RECORD)
        if not RULES[RecordType(record.type)].labelled:
            raise PolicyError(Reason.INCONSISTENT)
        reached: set[str] = set()
        for target in self._vault.targets(row.name):
            if target.delivery.kids:
                reached.add(target.post)
            else:
                self._vault.drop_target(target)
            self._deadlines.acted(row.name, target.post, now)
        self._vault.put(_key(row), NOTHING)
        self._vault.add_event(now, "withdrawn", row.name, row.post)
        to = tuple(one for one in record.to if one.post in reached)
        if not to:
            return None
        body = WithdrawalBody(target=row.name, reason=reason, instead=instead)
        return Wish(
            type=RecordType.WITHDRAWAL,
            body=body,
            to=to,
            label=record.label,
            ref=row.name,
        )


def note_withdrawal(
    vault: Vault, withdrawal: Digest, target: Digest, post: str, now: int
) -> None:
    """Keep a withdrawal beside its target, which may still be under way.

    It counts for a record of the very post that sent it.
    """
    vault.put(f"withdrawn.{post}.{target.hex()}", withdrawal)
    row = vault.record(target)
    if row is not None and row.way == IN and row.post == post:
        vault.add_event(now, "withdrawn", target, post)


def withdrawn(vault: Vault, row: RecordRow) -> tuple[bool, RecordRow | None]:
    """Return whether a record was withdrawn, and the withdrawal where one was sent."""
    name = vault.get(_key(row))
    if name is None or name == NOTHING:
        return name is not None, None
    return True, vault.record(Digest(name))


def _key(row: RecordRow) -> str:
    return f"withdrawn.{row.post}.{row.name.hex()}"
