"""Mailboxes: deposit, fetch, acknowledge, and "seal that again".

The order of a deposit's life: read and bounded here, allowed and stored by the
committer, then its addressees' sessions are woken and ask :meth:`owed`.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from crypto.digest import H
from crypto.sign import Usage
from crypto.suite import SuiteId
from protocol.codec import decode, encode
from protocol.directory_view import Terminal
from protocol.envelope import Envelope
from protocol.errors import BindingError
from protocol.nack import Nack as NackDocument
from protocol.requests import Delivery, Nack, Stored, Submit
from protocol.signed import SignatureLine, verify_one
from server.clock import Clock
from server.services.commit import Committer, Told
from server.services.intake import Submission, read_submission
from server.services.quotas import Rates
from server.services.staging import Staging
from server.storage.interfaces import Owed, Store, Tables

NACK_LIFE: Final = 14 * 86_400  # seconds that a nack is told again
LAST_LANE: Final = 3  # of a submission: lane 4 is for attachments


class MailboxService:
    """What a terminal does with mailboxes, its own and others'."""

    def __init__(
        self, store: Store, committer: Committer, clock: Clock, rates: Rates
    ) -> None:
        self._store = store
        self._committer = committer
        self._clock = clock
        self._rates = rates

    async def submit(self, caller: Terminal, lane: int, submit: Submit) -> Stored:
        """Store an envelope and log its leaf; return when both are durable.

        Raises:
            MalformedError: not an envelope of v1.
            PolicyError: a mailbox that does not exist.
            UnauthenticatedError: the caller is no longer current.
            BusyError: too much of late or outstanding, or too much waits: later.
        """
        return await self._committer.submit(self._admitted(caller, lane, submit))

    def deposit(
        self, caller: Terminal, lane: int, submit: Submit, told: Told[Stored]
    ) -> None:
        """Begin :meth:`submit`; ``told`` hears what that returns or raises.

        Raises:
            MalformedError: not an envelope of v1.
            BusyError: too much of late, or too much waits: nothing was kept.
        """
        self._committer.deposit(self._admitted(caller, lane, submit), told)

    def _admitted(self, caller: Terminal, lane: int, submit: Submit) -> Submission:
        submission = read_submission(submit, caller, min(lane, LAST_LANE))
        mailboxes = [wrap.mailbox for wrap in submission.envelope.wraps]
        self._rates.deposit(caller.post, mailboxes, self._clock.monotonic())
        return submission

    async def owed(
        self, caller: Terminal, *, skip: Collection[int], lane: int, limit: int
    ) -> Sequence[Owed]:
        """Return what the caller's mailbox is owed, by lane, then by cursor."""
        under_way = frozenset(skip)

        async def work(tables: Tables) -> Sequence[Owed]:
            return await tables.envelopes.owed(
                caller.mailbox, skip=under_way, lane=lane, limit=limit
            )

        return await self._store.read(work)

    async def acknowledge(self, caller: Terminal, cursors: Iterable[int]) -> None:
        """Owe these to the caller no longer; return when that is durable.

        A crash before the commit: they are delivered again, and the terminal knows
        them by H(record).
        """
        done = frozenset(cursors)

        async def job(tables: Tables, staging: Staging) -> None:
            staging.quota.release(
                await tables.envelopes.acknowledge(caller.mailbox, done, staging.now)
            )

        await self._committer.perform(job)

    async def nack(self, caller: Terminal, nack: Nack) -> None:
        """Keep a nack for whoever deposited that envelope, and tell it.

        Raises:
            BindingError: another mailbox than the caller's (B22).
            VerificationError: not signed by the caller.
            MalformedError: not a nack.
        """
        if nack.mailbox != caller.mailbox or len(nack.signatures) != 1:
            raise BindingError("B22")
        realm = self._committer.trees.directory.realm
        line = SignatureLine(caller.key_id, nack.signatures[0])
        verify_one(caller.key, line, nack.nack, usage=Usage.NACK, realm=realm)
        document = decode(nack.nack, NackDocument)
        if document.mailbox != caller.mailbox:
            raise BindingError("B22")

        async def job(tables: Tables, staging: Staging) -> None:
            for depositor in await tables.envelopes.depositors(
                document.id, document.body, document.mailbox, document.kid
            ):
                await tables.envelopes.add_nack(
                    depositor, H(nack.nack), encode(nack), staging.now
                )
                staging.told.add(depositor)

        await self._committer.perform(job)

    async def nacks(self, caller: Terminal) -> Sequence[bytes]:
        """Return the nacks for what the caller deposited, of the last 14 days."""
        since = self._clock.wall() - NACK_LIFE

        async def work(tables: Tables) -> Sequence[bytes]:
            return await tables.envelopes.nacks(caller.key_id, since)

        return await self._store.read(work)


def delivery(owed: Owed) -> bytes:
    """Return the object that hands out ``owed``: the envelope with one wrap."""
    envelope = Envelope(
        v=1,
        suite=SuiteId(owed.suite),
        id=owed.message_id,
        wraps=(owed.delivery.wrap,),
        body=owed.body,
    )
    return encode(
        Delivery(
            cursor=owed.delivery.cursor,
            index=owed.delivery.index,
            envelope=envelope.encoded(),
        )
    )
