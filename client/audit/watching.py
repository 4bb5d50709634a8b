"""``koerier audit watch``: the relay and each witness, asked again and again.

Whoever serves two histories must show one of them to somebody.  The monitor remembers
the largest checkpoint of each log that a quorum cosigned, and compares with it what
the relay and each witness shows now:

* one size, two roots -- **split view**: both notes are the log's own signatures;
* smaller than what was shown, to us or to a witness -- **rollback**;
* larger, and the tiles do not lead there -- **fork**;
* a witness whose last word is too old -- **stale witness**;
* entries of the key log that are no manifests -- **directory**.

An alarm is told once, stands until its cause ends or people settle it, and the notes
it rests on lie in the home's folder of evidence.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from client.audit.paths import path
from client.audit.source import CHECKPOINT, Source
from client.audit.state import Memory, Point
from client.audit.verifying import NAMES, log_key
from crypto.errors import ProofError
from crypto.merkle import EMPTY_ROOT, consistency_path, verify_consistency
from crypto.notekey import NoteAlgorithm
from crypto.types import Digest
from protocol.checkpoint import Checkpoint
from protocol.cosignature import cosigned_at
from protocol.errors import ProtocolError, ThresholdError
from protocol.key_log_entry import LeafKind, read_leaf
from protocol.policy import rule_for
from protocol.requests import LogName
from protocol.root import RootDocument
from protocol.trusted_log import signed_checkpoint
from protocol.witness_policy import WitnessKey, cosigner, quorum_time

RELAY: Final = "relay"
SPLIT, ROLLBACK, FORK = "split-view", "rollback", "fork"
STALE, DIRECTORY, ODD = "stale-witness", "directory", "witness-odd"
WHAT: Final = (SPLIT, ROLLBACK, FORK, STALE, DIRECTORY, ODD)
NOTHING: Final = Digest(EMPTY_ROOT)
TRIES: Final = 5  # of a relay that shows less than a witness: it may be publishing
PAUSE: Final = 2.0  # seconds between them


@dataclass(frozen=True, slots=True)
class Shown:
    """A checkpoint that somebody showed, signed by the log."""

    by: str
    note: bytes
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Looked:
    """One log after one look."""

    log: LogName
    size: int
    root: Digest
    witnessed: int
    grown: int  # leaves since the look before


class Monitor:
    """One ministry, as it is shown to us."""

    def __init__(
        self, root: RootDocument, memory: Memory, pause: float = PAUSE
    ) -> None:
        self._root = root
        self._memory = memory
        self._pause = pause

    async def look(
        self,
        source: Source,
        said: Mapping[str, Mapping[LogName, bytes]],
        now: int,
    ) -> tuple[Looked, ...]:
        """Compare what is shown now with what was, and remember it.

        Args:
            source: the relay.
            said: notes by witness; a witness that did not answer is left out.
            now: this machine's clock, POSIX seconds.

        Raises:
            SourceError: the relay does not answer; nothing was compared.
        """
        self._stale(said, now)
        return tuple(
            [
                await self._one(
                    log,
                    source,
                    {w: notes.get(log, b"") for w, notes in said.items()},
                    now,
                )
                for log in LogName
            ]
        )

    async def _one(
        self, log: LogName, source: Source, said: Mapping[str, bytes], now: int
    ) -> Looked:
        before = self._memory.point(log)
        others = self._signed(log, said, now)
        shown = await self._shown(log, source, others, now)
        if before is not None:
            shown += self._signed(log, {"before": before.note}, now)
        self._split(log, [*shown, *others], now)
        relay = next((one for one in shown if one.by == RELAY), None)
        if relay is not None:
            await self._relay(log, source, relay, others, now)
        after = self._memory.point(log)
        if after is None:
            return Looked(log, 0, NOTHING, 0, 0)
        grown = after.size - (0 if before is None else before.size)
        return Looked(log, after.size, after.root, after.witnessed, grown)

    async def _shown(
        self, log: LogName, source: Source, others: Sequence[Shown], now: int
    ) -> list[Shown]:
        """Return what the relay shows, once it shows as much as the witnesses do.

        A relay publishes what its witnesses have cosigned, a moment later.
        """
        most = max((one.checkpoint.size for one in others), default=0)
        shown: list[Shown] = []
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(self._pause)
            note = await source.get(log, CHECKPOINT)
            shown = self._signed(log, {RELAY: note}, now)
            if not most or (shown and shown[0].checkpoint.size >= most):
                break
        return shown

    def _signed(
        self, log: LogName, notes: Mapping[str, bytes], now: int
    ) -> list[Shown]:
        """Return the checkpoints among the notes, each signed by this log."""
        found = []
        for by, note in notes.items():
            if not note:
                continue
            try:
                _, checkpoint = signed_checkpoint(note, log_key(self._root, log))
            except ProtocolError:
                self._memory.tell(ODD, by, now, {"1.note": note})
            else:
                found.append(Shown(by, note, checkpoint))
        return found

    def _split(self, log: LogName, shown: Sequence[Shown], now: int) -> None:
        """Look for one size with two roots."""
        for at, one in enumerate(shown):
            for other in shown[at + 1 :]:
                if _exclude(one, other):
                    self._tell(SPLIT, log, (one, other), now)

    async def _relay(
        self,
        log: LogName,
        source: Source,
        relay: Shown,
        others: Sequence[Shown],
        now: int,
    ) -> None:
        """Follow the relay, if it leads on from where we are."""
        before = self._memory.point(log)
        largest = max(others, key=lambda one: one.checkpoint.size, default=None)
        if largest is not None and largest.checkpoint.size > relay.checkpoint.size:
            self._tell(ROLLBACK, log, (relay, largest), now)
            return
        if before is not None and relay.checkpoint.size < before.size:
            _, checkpoint = signed_checkpoint(before.note, log_key(self._root, log))
            trusted = Shown("before", before.note, checkpoint)
            self._tell(ROLLBACK, log, (relay, trusted), now)
            return
        self._memory.end(now, what=ROLLBACK, about=NAMES[log])
        steps = [one for one in others if one.checkpoint.size]
        if before is not None:
            _, checkpoint = signed_checkpoint(before.note, log_key(self._root, log))
            steps.append(Shown("before", before.note, checkpoint))
        for step in steps:
            if not await self._leads(log, source, step.checkpoint, relay.checkpoint):
                self._tell(FORK, log, (step, relay), now)
                return
        self._follow(log, relay, before)

    def _follow(self, log: LogName, relay: Shown, before: Point | None) -> None:
        try:
            found, checkpoint = signed_checkpoint(relay.note, log_key(self._root, log))
            witnessed = quorum_time(self._root.witnesses, found, checkpoint)
        except ThresholdError:
            return  # the witnesses have not all seen it yet: the next look
        whole = 0 if before is None else before.whole
        checked = 0 if before is None else before.checked
        self._memory.keep(
            Point(
                log=log,
                size=checkpoint.size,
                root=checkpoint.root,
                note=relay.note,
                witnessed=witnessed,
                whole=whole,
                checked=checked,
            )
        )

    async def _leads(
        self, log: LogName, source: Source, old: Checkpoint, new: Checkpoint
    ) -> bool:
        """Tell whether the relay's tiles lead from one checkpoint to the other."""
        if old.size == new.size:
            return old.root == new.root
        way = await path(
            source,
            log,
            new.size,
            lambda node: consistency_path(old.size, new.size, node),
        )
        try:
            verify_consistency(old.size, new.size, way, old.root, new.root)
        except ProofError:
            return False
        return True

    # --- witnesses

    def _stale(self, said: Mapping[str, Mapping[LogName, bytes]], now: int) -> None:
        """Tell of each witness that has cosigned nothing for too long."""
        policy = self._root.policy
        limit = rule_for(policy, policy.ceiling).freshness
        for witness in self._root.witnesses.witnesses:
            times = [
                self._time(log, witness, note)
                for log, note in said.get(witness.name, {}).items()
            ]
            if now - max(times, default=0) > limit:
                self._memory.tell(STALE, witness.name, now)
            else:
                self._memory.end(now, what=STALE, about=witness.name)

    def _time(self, log: LogName, witness: WitnessKey, note: bytes) -> int:
        """Return when a witness cosigned the note that it shows; 0: it did not."""
        try:
            found, checkpoint = signed_checkpoint(note, log_key(self._root, log))
            key = cosigner(witness, NoteAlgorithm.ML_DSA_44)
            return cosigned_at(found, checkpoint, key) or 0
        except ProtocolError:
            return 0

    def entries(self, entries: Sequence[bytes], now: int) -> None:
        """Tell of entries that came since the last look and are no manifests.

        Args:
            entries: the key log's, as a terminal adopted them, from the first on.
            now: this machine's clock, POSIX seconds.
        """
        seen = self._memory.state.entries
        fresh = range(seen, len(entries)) if seen else ()
        changed = [at for at in fresh if _is_change(entries[at])]
        if changed:
            about = f"{changed[0]}-{changed[-1]}"
            evidence = {f"{at}.entry": entries[at] for at in changed}
            self._memory.tell(DIRECTORY, about, now, evidence)
        self._memory.read(max(seen, len(entries)))

    def _tell(
        self, what: str, log: LogName, pair: tuple[Shown, Shown], now: int
    ) -> None:
        evidence = {
            f"{number}-{one.by.replace('/', '_')}.note": one.note
            for number, one in enumerate(pair, start=1)
        }
        self._memory.tell(what, NAMES[log], now, evidence)


def _is_change(entry: bytes) -> bool:
    """Tell whether an entry is more than the name of a manifest."""
    try:
        return read_leaf(entry).kind is not LeafKind.MANIFEST
    except ProtocolError:
        return True


def _exclude(one: Shown, other: Shown) -> bool:
    first, second = one.checkpoint, other.checkpoint
    return first.size == second.size and first.root != second.root
