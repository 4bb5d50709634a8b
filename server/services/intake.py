"""Submissions: what one batch of them writes.

Checked before the batch: the envelope's form and size.  Checked in it, against the
directory as it stands at that place of the log: the sender may still speak, every
mailbox exists.  So nothing is stored after the entry that revoked its sender or its
addressee, whatever was under way.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from crypto.digest import H
from crypto.merkle import leaf_hash
from crypto.types import Digest, KeyId, Mailbox
from protocol.directory_view import Terminal
from protocol.envelope import Envelope, parse_envelope
from protocol.errors import BindingError, PolicyError, ProtocolError, Reason
from protocol.leaf import message_leaf
from protocol.requests import LogName, Stored, Submit
from server.services.staging import Staging
from server.storage.interfaces import StoredDelivery, StoredEnvelope, Tables


@dataclass(frozen=True, slots=True)
class Submission:
    """One envelope that a terminal deposits, read but not yet allowed."""

    name: Digest  # H(envelope)
    # Hashed as it comes: hashing lets go of the interpreter, and a writer that did it
    # for each would wait each time for a busy loop to let go of it again.
    body_hash: Digest
    leaf: bytes
    leaf_hash: Digest
    envelope: Envelope
    sender: KeyId
    post: str  # the sender's
    lane: int
    size: int  # bytes of the envelope


def read_submission(submit: Submit, sender: Terminal, lane: int) -> Submission:
    """Return a submission.

    Raises:
        MalformedError: not an envelope of v1.
    """
    envelope = parse_envelope(submit.envelope)
    body_hash = H(envelope.body)
    leaf = message_leaf(submit.commitment, body_hash)
    return Submission(
        name=H(submit.envelope),
        body_hash=body_hash,
        leaf=leaf,
        leaf_hash=leaf_hash(leaf),
        envelope=envelope,
        sender=sender.key_id,
        post=sender.post,
        lane=lane,
        size=len(submit.envelope),
    )


async def store_batch(
    tables: Tables, staging: Staging, batch: Sequence[Submission]
) -> list[Stored | ProtocolError]:
    """Write what of ``batch`` is new and allowed; return an answer for each.

    A name that is stored, or twice in the batch, gets the first one's answer.
    """
    names = list(dict.fromkeys([one.name for one in batch]))
    places = dict(await tables.envelopes.known(names))
    answers: dict[Digest, Stored] = {
        name: Stored(index=index, leaf=await _leaf_hash(tables, index))
        for name, index in places.items()
    }
    dropped = set(await tables.envelopes.dropped([*places.values()])) if places else ()
    await _learn(tables, staging, batch)
    envelopes: list[StoredEnvelope] = []
    deliveries: list[StoredDelivery] = []
    results: list[Stored | ProtocolError] = []
    for one in batch:
        try:
            _allowed(staging, one)
            if one.name not in answers:
                envelope, owed = _place(staging, one)
                envelopes.append(envelope)
                deliveries += owed
                answers[one.name] = Stored(index=envelope.index, leaf=one.leaf_hash)
            elif places.get(one.name) in dropped:
                await _revive(tables, staging, one, places[one.name])
        except ProtocolError as error:
            results.append(error)
            continue
        results.append(answers[one.name])
    if envelopes:
        await tables.envelopes.add(envelopes, deliveries)
    return results


async def _learn(tables: Tables, staging: Staging, batch: Sequence[Submission]) -> None:
    mailboxes = {wrap.mailbox for one in batch for wrap in one.envelope.wraps}
    exist = staging.directory.mailboxes
    await staging.learn(
        tables,
        posts=sorted({one.post for one in batch}),
        mailboxes=sorted(box for box in mailboxes if box in exist),
    )


async def _leaf_hash(tables: Tables, index: int) -> Digest:
    (leaf,) = await tables.logs.leaves(LogName.MESSAGE, index, 1)
    return leaf_hash(leaf)


def _allowed(staging: Staging, one: Submission) -> None:
    """Return if the sender may deposit this now.

    Raises:
        UnauthenticatedError: the sender is no longer current.
        BindingError: another suite than the root's (B16).
        PolicyError: a mailbox that does not exist, or exists no more.
    """
    directory = staging.directory
    directory.require(one.sender, staging.now)
    if one.envelope.suite is not directory.root.suite:
        raise BindingError("B16")
    for wrap in one.envelope.wraps:
        if wrap.mailbox not in directory.mailboxes:
            raise PolicyError(Reason.NOT_ACTIVE)


def _place(
    staging: Staging, one: Submission
) -> tuple[StoredEnvelope, list[StoredDelivery]]:
    """Return the rows of a new envelope; its leaf is taken.

    Raises:
        BusyError: its post has too much outstanding; nothing was taken.
    """
    envelope = _envelope(staging, one, staging.next_index(LogName.MESSAGE))
    owed = _owed(staging, one, envelope.index)
    staging.quota.admit(owed)
    staging.append(LogName.MESSAGE, one.leaf, one.leaf_hash)
    staging.placed(owed)
    return envelope, owed


async def _revive(
    tables: Tables, staging: Staging, one: Submission, index: int
) -> None:
    """Owe again what was dropped undelivered: same leaf, same answer, new cursors.

    Raises:
        BusyError: its post has too much outstanding; nothing was written.
    """
    held = await tables.envelopes.holders(index)
    owed = _owed(staging, one, index, held)
    staging.quota.admit(owed)
    await tables.envelopes.revive(_envelope(staging, one, index), owed)
    staging.placed(owed)


def _envelope(staging: Staging, one: Submission, index: int) -> StoredEnvelope:
    return StoredEnvelope(
        index=index,
        name=one.name,
        message_id=one.envelope.id,
        body_hash=one.body_hash,
        sender=one.sender,
        suite=one.envelope.suite,
        received=staging.now,
        body=one.envelope.body,
    )


def _owed(
    staging: Staging, one: Submission, index: int, held: Collection[Mailbox] = ()
) -> list[StoredDelivery]:
    size = len(one.envelope.body)
    return [
        StoredDelivery(
            mailbox=wrap.mailbox,
            cursor=staging.next_cursor(wrap.mailbox),
            index=index,
            lane=one.lane,
            wrap=wrap,
            post=one.post,
            size=size + len(wrap.wrap),
        )
        for wrap in one.envelope.wraps
        if wrap.mailbox not in held
    ]
