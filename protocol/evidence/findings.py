"""What a bundle proves: never a yes or no, but who, what, when, and by which key.

Source: docs/spec/evidence.md section 4.
"""

import enum
from dataclasses import dataclass

from crypto.types import Digest, KeyId
from protocol.directory_view import Ended
from protocol.errors import ProtocolError, VerificationError
from protocol.receipt import Statement
from protocol.record import Record
from protocol.slip import Slip


class Part(enum.StrEnum):
    """The part of a bundle that does not hold."""

    BUNDLE = "bundle"
    KEY_LOG = "key-log"
    RECORD = "record"
    RECEIPT = "receipt"


class EvidenceError(VerificationError):
    """A bundle that proves nothing; ``part`` says where, the cause why."""

    def __init__(self, part: Part) -> None:
        super().__init__(f"evidence: {part.value}")
        self.part = part


class Standing(enum.StrEnum):
    """How the end of a signing key lies to the time when its work was witnessed."""

    CURRENT = "current"  # witnessed later than the record, the log has no end of it
    OPEN = "open"  # no end of it, in a log that was witnessed before the record
    BEFORE = "before"  # it ended, after the record was witnessed
    ENDED = "ended"  # it ended, and nothing shows that the record is older


@dataclass(frozen=True, slots=True)
class Cosigned:
    """One line of a note that verified; ``time`` is None for the log's own."""

    name: str
    algorithm: str
    time: int | None  # POSIX seconds


@dataclass(frozen=True, slots=True)
class Shown:
    """A checkpoint with every line verified."""

    origin: str
    size: int
    root: Digest
    witnessed: int  # POSIX seconds, of the ML-DSA quorum
    lines: tuple[Cosigned, ...]


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose signature it is."""

    key: KeyId
    post: str
    number: int | None  # of a terminal; None: a member
    name: str  # of a member, as the directory has it; "": a terminal
    standing: Standing
    ended: Ended | None


@dataclass(frozen=True, slots=True)
class Sighted:
    """A record that was signed and logged."""

    name: Digest  # H(record)
    record: Record
    slip: Slip
    terminal: Signer
    member: Signer | None
    index: int  # of its leaf in the message log
    checkpoint: Shown  # under which it is included

    @property
    def witnessed(self) -> int:
        """When a quorum of witnesses had seen it, POSIX seconds."""
        return self.checkpoint.witnessed


@dataclass(frozen=True, slots=True)
class Told:
    """A statement about the record that counts, and who stands for it."""

    statement: Statement
    signer: Signer
    carrier: Sighted


@dataclass(frozen=True, slots=True)
class Refused:
    """A leaf of the key log that counts for nothing."""

    index: int
    error: ProtocolError


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a bundle proves to who knows the hash on paper."""

    ministry: str
    root: Digest  # H of the last root document
    version: int  # of it
    checkpoints: tuple[Shown, ...]  # of the key log, the last over all leaves
    refused: tuple[Refused, ...]
    record: Sighted
    receipts: tuple[Told, ...]

    def signers(self) -> tuple[Signer, ...]:
        """Return everybody whose signature the findings rest on, each time."""
        sighted = (self.record, *(told.carrier for told in self.receipts))
        return tuple(
            signer
            for one in sighted
            for signer in (one.terminal, one.member)
            if signer is not None
        )
