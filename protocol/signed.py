"""The carrier of every signed document: the exact bytes, and who signed them.

Root documents, directory entries and restrictions all travel as one
:class:`Signed`: the document verbatim, and lines of key id and signature over
those bytes.  Reading goes in this order and in no other::

    signed = decode(data, Signed)
    who = signers(signed, known_keys, usage=Usage.DIR, realm=realm)
    entry = decode(signed.document, DirectoryEntry)      # only now
    require(who, permitted=operators, required=2)

A threshold counts *distinct* keys over *identical* bytes: one key that signs twice
is one signer.  A line of an unknown key counts for nothing; a line of a known key
that does not verify refuses the whole carrier, so that nobody can decorate a
genuine document and have it believed.

Source: docs/spec/root-and-directory.md section 1; python-tuf's thresholds.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Annotated, NamedTuple

from msgspec import Meta

from crypto.digest import H
from crypto.errors import KeyFormatError, SignatureError
from crypto.sign import Realm, SigningKey, Usage, VerifyKey
from crypto.suite import SuiteId
from crypto.types import Digest, KeyId
from protocol.codec import Message
from protocol.errors import BindingError, ThresholdError, VerificationError
from protocol.fields import KeyIdField, PublicKeyField, SignatureField
from protocol.limits import MAX_DOCUMENT, MAX_SIGNATURES


class SignatureKey(NamedTuple):
    """A public signature key as documents carry it."""

    suite: SuiteId
    public: PublicKeyField

    def parsed(self) -> VerifyKey:
        """Return the key, checked as enrolment demands (B15).

        Raises:
            BindingError: wrong length, a small-order point, not reduced.
        """
        try:
            return VerifyKey.parse(self.suite, self.public)
        except KeyFormatError:
            raise BindingError("B15") from None


class SignatureLine(NamedTuple):
    """One signature and the id of the key that made it."""

    key: KeyIdField
    signature: SignatureField


class Signed(Message):
    """A document as it was signed, and its signatures in any order."""

    document: Annotated[bytes, Meta(min_length=1, max_length=MAX_DOCUMENT)]
    signatures: Annotated[tuple[SignatureLine, ...], Meta(max_length=MAX_SIGNATURES)]

    @property
    def digest(self) -> Digest:
        """H(document): its name, whoever signed it."""
        return H(self.document)


def carried(key: SigningKey) -> SignatureKey:
    """Return the public half of ``key`` in the form that documents carry."""
    return SignatureKey(key.suite, key.public)


def sign_document(
    document: bytes, keys: Iterable[SigningKey], *, usage: Usage, realm: Realm
) -> Signed:
    """Return ``document`` signed by each of ``keys`` for ``usage``."""
    return Signed(
        document=document,
        signatures=tuple(
            SignatureLine(key.id, key.sign(usage, document, realm=realm))
            for key in keys
        ),
    )


def gather(parts: Iterable[Signed]) -> Signed:
    """Return one carrier with the signatures of all ``parts``, each key once.

    Raises:
        VerificationError: the parts are not over identical bytes, or are none.
    """
    lines: dict[KeyId, SignatureLine] = {}
    documents = set()
    for part in parts:
        documents.add(part.document)
        lines.update({line.key: line for line in part.signatures})
    if len(documents) != 1:
        raise VerificationError("signatures over different bytes")
    return Signed(document=documents.pop(), signatures=tuple(lines.values()))


def signers(
    signed: Signed, keys: Mapping[KeyId, VerifyKey], *, usage: Usage, realm: Realm
) -> frozenset[KeyId]:
    """Return the distinct known keys that signed; unknown keys count for nothing.

    Raises:
        VerificationError: a line of a known key does not verify.
    """
    found = set()
    for line in signed.signatures:
        key = keys.get(line.key)
        if key is None:
            continue
        verify_one(key, line, signed.document, usage=usage, realm=realm)
        found.add(line.key)
    return frozenset(found)


def verify_one(
    key: VerifyKey, line: SignatureLine, document: bytes, *, usage: Usage, realm: Realm
) -> None:
    """Return if ``line`` is the signature of ``key`` over ``document``.

    Raises:
        VerificationError: another key, other bytes, another usage or realm (B12).
    """
    try:
        key.verify(line.signature, usage, document, realm)
    except SignatureError:
        raise VerificationError("a signature does not verify") from None


def require(
    who: AbstractSet[KeyId], *, permitted: AbstractSet[KeyId], required: int
) -> None:
    """Return if at least ``required`` of the ``permitted`` keys are in ``who``.

    Raises:
        ThresholdError: with the permitted keys that did not sign.
    """
    valid = len(who & permitted)
    if valid < required:
        raise ThresholdError(
            valid=valid, required=required, missing=frozenset(permitted - who)
        )
