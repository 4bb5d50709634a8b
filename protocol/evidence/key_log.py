"""The key log of a bundle, replayed: the directory, and what it was at each size.

Only the whole log proves that a key had *not* ended, so all leaves are there.  The
checkpoints in between bound when each leaf came: what one of them does not cover yet
was not there at its time.

Source: docs/spec/evidence.md section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from crypto.merkle import Frontier
from crypto.sign import Realm
from crypto.types import Digest
from protocol.checkpoint import parse_checkpoint
from protocol.errors import ChainError, VerificationError
from protocol.evidence.findings import Refused, Shown
from protocol.evidence.notes import shown
from protocol.note import parse_note
from protocol.root import RootDocument
from protocol.root_chain import first_root, leading_root
from protocol.trusted_directory import Refused as NotAdopted
from protocol.trusted_directory import TrustedDirectory, Witnessed, found_directory
from protocol.trusted_root import found


@dataclass(frozen=True, slots=True)
class Reign:
    """A root document, and until when what its witnesses saw counts."""

    document: RootDocument
    until: int | None  # POSIX seconds: the log was seen without the next; None: last


@dataclass(frozen=True, slots=True)
class Replayed:
    """The key log, believed."""

    directory: TrustedDirectory
    roots: tuple[Digest, ...]  # of the tree, by size
    checkpoints: tuple[Shown, ...]
    reigns: tuple[Reign, ...]  # oldest first
    refused: tuple[Refused, ...]


def replay(
    leaves: Sequence[bytes], notes: Sequence[bytes], *, pin: Digest, realm: Realm
) -> Replayed:
    """Return the directory at the last checkpoint, from position 0.

    Args:
        leaves: of the key log, all of them.
        notes: its checkpoints, each larger than the one before, or as large and later.
        pin: H of any root document of the chain, from paper.
        realm: never taken from the document.

    Raises:
        ProtocolError: a checkpoint that is not this log's or this tree's, a chain
            of root documents without the pin, leaves that nobody covers.
    """
    roots = _roots(leaves)
    first = first_root(leaves)
    root = found(first, realm=realm)
    directory: TrustedDirectory | None = None
    checkpoints: list[Shown] = []
    reigns: list[Reign] = []
    refused: list[Refused] = []
    start, time = 0, 0
    for data in notes:
        size = parse_checkpoint(parse_note(data).text).size
        if not start <= size <= len(leaves):
            raise ChainError("checkpoints that do not ascend over the leaves")
        batch = leaves[start:size]
        follower = leading_root(root, batch[1:] if directory is None else batch)
        note = shown(data, follower.document.key_log, follower.document.witnesses)
        _ascend(checkpoints, note)
        time = max(note.witnessed, time)
        seen = Witnessed(note.size, note.root, time)
        before = root
        if directory is None:
            directory, outcomes = found_directory(
                batch, pin=first.digest, realm=realm, checkpoint=seen
            )
        else:
            before = directory.root
            directory, outcomes = directory.adopt(batch, seen)
        root = directory.root
        if root.digest != before.digest:
            until = max((one.witnessed for one in checkpoints), default=0)
            reigns.append(Reign(before.document, until))
        checkpoints.append(note)
        refused += [
            Refused(outcome.index, outcome.error)
            for outcome in outcomes
            if isinstance(outcome, NotAdopted)
        ]
        start = size
    if directory is None or start != len(leaves):
        raise ChainError("leaves that no checkpoint covers")
    if pin not in directory.root.past:
        raise VerificationError("not the root document on paper")
    reigns.append(Reign(directory.root.document, None))
    return Replayed(directory, roots, tuple(checkpoints), tuple(reigns), tuple(refused))


def _ascend(before: Sequence[Shown], note: Shown) -> None:
    """Refuse a checkpoint that adds nothing: neither leaves nor a later time."""
    if (
        before
        and note.size == before[-1].size
        and note.witnessed <= before[-1].witnessed
    ):
        raise ChainError("a checkpoint that says nothing new")


def _roots(leaves: Sequence[bytes]) -> tuple[Digest, ...]:
    tree = Frontier()
    roots = [tree.root()]
    for leaf in leaves:
        tree = tree.append(leaf)
        roots.append(tree.root())
    return tuple(roots)
