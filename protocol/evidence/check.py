"""What an evidence bundle is worth, to who knows the hash of the root on paper.

::

    findings = verify_bundle(data, pin, realm)     # or EvidenceError

The pin and the realm are all that is taken from outside: no network, no home, no
clock.  What comes back is who signed what, when witnesses had seen it, and whose word
each receipt is; a reader judges that, and no "valid" stands in its place.

Source: docs/spec/evidence.md section 4.
"""

from collections.abc import Callable, Collection
from typing import TypeVar

from crypto.sign import Realm
from crypto.types import Digest
from protocol.directory_snapshot import Snapshot
from protocol.errors import BindingError, ChainError, ProtocolError
from protocol.evidence.bundle import Bundle, Sealing, read_bundle, read_pages
from protocol.evidence.findings import (
    EvidenceError,
    Findings,
    Part,
    Sighted,
    Told,
)
from protocol.evidence.key_log import Replayed, replay
from protocol.evidence.sealings import sighted
from protocol.receipt import Sent, check_receipt, credit

T = TypeVar("T")


def verify_bundle(data: bytes, pin: Digest, realm: Realm) -> Findings:
    """Return what ``data`` proves.

    Args:
        data: the file.
        pin: H of any root document of the ministry, from paper.
        realm: whose signatures count; never taken from the bundle.

    Raises:
        EvidenceError: with the part that does not hold, and the cause.
    """
    bundle = _held(Part.BUNDLE, lambda: read_bundle(data))
    replayed = _held(Part.KEY_LOG, lambda: _replayed(bundle, pin, realm))
    view = replayed.directory.view()
    record = _held(Part.RECORD, lambda: sighted(bundle.record, replayed, view))
    receipts = _held(
        Part.RECEIPT, lambda: _receipts(bundle.receipts, record, replayed, view)
    )
    root = replayed.directory.root
    return Findings(
        ministry=root.document.ministry,
        root=root.digest,
        version=root.document.version,
        checkpoints=replayed.checkpoints,
        refused=replayed.refused,
        record=record,
        receipts=receipts,
    )


def _held(part: Part, look: Callable[[], T]) -> T:
    try:
        return look()
    except ProtocolError as error:
        raise EvidenceError(part) from error


def _replayed(bundle: Bundle, pin: Digest, realm: Realm) -> Replayed:
    return replay(read_pages(bundle.pages), bundle.notes, pin=pin, realm=realm)


def _receipts(
    sealings: Collection[Sealing], record: Sighted, replayed: Replayed, view: Snapshot
) -> tuple[Told, ...]:
    """Return what others said about the record.

    Raises:
        ChainError: receipts that do not ascend by their leaf, or one that stands in
            two: there is one order, and nothing twice.
        BindingError: one that says nothing about this record (B21).
    """
    told: list[Told] = []
    seen: set[Digest] = set()
    last = -1
    for sealing in sealings:
        carrier = sighted(sealing, replayed, view)
        if carrier.index <= last or carrier.name in seen:
            raise ChainError("receipts out of their order, or one twice")
        last = carrier.index
        seen.add(carrier.name)
        told.extend(_told(carrier, record))
    return tuple(told)


def _told(carrier: Sighted, record: Sighted) -> list[Told]:
    sent = Sent(
        record=record.name,
        id=record.record.id,
        posts=frozenset(addressee.post for addressee in record.record.to),
        blobs=frozenset(attachment.blob for attachment in record.record.atts),
    )
    said = carrier.record
    receipts, _ = credit(
        said.rcpts,
        post=said.sender,
        terminal=carrier.terminal.key,
        members=said.by,
    )
    told = []
    for receipt in receipts:
        try:
            check_receipt(receipt, sent)
        except BindingError:
            continue  # about another record
        signer = carrier.terminal
        if carrier.member is not None and receipt.signer == carrier.member.key:
            signer = carrier.member
        told.append(Told(receipt.statement, signer, carrier))
    if not told:
        raise BindingError("B21")
    return told
