"""Synchronising: key log, checkpoints, directory; nothing is believed by halves.

Entries of the key log wait until a cosigned checkpoint covers them; then log,
directory and witnessed time move together, in the vault and in memory.
"""

from collections.abc import Sequence

from client.core.beliefs import Beliefs
from client.core.kept_notes import keep_notes
from client.core.ports import Vault
from client.core.questions import (
    CheckpointWanted,
    Effect,
    KeyLogWanted,
    ProofWanted,
    Question,
    Tag,
)
from crypto.merkle import Frontier
from crypto.sign import Realm
from crypto.types import Digest
from protocol.checkpoint import parse_checkpoint
from protocol.errors import BusyError, VerificationError
from protocol.limits import ENTRY_COST, MAX_UNCOVERED
from protocol.note import parse_note
from protocol.policy import rule_for
from protocol.requests import (
    Ask,
    Checkpoint,
    Entries,
    KeyLog,
    LogName,
    Prove,
    SignedCheckpoint,
)
from protocol.root import RootDocument
from protocol.root_chain import founding_root, leading_root
from protocol.trusted_directory import (
    Outcome,
    TrustedDirectory,
    Witnessed,
    found_directory,
)
from protocol.trusted_log import TrustedLog

KEY_NOTE, MESSAGE_NOTE, TIME = "log.key", "log.message", "witnessed"
_NOTES = {LogName.KEY: KEY_NOTE, LogName.MESSAGE: MESSAGE_NOTE}


class EntriesLackingError(Exception):
    """A genuine checkpoint covers entries that we have not got yet: ask for more."""


class Sync:
    """Follows the relay's two logs for one terminal."""

    def __init__(
        self, vault: Vault, beliefs: Beliefs, pin: Digest, realm: Realm
    ) -> None:
        self._vault = vault
        self._beliefs = beliefs
        self._pin = pin
        self._realm = realm
        self._pending: list[bytes] = []  # entries that no checkpoint covers yet
        self._room = MAX_UNCOVERED  # bytes that may still be added to them
        self._shown = 0  # the largest genuine checkpoint that was ahead of the entries
        self._looked: int | None = None  # wall clock: when the time was asked last
        self._open: set[LogName] = set(LogName)  # not seen in this round yet
        self._empty = False  # the relay says that nobody has deposited anything
        self._under_way: set[LogName] = set()  # checkpoints that were asked for
        # Sizes that were spoken of meanwhile: the answer may show them, or not yet.
        self._later: dict[LogName, int] = {}

    # --- questions

    def start(self) -> list[Effect]:
        """Return the questions of a new session."""
        self._pending.clear()
        self._room = MAX_UNCOVERED
        self._looked = None
        self._open = set(LogName)
        self._shown = 0
        self._under_way.clear()
        self._later.clear()
        return [self.more(), self._checkpoint(LogName.MESSAGE)]

    @property
    def settled(self) -> bool:
        """Whether both logs' checkpoints were adopted since :meth:`start`.

        A message log without a leaf has no checkpoint: the relay's word is enough, as
        long as this terminal has seen no other either.
        """
        if self._empty and not self._beliefs.message_log.size:
            return self._open <= {LogName.MESSAGE}
        return not self._open

    def tick(self, now: int) -> list[Effect]:
        """Ask for the witnesses' time well before ours is stale.

        A log that does not grow is told by nobody, and its checkpoint is cosigned
        anew all the same.
        """
        policy = self._beliefs.view().policy
        interval = rule_for(policy, policy.ceiling).freshness // 4
        if self._looked is None or not 0 <= now - self._looked < interval:
            first, self._looked = self._looked is None, now
            return [] if first else [self._checkpoint(LogName.KEY)]
        return []

    def noticed(self, key_size: int, message_size: int) -> list[Effect]:
        """Return what to ask after the relay said how large its logs are."""
        effects: list[Effect] = []
        self._empty = not message_size
        if self._room < 0:
            pass  # more than we take on its word in one session
        elif key_size > self._beliefs.key_log.size + len(self._pending):
            effects.append(self.more())
        elif key_size > self._beliefs.key_log.size:
            effects.extend(self._once(LogName.KEY, key_size))
        if message_size > self._beliefs.message_log.size:
            effects.extend(self._once(LogName.MESSAGE, message_size))
        return effects

    def _once(self, log: LogName, size: int) -> list[Effect]:
        """Return the question for a checkpoint of ``size``, if none is under way.

        A checkpoint with its cosignatures is 10 KB, which a poor line carries in ten
        seconds; its notices come together behind the message that they follow.
        """
        if log not in self._under_way:
            return [self._checkpoint(log)]
        self._later[log] = max(size, self._later.get(log, 0))
        return []

    def behind(self) -> list[Effect]:
        """Return the questions that waited for an answer which did not show enough."""
        waited = [log for log in self._later if log not in self._under_way]
        return [
            self._checkpoint(log)
            for log in waited
            if self._later.pop(log) > self._log(log).size
        ]

    def answered(self, asked: Tag) -> None:
        """Take note of an answer, or of a refusal: the next notice asks again."""
        if isinstance(asked, CheckpointWanted):
            self._under_way.discard(asked.log)

    def more(self) -> Question:
        """Return the question for the entries behind those that we have."""
        start = self._beliefs.key_log.size + len(self._pending)
        return Question(KeyLogWanted(self._shown), Ask.KEY_LOG, KeyLog(start=start))

    def _checkpoint(self, log: LogName) -> Question:
        self._under_way.add(log)
        size = self._log(log).size
        return Question(
            CheckpointWanted(log, size),
            Ask.CHECKPOINT,
            Checkpoint(log=log, size=size),
        )

    def overtaken(self, asked: CheckpointWanted) -> list[Effect]:
        """Return the question again, if another answer came first.

        Two questions from one size have two answers; the second then leads from where
        we no longer are, and accuses nobody.
        """
        if asked.size == self._log(asked.log).size:
            return []
        return [self._checkpoint(asked.log)]

    def proofs(self) -> list[Effect]:
        """Return a question for each leaf that could be proven now."""
        size = self._beliefs.message_log.size
        wanted = [
            *(
                ProofWanted(deposit.envelope, own=True, index=index, size=size)
                for deposit in self._vault.unaccepted(size)
                if (index := deposit.log_index) is not None
            ),
            *(
                ProofWanted(name, own=False, index=index, size=size)
                for name, index in self._vault.unproven(size)
            ),
        ]
        return [
            Question(
                tag,
                Ask.PROVE,
                Prove(log=LogName.MESSAGE, index=tag.index, size=size),
            )
            for tag in wanted
        ]

    def leaf(self, tag: ProofWanted) -> bytes:
        """Return the leaf that a proof was asked for; b"": it is gone."""
        if tag.own:
            deposit = self._vault.deposit(tag.name)
            return b"" if deposit is None else deposit.leaf
        row = self._vault.record(tag.name)
        return b"" if row is None else row.leaf

    # --- answers

    def entries(self, asked: KeyLogWanted, answer: Entries) -> list[Effect]:
        """Take entries that came; ask on, or for the checkpoint over them.

        Raises:
            BusyError: more than a client keeps on the relay's word; it was let go, and
                no more is asked for in this session.
            VerificationError: none came, though a checkpoint had shown that there are.
        """
        expected = self._beliefs.key_log.size + len(self._pending)
        if answer.start == expected:
            if not answer.entries and asked.shown > expected:
                raise VerificationError("entries that are kept back")
            self._pending.extend(answer.entries)
            self._room -= _cost(answer.entries)
        if self._room < 0:
            self._pending.clear()
            raise BusyError
        have = self._beliefs.key_log.size + len(self._pending)
        if answer.entries and answer.size > have:
            return [self.more()]
        return self._once(LogName.KEY, have)

    def checkpoint(self, log: LogName, answer: SignedCheckpoint) -> tuple[Outcome, ...]:
        """Adopt a checkpoint; for the key log, with the entries under it.

        Returns what became of each new entry.

        Raises:
            VerificationError: and its kinds; nothing was adopted.
            MalformedError: not a note.
            EntriesLackingError: genuine, and ahead of the entries that came: the log
                grew in between.  A relay that then keeps them back is odd.
        """
        if log is LogName.KEY:
            outcomes = self._adopt_key_log(answer)
            self._open.discard(log)
            return outcomes
        adopted = self._beliefs.message_log.adopt(answer.note, answer.consistency)
        with self._vault.transaction():
            self._remember(log, adopted)
            self._vault.add_checkpoint(adopted.size, adopted.root, adopted.witnessed)
        self._beliefs.message_log = adopted
        self._beliefs.message_roots[adopted.size] = adopted.root
        self._open.discard(log)
        return ()

    def _adopt_key_log(self, answer: SignedCheckpoint) -> tuple[Outcome, ...]:
        beliefs = self._beliefs
        start = beliefs.key_log.size
        # Its size says which leaves to look at; it is believed only further down.
        size = parse_checkpoint(parse_note(answer.note).text).size
        leaves = self._pending[: max(0, size - start)]
        root = self._leading_root(leaves)
        trusted = beliefs.key_log.governed(root.key_log, root.witnesses)
        message_log = beliefs.message_log.governed(root.message_log, root.witnesses)
        adopted = trusted.adopt(answer.note, answer.consistency)
        if adopted.size > start + len(self._pending):
            self._shown = max(self._shown, adopted.size)
            raise EntriesLackingError
        seen = Witnessed(adopted.size, adopted.root, adopted.witnessed)
        if beliefs.directory is None:
            directory, outcomes = found_directory(
                leaves, pin=self._pin, realm=self._realm, checkpoint=seen
            )
        else:
            directory, outcomes = beliefs.directory.adopt(leaves, seen)
        with self._vault.transaction():
            self._remember(LogName.KEY, adopted)
            self._vault.add_entries(start, leaves, adopted.witnessed)
            keep_notes(self._vault, (beliefs.key_log.note, adopted.note), outcomes)
            if leaves and beliefs.directory is not None:
                after = beliefs.directory.witnessed
                self._vault.put(_after(start), after.to_bytes(8, "big"))
        # A crash before the commit: the old view, and the same entries come again.
        del self._pending[: len(leaves)]
        self._room += _cost(leaves)
        if LogName.MESSAGE in self._open and message_log != beliefs.message_log:
            # What came of it was judged under the older root: it is asked again.
            self._later[LogName.MESSAGE] = message_log.size + 1
        beliefs.key_log, beliefs.directory = adopted, directory
        beliefs.note(outcomes, adopted.witnessed)
        beliefs.message_log = message_log
        beliefs.key_roots[adopted.size] = adopted.root
        return outcomes

    def _leading_root(self, leaves: Sequence[bytes]) -> RootDocument:
        """Return the root document whose witnesses count for a checkpoint over these.

        Root documents prove themselves, by signatures and the hash on paper, so the
        last one among the leaves may say who must have cosigned them.
        """
        directory = self._beliefs.directory
        if directory is not None:
            return leading_root(directory.root, leaves).document
        return founding_root(leaves, pin=self._pin, realm=self._realm).document

    def _remember(self, log: LogName, adopted: TrustedLog) -> None:
        self._vault.put(_NOTES[log], adopted.note)
        witnessed = max(self._beliefs.witnessed, adopted.witnessed)
        self._vault.put(TIME, witnessed.to_bytes(8, "big"))
        self._beliefs.witnessed = witnessed

    def _log(self, log: LogName) -> TrustedLog:
        if log is LogName.KEY:
            return self._beliefs.key_log
        return self._beliefs.message_log


def _after(position: int) -> str:
    """Return the vault's name for the time when the log had not come so far yet."""
    return f"entry.after.{position}"


def _cost(entries: Sequence[bytes]) -> int:
    """Return the bytes of memory that entries take."""
    return sum(map(len, entries)) + ENTRY_COST * len(entries)


def restore(vault: Vault, beliefs: Beliefs, pin: Digest, realm: Realm) -> None:
    """Fill ``beliefs`` from the vault: what was adopted before is adopted again.

    The vault is ours and authenticated, so checkpoints are taken as they were
    verified; entries are replayed in the batches in which they were witnessed.
    """
    beliefs.witnessed = int.from_bytes(vault.get(TIME) or b"", "big")
    _replay(vault, beliefs, pin, realm)
    if beliefs.directory is not None:
        beliefs.follow(beliefs.directory.root.document)
    for log, name in _NOTES.items():
        note = vault.get(name)
        if note is None:
            continue
        if log is LogName.KEY:
            beliefs.key_log = beliefs.key_log.recalled(note)
        else:
            beliefs.message_log = beliefs.message_log.recalled(note)
    if beliefs.directory is not None:
        seen = max(beliefs.key_log.witnessed, beliefs.directory.witnessed)
        beliefs.directory = _seen(beliefs.directory, seen)
    for trusted, roots in (
        (beliefs.key_log, beliefs.key_roots),
        (beliefs.message_log, beliefs.message_roots),
    ):
        roots[trusted.size] = trusted.root


def _replay(vault: Vault, beliefs: Beliefs, pin: Digest, realm: Realm) -> None:
    directory: TrustedDirectory | None = None
    frontier, batch, time = Frontier(), list[bytes](), 0
    rows = vault.entries()
    for position, (entry, witnessed) in enumerate(rows):
        batch.append(entry)
        frontier = frontier.append(entry)
        beliefs.key_roots[position + 1] = frontier.root()
        if not _ends_batch(vault, rows, position):
            continue
        time = max(time, witnessed)
        seen = Witnessed(frontier.size, frontier.root(), time)
        if directory is None:
            directory, outcomes = found_directory(
                batch, pin=pin, realm=realm, checkpoint=seen
            )
        else:
            kept = vault.get(_after(position + 1 - len(batch)))
            after = int.from_bytes(kept or b"", "big")
            directory = _seen(directory, max(after, directory.witnessed))
            directory, outcomes = directory.adopt(batch, seen)
        beliefs.note(outcomes, witnessed)
        batch = []
    beliefs.directory = directory


def _ends_batch(vault: Vault, rows: Sequence[tuple[bytes, int]], at: int) -> bool:
    """Tell whether the next entry was adopted later, even at one witnessed time."""
    following = at + 1
    return (
        following == len(rows)
        or rows[following][1] != rows[at][1]
        or vault.get(_after(following)) is not None
    )


def _seen(directory: TrustedDirectory, time: int) -> TrustedDirectory:
    """Return the directory as it was witnessed again later, without a new entry.

    It decides from when on a key that is taken away is doubted: a terminal that was
    restarted doubts no more than one that was not.
    """
    again, _ = directory.adopt(
        (), Witnessed(directory.size, directory.tree.root(), time)
    )
    return again
