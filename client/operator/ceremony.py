"""The files of a root ceremony: a document, one signature each, the finished one.

All three are :class:`protocol.signed.Signed`: without a signature, with one, with
enough of them.  So a medium carries the very bytes that are signed, and whoever
gathers signatures compares bytes with bytes::

    document  root init / next / extension  -> every holder's machine
    signature root sign, one holder each    -> back
    finished  root import                   -> root.cbor, and a leaf for the key log

Which holders' words count is :mod:`protocol.trusted_root`'s business alone; here it is
only said which file is in the way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from client.home import HomeError
from client.operator.documents import read_document
from client.operator.fingerprint import short_words
from crypto.sign import Realm, SigningKey, Usage, VerifyKey
from crypto.types import KeyId
from protocol.codec import decode
from protocol.errors import BindingError, ProtocolError, ThresholdError
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.root import Extension, RootDocument, realm_of
from protocol.root_check import check_root, contradictions_of
from protocol.signed import Signed, gather, sign_document, signers
from protocol.trusted_root import TrustedRoot, extend, follow, found

KIND: Final = "root-document"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a carrier is about, and before which root it stands."""

    carrier: Signed
    document: RootDocument | Extension
    before: TrustedRoot | None  # None: it founds

    @property
    def realm(self) -> Realm:
        """Whose signatures count."""
        if isinstance(self.document, RootDocument):
            return realm_of(self.document)
        return _known(self.before).realm

    @property
    def keys(self) -> Mapping[KeyId, VerifyKey]:
        """The holders whose signature can be of use."""
        known: dict[KeyId, VerifyKey] = {}
        if self.before is not None:
            known.update(self.before.holders)
        if isinstance(self.document, RootDocument):
            parsed = [key.parsed() for key in self.document.root_keys]
            known.update({key.id: key for key in parsed})
        return known


def read_subject(path: Path, before: TrustedRoot | None) -> Subject:
    """Return what the file is about; it could be signed and come into force.

    Args:
        path: a carrier of a root document or of an extension.
        before: the root in force; None for the one that founds.

    Raises:
        HomeError: not such a file, or a document that cannot come after ``before``.
    """
    return subject_of(read_document(path, Signed, KIND), before, path)


def subject_of(carrier: Signed, before: TrustedRoot | None, path: Path) -> Subject:
    """Return what ``carrier`` is about; as :func:`read_subject`."""
    document = _document(carrier, path)
    if isinstance(document, RootDocument):
        _could_hold(document, path)
        if not _follows(document, before):
            raise HomeError("root.not-next", file=path)
    elif before is None or document.extends != before.digest:
        raise HomeError("root.not-next", file=path)
    return Subject(carrier, document, before)


def _document(carrier: Signed, path: Path) -> RootDocument | Extension:
    try:
        return decode(carrier.document, RootDocument)
    except ProtocolError:
        pass  # then it is the other kind, or nothing
    try:
        return decode(carrier.document, Extension)
    except ProtocolError:
        raise HomeError("operator.bad-file", file=path, kind=KIND) from None


def _could_hold(document: RootDocument, path: Path) -> None:
    for fault in contradictions_of(document):
        raise HomeError(f"root-fault.{fault}", file=path)
    try:
        check_root(document)
        document.relay.key.parsed()
        for key in (*document.root_keys, *document.operators):
            key.parsed()
    except BindingError:
        raise HomeError("root-fault.key", file=path) from None


def _follows(document: RootDocument, before: TrustedRoot | None) -> bool:
    if before is None:
        return document.version == 1 and not any(document.prev)
    old = before.document
    return (
        document.version == old.version + 1
        and document.prev == before.digest
        and document.realm == old.realm
    )


def signature(subject: Subject, key: SigningKey) -> Signed:
    """Return a carrier with the one signature of ``key``.

    Raises:
        HomeError: a key of nobody who has a say in this document.
    """
    if key.id not in subject.keys:
        raise HomeError("root.not-holder", key=short_words(key.id))
    document = subject.carrier.document
    return sign_document(document, [key], usage=Usage.ROOT, realm=subject.realm)


class TooFewError(Exception):
    """Not enough holders signed yet; ``missing`` are words of whose word would do."""

    def __init__(self, error: ThresholdError) -> None:
        super().__init__()
        self.valid = error.valid
        self.required = error.required
        self.missing = ", ".join(sorted(map(_words, error.missing)))


def _words(key: bytes) -> str:
    return short_words(key)


def gathered(files: Sequence[Path], before: TrustedRoot | None) -> Subject:
    """Return the subject with every holder's signature that the files bring.

    Raises:
        HomeError: a file of another document, with a signature that does not hold,
            or with signatures of strangers only; names the file.
    """
    parts: list[Signed] = []
    subject: Subject | None = None
    for path in files:
        carrier = read_document(path, Signed, KIND)
        if subject is None:
            subject = subject_of(carrier, before, path)
        parts.append(_genuine(subject, carrier, path))
    if subject is None:
        raise ValueError("no files: a caller's bug")
    return Subject(gather(parts), subject.document, before)


def _genuine(subject: Subject, carrier: Signed, path: Path) -> Signed:
    """Return the carrier with the lines of holders only."""
    if carrier.document != subject.carrier.document:
        raise HomeError("root.mixed", file=path)
    keys = subject.keys
    try:
        who = signers(carrier, keys, usage=Usage.ROOT, realm=subject.realm)
    except ProtocolError:
        raise HomeError("root.tampered", file=path) from None
    if carrier.signatures and not who:
        raise HomeError("root.stranger", file=path)
    lines = tuple(line for line in carrier.signatures if line.key in who)
    return Signed(document=carrier.document, signatures=lines)


def in_force(subject: Subject) -> tuple[bytes, TrustedRoot]:
    """Return the leaf for the key log, and the root with it, if enough holders signed.

    Raises:
        TooFewError: not enough yet.
    """
    carrier, before = subject.carrier, subject.before
    kind = LeafKind.ROOT
    try:
        if isinstance(subject.document, Extension):
            kind = LeafKind.EXTENSION
            root = extend(_known(before), carrier)
        elif before is None:
            root = found(carrier, realm=subject.realm)
        else:
            root = follow(before, carrier)
    except ThresholdError as error:
        raise TooFewError(error) from None
    return signed_leaf(kind, carrier), root


def _known(before: TrustedRoot | None) -> TrustedRoot:
    if before is None:
        raise ValueError("an extension without its root: a caller's bug")
    return before
