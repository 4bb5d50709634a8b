"""Is it genuine: signatures first, then every binding, in the spec's order.

:func:`genuine` answers one question about opened bytes: did a terminal of the post
that the record names sign this sealing of this record, for us, with the member that
the record names?  It decides nothing about what is allowed
(:mod:`protocol.acceptance`), so that what it accepts can always be named, counted
and answered.

A key that has ended still proves who signed; ``Genuine.ended`` says so, and
:mod:`protocol.admit` decides by the witnessed time of the leaf.
"""

import hmac
from dataclasses import dataclass, field

from crypto.digest import H
from crypto.errors import SignatureError
from crypto.sign import Realm, Usage, VerifyKey
from crypto.types import Digest, MessageId, PrekeyId, Salt
from protocol.by_position import parse_inner, parse_slip
from protocol.codec import decode
from protocol.directory_view import DirectoryView, Ended, Member, Terminal
from protocol.errors import (
    BindingError,
    ExpiredError,
    StrangerError,
    VerificationError,
)
from protocol.leaf import leaf_commitment, message_leaf
from protocol.limits import MAX_RECORD
from protocol.record import ARCHIVE, Record
from protocol.signed import SignatureLine
from protocol.slip import Inner, Place, Slip, slot_hash

MAX_SEQ = (1 << 48) - 1  # the last place of a stream; an archive's 0 is no place


@dataclass(frozen=True, slots=True)
class Unsealed:
    """Opened and authenticated by the content key, and not believed yet."""

    id: MessageId  # of the envelope, outside
    kid: PrekeyId
    kc: bytes  # commitment to the content key that opened the body, recomputed
    place: Place
    salt: Salt
    inner: bytes  # without padding
    body: Digest  # H(body ciphertext)

    def __repr__(self) -> str:
        return "<Unsealed>"


@dataclass(frozen=True, slots=True)
class Proven:
    """Opened parts whose signatures hold; what they say was not looked at yet."""

    unsealed: Unsealed
    inner: Inner
    terminal: Terminal
    member: Member | None


@dataclass(frozen=True, slots=True)
class Genuine:
    """A record proven to come from ``terminal``, for us, by this sealing."""

    name: Digest  # H(record)
    record: Record
    slip: Slip
    inner: Inner  # the signed bytes verbatim
    evidence: bytes = field(repr=False)  # as opened: the one encoding of ``inner``
    terminal: Terminal
    member: Member | None
    place: Place
    body: Digest  # H(body ciphertext)
    ended: Ended | None  # the end of the signing keys that came first, if any

    @property
    def leaf(self) -> bytes:
        """The leaf of this sealing: what the message log must include (B18)."""
        return message_leaf(leaf_commitment(self.slip.r, self.inner.slip), self.body)


@dataclass(frozen=True, slots=True)
class Attested:
    """Record and slip with their signers: proven, and not yet for anyone."""

    name: Digest
    record: Record
    slip: Slip
    inner: Inner
    terminal: Terminal
    member: Member | None
    posts: frozenset[str]  # in `to`
    slots: frozenset[Digest]


def prove(unsealed: Unsealed, view: DirectoryView) -> Proven:
    """Return the opened parts with their proven signers.

    Args:
        unsealed: what the wrap and the body of one envelope held.
        view: our own directory: the only source of keys.

    Raises:
        MalformedError: the parts are not their one encoding.
        VerificationError: unknown signer, or a signature that does not hold (B12).
    """
    inner = parse_inner(unsealed.inner)
    return Proven(unsealed, inner, *verify(inner, view))


def genuine(proven: Proven, own: Terminal, *, now: int) -> Genuine:
    """Return the parsed record and slip of ``proven``, if they are for us.

    Raises:
        MalformedError: slip or record are not their one encoding.
        BindingError: B5, B4, B6, B7, B1, B2, B8 or B13, in this order.
        ExpiredError: the sender's terminal is not usable yet at ``now``.
    """
    unsealed, inner = proven.unsealed, proven.inner
    record = decode(inner.record, Record, limit=MAX_RECORD)
    found = bind(inner, record, (proven.terminal, proven.member), unsealed.id)
    slot = _slot(unsealed, own, found.slots)
    check_addressed(found, post=own.post, slot=slot, kc=unsealed.kc)
    if not _is_place(unsealed.place.seq, own):
        # A place that no stream has would be busy for ever, and block the mailbox.
        raise BindingError("B13")
    if now < found.terminal.usable_from:
        raise ExpiredError("a terminal that is not usable yet")
    return Genuine(
        name=found.name,
        record=found.record,
        slip=found.slip,
        inner=found.inner,
        evidence=unsealed.inner,
        terminal=found.terminal,
        member=found.member,
        place=unsealed.place,
        body=unsealed.body,
        ended=_first_end(found.terminal, found.member, now),
    )


def _slot(unsealed: Unsealed, own: Terminal, slots: frozenset[Digest]) -> Digest:
    """Return our slot among ``slots``, under whichever key of ours it was made.

    What was sealed before our key was rotated, to prekeys of the old one, is for the
    same terminal; the kid says under which manifest, and so under which key.
    """
    parts = unsealed.kid, unsealed.place, unsealed.salt
    current = slot_hash(own.key_id, *parts)
    if current not in slots:
        for key_id in own.lineage:
            if (earlier := slot_hash(key_id, *parts)) in slots:
                return earlier
    return current


def _is_place(seq: int, own: Terminal) -> bool:
    """Tell whether a record for ``own`` may stand there: an archive has no stream."""
    if own.post == ARCHIVE:
        return seq == 0
    return 1 <= seq <= MAX_SEQ


def bind(
    inner: Inner,
    record: Record,
    signers: tuple[Terminal, Member | None],
    message_id: MessageId,
) -> Attested:
    """Return the parts as one, if they are of each other.

    Args:
        inner: verified; the record's bytes are those that ``record`` was read from.
        record: parsed.
        signers: from :func:`verify`.
        message_id: the envelope's, outside.

    Raises:
        MalformedError: the slip is not its one encoding.
        BindingError: B5, B4, B6, B7, or B2 for slots that do not ascend.
    """
    terminal, member = signers
    slip = parse_slip(inner.slip)
    name = H(inner.record)
    if slip.rec != name:
        raise BindingError("B5")
    if not slip.id == record.id == message_id:
        raise BindingError("B4")
    if slip.key != terminal.key_id or terminal.post != record.sender:
        raise BindingError("B6")
    _check_by(record, member)
    slots = frozenset(slip.slots)
    if list(slip.slots) != sorted(slots):
        raise BindingError("B2")
    posts = frozenset(addressee.post for addressee in record.to)
    return Attested(name, record, slip, inner, terminal, member, posts, slots)


def check_addressed(found: Attested, *, post: str, slot: Digest, kc: bytes) -> None:
    """Find the post in ``to`` and the slot in ``slots``, and compare ``kc``.

    Raises:
        BindingError: B1, B2 (which a wrong place breaks too: B13) or B8.
    """
    if post not in found.posts:
        raise BindingError("B1")
    if slot not in found.slots:
        raise BindingError("B2")
    if not hmac.compare_digest(found.slip.kc, kc):
        raise BindingError("B8")


def verify(inner: Inner, view: DirectoryView) -> tuple[Terminal, Member | None]:
    """Return who signed, proven over the raw bytes, before anything is parsed.

    Raises:
        VerificationError: unknown signer, or a signature that does not hold (B12).
    """
    first, *rest = inner.sigs
    terminal = view.terminal(first.key)
    if terminal is None:
        raise StrangerError("a terminal that the directory does not have")
    _hold(terminal.key, first, Usage.RECORD, inner.slip, view.realm)
    member = _verify_member(rest[0], inner.record, view) if rest else None
    return terminal, member


def _verify_member(line: SignatureLine, record: bytes, view: DirectoryView) -> Member:
    member = view.member(line.key)
    if member is None:
        raise StrangerError("a member that the directory does not have")
    _hold(member.key, line, Usage.RELEASE, record, view.realm)
    return member


def _hold(
    key: VerifyKey, line: SignatureLine, usage: Usage, document: bytes, realm: Realm
) -> None:
    try:
        key.verify(line.signature, usage, document, realm)
    except SignatureError:
        raise VerificationError("a signature does not hold") from None


def _check_by(record: Record, member: Member | None) -> None:
    """Compare the member that signed with the one inside the signed record (B7)."""
    signed = () if member is None else (member.key_id,)
    if record.by != signed:
        raise BindingError("B7")
    if member is not None and member.post != record.sender:
        raise BindingError("B7")


def _first_end(terminal: Terminal, member: Member | None, now: int) -> Ended | None:
    """Return the earlier end of the signing keys, or None while all are current."""
    keys: list[Terminal | Member] = [terminal]
    if member is not None:
        keys.append(member)
    ends = [end for key in keys if (end := _end_of(key, now)) is not None]
    return min(ends, key=lambda end: end.witnessed, default=None)


def _end_of(key: Terminal | Member, now: int) -> Ended | None:
    if key.ended is not None:
        return key.ended
    if now >= key.valid_until:
        return Ended("expired", None, key.valid_until)
    return None
