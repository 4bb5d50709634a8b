"""``koerier audit verify``: both logs, leaf by leaf, and what became of each entry.

For each log: the checkpoint is signed and cosigned; the tree over all leaves, computed
from the lowest tiles, has its root; and every size that was verified before has the
root that it had then.  The key log's entries, where we have them, are the leaves that
the tree has, and are replayed from the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from client.audit.recompute import Recomputed, recompute
from client.audit.source import CHECKPOINT, Copy, Source, SourceError
from client.audit.state import Memory, Point
from crypto.sign import Realm
from crypto.types import Digest
from protocol.checkpoint import Checkpoint
from protocol.errors import ProtocolError
from protocol.requests import LogName
from protocol.root import LogKey, RootDocument
from protocol.trusted_directory import Outcome, Witnessed, found_directory
from protocol.trusted_log import signed_checkpoint
from protocol.witness_policy import quorum_time

NAMES: Final = {LogName.KEY: "key-log", LogName.MESSAGE: "message-log"}
# What `watch` calls it, where there is evidence: the log's two signatures.
TOLD: Final = {"audit.wrong-history": "split-view", "audit.wrong-rollback": "rollback"}


@dataclass(frozen=True, slots=True)
class Verified:
    """One log, and what is wrong with it: codes of words, none if all is right."""

    log: LogName
    size: int
    root: Digest
    witnessed: int  # POSIX seconds; 0: no quorum
    wrong: tuple[str, ...]
    outcomes: tuple[Outcome, ...] = ()  # of the key log's entries
    unread: int = 0  # leaves of the key log whose entry we do not have


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be verified, and by whom it was made."""

    root: RootDocument
    pin: Digest
    realm: Realm
    entries: tuple[bytes, ...] | None  # of the key log; None: nobody has them


async def verify(
    case: Case, source: Source, memory: Memory | None, now: int, save: Copy | None
) -> tuple[Verified, ...]:
    """Return what was found of both logs; what is right is remembered.

    Args:
        case: the ministry.
        source: where the logs are read.
        memory: what was verified before; None: nothing is remembered.
        now: this machine's clock, POSIX seconds.
        save: keeps a copy of everything that was read.

    Raises:
        SourceError: a log cannot be read.
    """
    return tuple([await _one(case, log, source, memory, now, save) for log in LogName])


async def _one(  # noqa: PLR0913, PLR0917 -- one log of `verify`
    case: Case,
    log: LogName,
    source: Source,
    memory: Memory | None,
    now: int,
    save: Copy | None,
) -> Verified:
    before = None if memory is None else memory.point(log)
    note = await source.get(log, CHECKPOINT)
    if not note and log is LogName.MESSAGE and before is None:
        return Verified(log, 0, Digest(bytes(32)), 0, ())  # nobody has sent anything
    if save is not None:
        save.put(log, CHECKPOINT, note)
    try:
        checkpoint, witnessed = _trusted(case.root, log, note)
    except ProtocolError:
        return _refused(log, note)
    entries = (case.entries or ()) if log is LogName.KEY else ()
    tree = await recompute(
        source,
        log,
        checkpoint.size,
        at={len(entries), *(() if before is None else (before.size,))},
        entries=entries,
        save=save,
    )
    wrong = _wrong(checkpoint, tree, before)
    outcomes: tuple[Outcome, ...] = ()
    if entries and not wrong and len(entries) <= checkpoint.size:
        try:
            outcomes = _replayed(case, entries, tree, witnessed)
        except ProtocolError:
            wrong = ("audit.wrong-paper",)
    if before is not None and memory is not None:
        for code in wrong:
            what = TOLD.get(code)
            if what is not None:
                evidence = {"1-before.note": before.note, "2-now.note": note}
                memory.tell(what, NAMES[log], now, evidence)
    if not wrong and memory is not None:
        memory.keep(
            Point(
                log=log,
                size=checkpoint.size,
                root=checkpoint.root,
                note=note,
                witnessed=witnessed,
                whole=checkpoint.size,
                checked=now,
            )
        )
    unread = max(0, checkpoint.size - len(entries)) if log is LogName.KEY else 0
    return Verified(log, checkpoint.size, tree.root, witnessed, wrong, outcomes, unread)


def log_key(root: RootDocument, log: LogName) -> LogKey:
    """Return the key of one of the two logs."""
    return root.key_log if log is LogName.KEY else root.message_log


def _trusted(root: RootDocument, log: LogName, note: bytes) -> tuple[Checkpoint, int]:
    found, checkpoint = signed_checkpoint(note, log_key(root, log))
    return checkpoint, quorum_time(root.witnesses, found, checkpoint)


def _refused(log: LogName, note: bytes) -> Verified:
    if not note:
        raise SourceError("audit.no-checkpoint")
    return Verified(log, 0, Digest(bytes(32)), 0, ("audit.wrong-note",))


def _wrong(
    checkpoint: Checkpoint, tree: Recomputed, before: Point | None
) -> tuple[str, ...]:
    if tree.root != checkpoint.root:
        return ("audit.wrong-root",)  # what was computed is no history of this log
    found = []
    if tree.other:
        found.append("audit.wrong-entries")
    if before is not None:
        if checkpoint.size < before.size:
            found.append("audit.wrong-rollback")
        elif tree.roots.get(before.size) != before.root:
            found.append("audit.wrong-history")
    return tuple(found)


def _replayed(
    case: Case, entries: Sequence[bytes], tree: Recomputed, witnessed: int
) -> tuple[Outcome, ...]:
    """Return what became of each entry that we have."""
    seen = Witnessed(len(entries), tree.roots[len(entries)], witnessed)
    _, outcomes = found_directory(
        entries, pin=case.pin, realm=case.realm, checkpoint=seen
    )
    return outcomes
