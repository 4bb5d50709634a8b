"""Proposals of operators, as the records in this vault tell them.

PROPOSAL brings a document, APPROVAL one signature over it, REFUSAL a no.  Nothing is
kept beside the records: what stands here is read from them and from the directory each
time, so that it cannot differ from what was signed.  A record brings nothing by itself:
only signatures of keys that the directory knows count, each key once.
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from client.core.rows import RecordRow
from client.core.station import Station
from crypto.digest import H
from crypto.sign import Usage
from crypto.types import Digest, KeyId
from protocol.bodies import ApprovalBody, ProposalBody, RefusalBody, Subject
from protocol.codec import Message, decode
from protocol.directory_adopt import position
from protocol.directory_entry import Action, DirectoryEntry
from protocol.directory_rules import ZEROISE_OPERATORS
from protocol.directory_state import State
from protocol.errors import ProtocolError, VerificationError
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.limits import MAX_RECORD
from protocol.record import Record
from protocol.record_type import RecordType
from protocol.root import operators_needed
from protocol.signed import SignatureLine, Signed, verify_one

KINDS = {
    Subject.DIRECTORY_ENTRY: (LeafKind.DIRECTORY, Usage.DIR),
    Subject.ROOT_DOCUMENT: (LeafKind.ROOT, Usage.ROOT),
    Subject.RESTRICTION: (LeafKind.RESTRICTION, Usage.SUSPEND),
    Subject.ZEROISE: (LeafKind.ZEROISE, Usage.ZEROISE),
}
B = TypeVar("B", bound=Message)


class Standing(enum.StrEnum):
    """How far a proposal is."""

    OPEN = "open"
    COMPLETE = "complete"  # every signature is there, and the log has it not
    LOGGED = "logged"
    REJECTED = "rejected"
    EXPIRED = "expired"
    STALE = "stale"  # its place was taken, or its root document is not in force


@dataclass(frozen=True, slots=True)
class Proposal:
    """A document with the signatures that count."""

    name: Digest  # H(record)
    row: RecordRow
    record: Record
    body: ProposalBody
    lines: tuple[SignatureLine, ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()  # post, reason
    entry: DirectoryEntry | None = None

    @property
    def digest(self) -> Digest:
        """H(document): by this name it stands in the log."""
        return H(self.body.document)

    @property
    def signers(self) -> frozenset[KeyId]:
        """The distinct keys that signed."""
        return frozenset(line.key for line in self.lines)

    @property
    def signed(self) -> Signed:
        """The document with every signature that counts."""
        return Signed(document=self.body.document, signatures=self.lines)

    @property
    def leaf(self) -> bytes:
        """The leaf that would be logged."""
        return signed_leaf(KINDS[self.body.subject][0], self.signed)

    @property
    def posts(self) -> tuple[str, ...]:
        """Every post that has it: the sender's and those addressed."""
        found = {self.record.sender, *(to.post for to in self.record.to)}
        return tuple(sorted(found))


class Proposals:
    """What the vault holds of proposals."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._beliefs = station.beliefs

    def all(self) -> list[Proposal]:
        """Return every proposal that a known key signed, oldest first.

        Raises:
            FreshnessError: nothing was synchronised yet.
        """
        state = self._state()
        answers = [*self._answers()]
        found = []
        for row in self._vault.records_of(RecordType.PROPOSAL):
            body = _body(row, ProposalBody)
            if body is not None:
                found.append(_proposal(state, row, body, answers))
        return [proposal for proposal in found if proposal.lines]

    def find(self, beginning: str) -> list[Proposal]:
        """Return the proposals whose name begins so."""
        wanted = beginning.lower()
        return [one for one in self.all() if one.name.hex().startswith(wanted)]

    def complete(self, now: int) -> list[bytes]:
        """Return the leaves that have every signature and may be logged."""
        if self._beliefs.directory is None:
            return []
        return [
            one.leaf
            for one in self.all()
            if self.standing(one, now) is Standing.COMPLETE
        ]

    def standing(self, proposal: Proposal, now: int) -> Standing:
        """Return how far a proposal is."""
        state = self._state()
        if proposal.digest in self._beliefs.logged:
            return Standing.LOGGED
        if proposal.refusals:
            return Standing.REJECTED
        until = proposal.body.until
        if proposal.entry is not None:
            until = min(until, proposal.entry.expires)
        if now >= until:
            return Standing.EXPIRED
        if proposal.entry is not None and hindrance(state, proposal.entry, now):
            return Standing.STALE
        return Standing.COMPLETE if self._suffices(proposal) else Standing.OPEN

    def needed(self, proposal: Proposal) -> int:
        """Return how many operators must sign."""
        if proposal.entry is not None:
            return operators_needed(self._state().root.document, proposal.entry.action)
        return ZEROISE_OPERATORS if proposal.body.subject is Subject.ZEROISE else 1

    def operators(self, proposal: Proposal) -> frozenset[KeyId]:
        """Return the operators who signed."""
        return proposal.signers & self._state().root.operators.keys()

    def _suffices(self, proposal: Proposal) -> bool:
        """Ask the one door that decides what counts (DIR-15)."""
        directory = self._beliefs.directory
        try:
            assert directory is not None  # noqa: S101 -- _state was asked before
            directory.check(proposal.leaf)
        except ProtocolError:
            return False
        return True

    def _answers(self) -> Iterable[tuple[RecordRow, ApprovalBody | RefusalBody]]:
        for row in self._vault.records_of(RecordType.APPROVAL):
            approval = _body(row, ApprovalBody)
            if approval is not None:
                yield row, approval
        for row in self._vault.records_of(RecordType.REFUSAL):
            refusal = _body(row, RefusalBody)
            if refusal is not None:
                yield row, refusal

    def _state(self) -> State:
        self._beliefs.view()
        directory = self._beliefs.directory
        assert directory is not None  # noqa: S101 -- the view is made of it
        return directory.state


def hindrance(state: State, entry: DirectoryEntry, now: int) -> str | None:
    """Return why an entry cannot come next at its post; None: it may.

    The end of its code in the words: ``operator.expired`` and so on.
    """
    if now >= entry.expires:
        return "expired"
    if entry.root != state.root.digest:
        return "other-root"
    if (entry.version, entry.prev) != position(state, entry.post):
        return "stale"
    post = state.posts.get(entry.post)
    if (entry.action is Action.ENROL) is (post is not None):
        return "no-effect"
    if post and post.ended and entry.action is not Action.RE_ENROL:
        return "no-effect"
    return None


def counted(
    state: State, document: bytes, subject: Subject, lines: Iterable[SignatureLine]
) -> tuple[SignatureLine, ...]:
    """Return the signatures of known keys that hold, each key once."""
    usage, found = KINDS[subject][1], dict[KeyId, SignatureLine]()
    for line in lines:
        key = state.known(line.key)
        if key is None:
            continue
        try:
            verify_one(key, line, document, usage=usage, realm=state.root.realm)
        except VerificationError:
            continue  # nobody spoils a proposal by adding a line that fails
        found[line.key] = line
    return tuple(found.values())


def _proposal(
    state: State,
    row: RecordRow,
    body: ProposalBody,
    answers: Sequence[tuple[RecordRow, ApprovalBody | RefusalBody]],
) -> Proposal:
    record = decode(row.document, Record, limit=MAX_RECORD)
    posts = {record.sender, *(to.post for to in record.to)}
    lines = []
    if body.signer is not None and body.signature is not None:
        lines.append(SignatureLine(body.signer, body.signature))
    refusals = []
    for other, answer in answers:
        if isinstance(answer, RefusalBody):
            if answer.target == row.name and other.post in posts:
                refusals.append((other.post, answer.reason))
        elif (answer.proposal, answer.document) == (row.name, H(body.document)):
            lines.append(SignatureLine(answer.signer, answer.signature))
    return Proposal(
        name=row.name,
        row=row,
        record=record,
        body=body,
        lines=counted(state, body.document, body.subject, lines),
        refusals=tuple(refusals),
        entry=_entry(body),
    )


def _entry(body: ProposalBody) -> DirectoryEntry | None:
    if body.subject is not Subject.DIRECTORY_ENTRY:
        return None
    try:
        return decode(body.document, DirectoryEntry)
    except ProtocolError:
        return None


def _body(row: RecordRow, of: type[B]) -> B | None:
    record = decode(row.document, Record, limit=MAX_RECORD)
    try:
        return decode(record.body, of, limit=MAX_RECORD)
    except ProtocolError:
        return None
