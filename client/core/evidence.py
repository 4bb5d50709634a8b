"""Making an evidence bundle from the vault of a sender or a receiver.

The vault has the signed bytes and the proofs that were verified when they came.  What
it lacks are the paths from the message log that each signer saw to the checkpoint of
the proof, and those of leaves that nobody asked to prove yet: whoever calls brings
them, from the relay's tiles or from a copy of them (:mod:`client.audit.tiles`)::

    gathered = gather(vault, row)
    data = made(vault, gathered, paths_of(wanted(gathered)), reigning(vault, realm))

What is made is verified before it leaves, with nothing but the hash on paper.
Receipts that no adopted checkpoint covers yet stay out, and are counted.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from client.core.kept_notes import kept_notes
from client.core.ports import Vault
from client.core.rows import IN, OUT, Deposit, RecordRow
from client.core.sync import KEY_NOTE, MESSAGE_NOTE
from crypto.sign import Realm
from crypto.types import Digest, Signature
from protocol.by_position import parse_inner, parse_slip
from protocol.checkpoint import parse_checkpoint
from protocol.codec import decode, encode
from protocol.evidence.bundle import Bundle, Sealing, write_bundle, write_pages
from protocol.evidence.notes import known_lines
from protocol.leaf import leaf_commitment, message_leaf
from protocol.limits import MAX_RECORD
from protocol.note import parse_note
from protocol.record import Record
from protocol.root import RootDocument
from protocol.root_chain import first_root, leading_root
from protocol.signed import SignatureLine
from protocol.slip import Inner, Slip
from protocol.tlog_proof import read_proof, write_proof
from protocol.trusted_root import found

Span = tuple[int, int]  # sizes of the message log: a signer's view, a checkpoint


class Lacking(enum.StrEnum):
    """Why there is no evidence of a record yet."""

    LEAF = "evidence-not-logged"  # no checkpoint covers its leaf yet; or by courier
    SIGNATURE = "evidence-too-old"  # sealed before signatures of slips were kept
    BEHIND = "evidence-behind"  # its sender saw more of the key log than we have


class LackingError(Exception):
    """There is no evidence yet; ``lacking`` says what is missing."""

    def __init__(self, lacking: Lacking) -> None:
        super().__init__(lacking.value)
        self.lacking = lacking


@dataclass(frozen=True, slots=True)
class Logged:
    """A sealing that the vault has, and where its leaf stands."""

    inner: bytes
    slip: Slip
    body: Digest
    index: int
    note: bytes
    path: tuple[Digest, ...] | None  # of inclusion; None: nobody asked for it yet

    @property
    def leaf(self) -> bytes:
        """The leaf of this sealing."""
        slip = parse_inner(self.inner).slip
        return message_leaf(leaf_commitment(self.slip.r, slip), self.body)

    @property
    def size(self) -> int:
        """The size of the tree under the note."""
        return _size(self.note)

    @property
    def span(self) -> Span:
        """The sizes between which a path of consistency is needed."""
        return self.slip.dir.message_size, self.size


@dataclass(frozen=True, slots=True)
class Wanted:
    """Paths of the message log: consistency by sizes, inclusion by index and size."""

    consistency: tuple[Span, ...]
    inclusion: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Paths:
    """What was asked for."""

    consistency: Mapping[Span, Sequence[Digest]]
    inclusion: Mapping[Span, Sequence[Digest]]


@dataclass(frozen=True, slots=True)
class Reign:
    """A root document, and the position of its leaf in the key log."""

    position: int
    root: RootDocument


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything about one record."""

    record: Logged
    receipts: tuple[Logged, ...]  # by the place of their leaf
    unproven: int  # receipts that are left out


def reigning(vault: Vault, realm: Realm) -> tuple[Reign, ...]:
    """Return every root document of the adopted key log, oldest first."""
    leaves = [leaf for leaf, _ in vault.entries()]
    root = found(first_root(leaves), realm=realm)
    every = [Reign(0, root.document)]
    for position, leaf in enumerate(leaves[1:], start=1):
        after = leading_root(root, (leaf,))
        if after is not root:
            root = after
            every.append(Reign(position, root.document))
    return tuple(every)


def gather(vault: Vault, row: RecordRow, *, fresh: bool = False) -> Gathered:
    """Return the record's sealing, and the receipts of both ways.

    Args:
        vault: the terminal's.
        row: the record.
        fresh: take the last checkpoint instead of the one of each proof, which an
            earlier root document's witnesses may have made too late to count.

    Raises:
        LackingError: it is not logged, its signature was not kept, or our view is
            behind its sender's.
    """
    size = len(vault.entries())
    record = _logged(vault, row, size, fresh=fresh)
    logged: list[Logged] = []
    unproven = 0
    for carrier in _carriers(vault, row):
        try:
            logged.append(_logged(vault, carrier, size, fresh=fresh))
        except LackingError:
            unproven += 1
    logged.sort(key=lambda one: one.index)
    return Gathered(record, tuple(logged), unproven)


def wanted(gathered: Gathered) -> Wanted:
    """Return the paths that :func:`made` needs, each once."""
    every = (gathered.record, *gathered.receipts)
    return Wanted(
        consistency=tuple(sorted({one.span for one in every})),
        inclusion=tuple(
            sorted({(one.index, one.size) for one in every if one.path is None})
        ),
    )


def made(
    vault: Vault,
    gathered: Gathered,
    paths: Paths,
    reigns: Sequence[Reign],
) -> bytes:
    """Return the bundle's bytes; the caller verifies them.

    Args:
        vault: the terminal's.
        gathered: from :func:`gather`.
        paths: of the message log.
        reigns: from :func:`reigning`.
    """
    leaves = [leaf for leaf, _ in vault.entries()]
    last = vault.get(KEY_NOTE) or b""
    notes = [note for note in kept_notes(vault) if note != last]
    bundle = Bundle(
        v=1,
        pages=write_pages(leaves),
        notes=tuple(_key_note(note, reigns) for note in (*notes, last)),
        record=_sealing(gathered.record, paths, reigns),
        receipts=tuple(_sealing(one, paths, reigns) for one in gathered.receipts),
    )
    return write_bundle(bundle)


def _sealing(one: Logged, paths: Paths, reigns: Sequence[Reign]) -> Sealing:
    return Sealing(
        inner=one.inner,
        body=one.body,
        proof=proof_of(one, paths, reigns),
        path=tuple(paths.consistency[one.span]),
    )


def proof_of(one: Logged, paths: Paths, reigns: Sequence[Reign]) -> bytes:
    """Return the tlog-proof of one sealing, with the lines that its readers know."""
    path = paths.inclusion[one.index, one.size] if one.path is None else one.path
    return write_proof(one.index, path, _message_note(one.note, reigns))


def _key_note(note: bytes, reigns: Sequence[Reign]) -> bytes:
    """Return a note of the key log with the lines that count for it (LOG-23)."""
    size = _size(note)
    (*_, root) = (reign.root for reign in reigns if reign.position < size)
    return known_lines(note, root.key_log, root.witnesses) or note


def _message_note(note: bytes, reigns: Sequence[Reign]) -> bytes:
    """Return a note of the message log with the lines of those who made it."""
    roots = [reign.root for reign in reigns]
    kept = [known_lines(note, root.message_log, root.witnesses) for root in roots]
    return max((one for one in kept if one is not None), key=len, default=note)


def _size(note: bytes) -> int:
    return parse_checkpoint(parse_note(note).text).size


def _logged(vault: Vault, row: RecordRow, size: int, *, fresh: bool) -> Logged:
    """Return the logged sealing of a record, under a key log of ``size``."""
    sealed = _sealed(vault, row, fresh=fresh)
    if sealed.slip.dir.key_size > size:
        raise LackingError(Lacking.BEHIND)
    return sealed


def _sealed(vault: Vault, row: RecordRow, *, fresh: bool) -> Logged:
    if row.way == IN:
        inner = parse_inner(row.inner)
        slip, body = parse_slip(inner.slip), Digest(row.leaf[-32:])
        proof = None if fresh else row.proof
        return Logged(row.inner, slip, body, *_place(vault, row.log_index, proof))
    deposits = vault.deposits(row.name)
    kept = [deposit for deposit in deposits if deposit.signature]
    if deposits and not kept:
        raise LackingError(Lacking.SIGNATURE)
    logged = [deposit for deposit in kept if deposit.log_index is not None]
    if not logged:
        raise LackingError(Lacking.LEAF)
    first = min(logged, key=lambda one: one.log_index or 0)
    return _sent(vault, row, replace(first, proof=None) if fresh else first)


def _sent(vault: Vault, row: RecordRow, deposit: Deposit) -> Logged:
    """Return a sealing of our own: the record, the slip, and who signed them."""
    slip = parse_slip(deposit.slip)
    lines = [SignatureLine(slip.key, Signature(deposit.signature))]
    if row.release:
        record = decode(row.document, Record, limit=MAX_RECORD)
        lines.append(SignatureLine(record.by[0], Signature(row.release)))
    inner = encode(Inner(row.document, deposit.slip, tuple(lines)))
    place = _place(vault, deposit.log_index, deposit.proof)
    return Logged(inner, slip, Digest(deposit.leaf[-32:]), *place)


def _place(
    vault: Vault, index: int | None, proof: bytes | None
) -> tuple[int, bytes, tuple[Digest, ...] | None]:
    """Return index, note and path: as they were proven, or as they can be now.

    Raises:
        LackingError: no adopted checkpoint covers the leaf.
    """
    if proof is not None:
        found = read_proof(proof)
        return found.index, found.note, found.path
    note = vault.get(MESSAGE_NOTE)
    if index is None or note is None:
        raise LackingError(Lacking.LEAF)
    if index >= _size(note):
        raise LackingError(Lacking.LEAF)
    return index, note, None


def _carriers(vault: Vault, row: RecordRow) -> list[RecordRow]:
    """Return the records that carry receipts for ``row``, each once."""
    if row.way == OUT:
        names = {receipt.carrier for receipt in vault.receipts(row.name)}
        brought = (vault.record(name) for name in sorted(names))
        return [carrier for carrier in brought if carrier is not None]
    return [
        carrier for carrier in vault.said_since(row.at) if _speaks_of(carrier, row.name)
    ]


def _speaks_of(carrier: RecordRow, name: Digest) -> bool:
    record = decode(carrier.document, Record, limit=MAX_RECORD)
    return any(statement.record == name for statement in record.rcpts)
