"""One door to the root: founded by a hash on paper, followed version by version.

::

    root = found(first_document, realm=Realm.KOERIER)
    root = follow(root, second_document)     # threshold of 1 and of 2, no gap
    root.require_current(witnessed)          # else read-only

What TUF calls its attacks end here: an older version (rollback), a version with a
hole before it (gap), one signer counted twice, a chain that another ministry's
holders made, and a document that nobody renewed (freeze) by its expiry.  A version
number that jumps ahead (fast forward) is a gap.

Source: docs/spec/root-and-directory.md section 2, B25; TUF 1.0 section 5.3.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from crypto.sign import Realm, Usage, VerifyKey
from crypto.types import ZERO_DIGEST, Digest, KeyId
from protocol.codec import decode
from protocol.errors import (
    BindingError,
    ChainError,
    ExpiredError,
    RollbackError,
)
from protocol.root import EXTENSION, Extension, LogKey, RootDocument, realm_of
from protocol.root_check import check_root
from protocol.signed import SignatureKey, Signed, require, signers


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """A root document that was adopted, with its keys parsed and checked."""

    document: RootDocument
    digest: Digest
    past: frozenset[Digest]  # names of this and every version before
    holders: Mapping[KeyId, VerifyKey]
    operators: Mapping[KeyId, VerifyKey]
    extended: bool = False
    # What earlier versions named of the logs and no later one names: their notes are
    # genuine, and count for nothing new.
    former: frozenset[LogKey] = field(default=frozenset())

    @property
    def realm(self) -> Realm:
        """Whose signatures count."""
        return realm_of(self.document)

    @property
    def expires(self) -> int:
        """POSIX seconds, with the emergency extension where there is one."""
        return self.document.expires + (EXTENSION if self.extended else 0)

    def require_current(self, witnessed: int) -> None:
        """Return if the root is in force at ``witnessed``; else nothing is sealed.

        Raises:
            ExpiredError: clients are read-only until a new root or an extension.
        """
        if witnessed >= self.expires:
            raise ExpiredError("the root document")


def found(signed: Signed, *, realm: Realm) -> TrustedRoot:
    """Return the first root, signed by its own threshold.

    The caller compares the paper hash with :attr:`TrustedRoot.past` of the root
    that the chain leads to (:func:`protocol.trusted_directory.found_directory`).

    Raises:
        MalformedError: not a root document.
        VerificationError: it contradicts itself, another realm, too few holders.
    """
    # The keys are inside: parsed before they verify, and believed only after.
    document = decode(signed.document, RootDocument)
    if document.version != 1 or document.prev != ZERO_DIGEST:
        raise ChainError("not a first root document")
    trusted = _checked(document, signed.digest, frozenset())
    if trusted.realm is not realm:
        raise BindingError("B12")
    _signed_by(trusted, signed, trusted.realm)
    return trusted


def follow(trusted: TrustedRoot, signed: Signed) -> TrustedRoot:
    """Return the next root: version + 1, by the threshold of both (B25).

    Raises:
        MalformedError: not a root document.
        ThresholdError: too few holders of the old or of the new.
        RollbackError: a version that is not newer.
        ChainError: a gap, or another predecessor.
        VerificationError: it contradicts itself, or a signature fails.
    """
    _signed_by(trusted, signed, trusted.realm)
    document = decode(signed.document, RootDocument)
    if document.version <= trusted.document.version:
        raise RollbackError("a root document that is not newer")
    if document.version != trusted.document.version + 1:
        raise ChainError("a gap in the versions of the root document")
    if document.prev != trusted.digest:
        raise ChainError("the successor of another root document")
    if realm_of(document) is not trusted.realm:
        raise BindingError("B12")
    successor = _checked(document, signed.digest, trusted.past)
    _signed_by(successor, signed, trusted.realm)
    old, new = trusted.document, document
    named = {old.key_log, old.message_log} - {new.key_log, new.message_log}
    return replace(successor, former=trusted.former | named)


def extend(trusted: TrustedRoot, signed: Signed) -> TrustedRoot:
    """Return the same root with 30 more days, by the emergency threshold.

    Raises:
        MalformedError: not an extension.
        ThresholdError: too few holders.
        ChainError: of another root document, or for the second time.
    """
    who = signers(signed, trusted.holders, usage=Usage.ROOT, realm=trusted.realm)
    require(
        who,
        permitted=trusted.holders.keys(),
        required=trusted.document.emergency_threshold,
    )
    extension = decode(signed.document, Extension)
    if extension.extends != trusted.digest or trusted.extended:
        raise ChainError("an extension of another root document, or used")
    return replace(trusted, extended=True)


def _signed_by(trusted: TrustedRoot, signed: Signed, realm: Realm) -> None:
    who = signers(signed, trusted.holders, usage=Usage.ROOT, realm=realm)
    require(
        who, permitted=trusted.holders.keys(), required=trusted.document.root_threshold
    )


def _checked(
    document: RootDocument, digest: Digest, before: frozenset[Digest]
) -> TrustedRoot:
    check_root(document)
    document.relay.key.parsed()
    return TrustedRoot(
        document=document,
        digest=digest,
        past=before | {digest},
        holders=_parsed(document.root_keys),
        operators=_parsed(document.operators),
    )


def _parsed(keys: tuple[SignatureKey, ...]) -> Mapping[KeyId, VerifyKey]:
    parsed = [key.parsed() for key in keys]
    return {key.id: key for key in parsed}
