"""Failures a peer can cause, and the codes that tell it so.

* :exc:`ProtocolError` -- the peer, or someone between, did something wrong
    * :exc:`MalformedError` -- bytes that are not the one encoding of a message
    * :exc:`UnexpectedMessageError` -- a valid message at the wrong moment
    * :exc:`UnauthenticatedError` -- no proof, or a proof that fails
    * :exc:`PolicyError` -- true and well formed, but not allowed; has a reason
    * :exc:`BusyError` -- a bound is reached; the same thing may be tried later
    * :exc:`VerificationError` -- a document, a record or a proof does not hold
        * :exc:`BindingError` -- parts that are genuine but not of each other
        * :exc:`ThresholdError` -- too few distinct signers; says who is missing
        * :exc:`ChainError` -- not the continuation of what is trusted
            * :exc:`RollbackError` -- older than what was already trusted
        * :exc:`StrangerError` -- signed by a key that our directory does not have
        * :exc:`ExpiredError` -- no longer, or not yet, valid
        * :exc:`FreshnessError` -- genuine, but too old to act on
        * :exc:`SplitViewError` -- two genuine statements that exclude each other

A caller's own mistake is a ``ValueError`` or ``RuntimeError`` and is never caught
on the way: it is a bug, and no peer should be able to provoke one.  The text of
an error is for our own log: it holds no content, key, address, label or name.
"""

import enum
from typing import ClassVar


class ErrorCode(enum.IntEnum):
    """Wire codes (docs/spec/errors.md).  A number is never reused."""

    MALFORMED = 1
    UNEXPECTED_MESSAGE = 2
    UNAUTHENTICATED = 3
    NOT_ALLOWED = 4
    BUSY = 5
    NOT_VERIFIED = 6


class ProtocolError(Exception):
    """Base class; never raised itself.  Only ``code`` crosses the wire."""

    code: ClassVar[ErrorCode]


class MalformedError(ProtocolError):
    """Truncated, trailing, too large, of the wrong type, or not canonical."""

    code = ErrorCode.MALFORMED


class UnexpectedMessageError(ProtocolError):
    """The message is well formed but not allowed in this state."""

    code = ErrorCode.UNEXPECTED_MESSAGE


class UnauthenticatedError(ProtocolError):
    """Identity unknown, revoked, or not proven.  One error for all three."""

    code = ErrorCode.UNAUTHENTICATED


class Reason(enum.StrEnum):
    """Why something true is still refused; words for it live in the client."""

    LEVEL_ABOVE_CLEARANCE = "level-above-clearance"
    LEVEL_ABOVE_CEILING = "level-above-ceiling"
    CAVEAT_NOT_HELD = "caveat-not-held"
    SCHEME_NOT_HELD = "scheme-not-held"
    NOT_RELEASABLE = "not-releasable"
    NOT_ACTIVE = "not-active"
    MEMBER_NOT_ACTIVE = "member-not-active"
    RESTRICTED = "restricted"
    DIRECTORY_STALE = "directory-stale"
    LABEL_INCOMPLETE = "label-incomplete"
    LABEL_NOT_CANONICAL = "label-not-canonical"
    LABEL_EXPIRED = "label-expired"
    RELEASE_MISSING = "release-missing"
    RELEASE_NOT_PERMITTED = "release-not-permitted"
    INFO_ABOVE_ACTION = "info-above-action"
    NIACT_WITHOUT_REASON = "niact-without-reason"
    PORTION_ABOVE_LABEL = "portion-above-label"
    ATTACHMENT_ABOVE_LABEL = "attachment-above-label"
    FOREIGN_ABOVE_LABEL = "foreign-above-label"
    ARCHIVE_MISSING = "archive-missing"
    TYPE_UNKNOWN = "type-unknown"
    INCONSISTENT = "inconsistent"  # contradicts itself or what its type demands
    TOO_LARGE = "too-large"


class PolicyError(ProtocolError):
    """Refused by a rule; ``reason`` says which, ``post`` for whom, if for one."""

    code = ErrorCode.NOT_ALLOWED

    def __init__(self, reason: Reason, *, post: str | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.post = post


class BusyError(ProtocolError):
    """A number, a size or a rate has reached its bound."""

    code = ErrorCode.BUSY


class VerificationError(ProtocolError):
    """A signed document, a record or a proof does not hold."""

    code = ErrorCode.NOT_VERIFIED


class BindingError(VerificationError):
    """A binding of the specification (B1..Bn) is broken; ``binding`` names it."""

    def __init__(self, binding: str) -> None:
        super().__init__(f"binding {binding}")
        self.binding = binding


class ThresholdError(VerificationError):
    """Fewer distinct valid signers than required.

    ``missing`` holds the key ids of permitted signers that did not sign, so that
    a caller can say who is still needed; the text holds the counts only.
    """

    def __init__(self, *, valid: int, required: int, missing: frozenset[bytes]) -> None:
        super().__init__(f"{valid} of {required} signatures")
        self.valid = valid
        self.required = required
        self.missing = missing


class ChainError(VerificationError):
    """The document does not continue the chain that is trusted."""


class RollbackError(ChainError):
    """A version, number or tree size below the trusted one."""


class StrangerError(VerificationError):
    """The signer is unknown here: false, or news that our directory lacks yet."""


class ExpiredError(VerificationError):
    """Outside the document's or the key's time of validity."""


class FreshnessError(VerificationError):
    """Genuine but older than the level's limit: act on nothing, ask again."""


class SplitViewError(VerificationError):
    """Same size, different root: keep both as evidence, then stop.

    ``evidence`` holds the statements as they arrived, where there are two.
    """

    def __init__(self, message: str = "", *, evidence: tuple[bytes, ...] = ()) -> None:
        super().__init__(message)
        self.evidence = evidence
