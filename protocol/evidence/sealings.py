"""One sealing in a bundle: its signatures, its leaf, and the logs its signer saw.

The order is the receiver's (record-and-envelope.md section 7), without what only an
addressee can do: the wraps, the content key and the slots are not looked at.

Source: docs/spec/evidence.md section 4.
"""

from collections.abc import Sequence

from crypto.errors import ProofError
from crypto.merkle import verify_consistency
from protocol.by_position import parse_inner
from protocol.codec import decode
from protocol.directory_snapshot import Snapshot
from protocol.directory_view import Ended, Member, Terminal
from protocol.errors import BindingError, VerificationError
from protocol.evidence.bundle import Sealing
from protocol.evidence.findings import Shown, Sighted, Signer, Standing
from protocol.evidence.key_log import Reign, Replayed
from protocol.evidence.notes import shown
from protocol.genuine import bind, verify
from protocol.leaf import leaf_commitment, message_leaf
from protocol.limits import MAX_RECORD
from protocol.record import Record
from protocol.root import RootDocument
from protocol.slip import Heads
from protocol.tlog_proof import read_proof, verify_proof


def sighted(sealing: Sealing, replayed: Replayed, view: Snapshot) -> Sighted:
    """Return what one sealing proves.

    Args:
        sealing: as it stands in the bundle.
        replayed: the key log.
        view: of its directory.

    Raises:
        MalformedError: a part that is not its one encoding.
        VerificationError: a signature or a proof that does not hold, a signer that
            the directory never had; and its kinds.
    """
    inner = parse_inner(sealing.inner)
    signers = verify(inner, view)
    record = decode(inner.record, Record, limit=MAX_RECORD)
    found = bind(inner, record, signers, record.id)
    checkpoint, root = _judged(read_proof(sealing.proof).note, replayed.reigns)
    leaf = message_leaf(leaf_commitment(found.slip.r, inner.slip), sealing.body)
    logged = verify_proof(sealing.proof, leaf, root.message_log, root.witnesses)
    _saw(found.slip.dir, sealing, replayed, checkpoint)
    seen = replayed.checkpoints[-1].witnessed
    signed = [
        _signer(key, view, standing_of(key.ended, logged.witnessed, seen))
        for key in (found.terminal, found.member)
        if key is not None
    ]
    return Sighted(
        name=found.name,
        record=record,
        slip=found.slip,
        terminal=signed[0],
        member=signed[1] if len(signed) > 1 else None,
        index=logged.index,
        checkpoint=checkpoint,
    )


def _judged(note: bytes, reigns: Sequence[Reign]) -> tuple[Shown, RootDocument]:
    """Return the checkpoint, by the last root document whose witnesses made it.

    An earlier one counts only for what its witnesses saw while the key log, as it was
    witnessed then or later, had no other (EVID-7).
    """
    *earlier, last = reigns
    for reign in reversed(earlier):
        try:
            found = shown(note, reign.document.message_log, reign.document.witnesses)
        except VerificationError:
            continue
        if reign.until is not None and found.witnessed <= reign.until:
            return found, reign.document
    document = last.document
    return shown(note, document.message_log, document.witnesses), document


def _saw(heads: Heads, sealing: Sealing, replayed: Replayed, end: Shown) -> None:
    """Compare what the signer saw of both logs with what these are (B19)."""
    roots = replayed.roots
    if heads.key_size >= len(roots) or roots[heads.key_size] != heads.key_root:
        raise BindingError("B19")
    try:
        verify_consistency(
            *(heads.message_size, end.size, sealing.path),
            *(heads.message_root, end.root),
        )
    except ProofError:
        raise BindingError("B19") from None


def standing_of(ended: Ended | None, witnessed: int, seen: int) -> Standing:
    """Return how a key's end lies to its work (TIME-8).

    Args:
        ended: the key's end at the end of the key log, if it has one.
        witnessed: POSIX seconds, of the record's checkpoint.
        seen: POSIX seconds, of the key log's last checkpoint.
    """
    if ended is None:
        return Standing.CURRENT if seen >= witnessed else Standing.OPEN
    return Standing.BEFORE if witnessed < ended.witnessed else Standing.ENDED


def _signer(key: Terminal | Member, view: Snapshot, standing: Standing) -> Signer:
    return Signer(
        key=key.key_id,
        post=key.post,
        number=key.number if isinstance(key, Terminal) else None,
        name="" if isinstance(key, Terminal) else view.name(key.key_id),
        standing=standing,
        ended=key.ended,
    )
