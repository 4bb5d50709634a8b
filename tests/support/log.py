"""A log that a test grows, forks and has cosigned; and the RFC's own definitions."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from crypto.merkle import Frontier, consistency_path, inclusion_path, leaf_hash
from crypto.notekey import NoteAlgorithm
from crypto.types import Digest
from protocol.checkpoint import Checkpoint
from protocol.cosignature import cosign
from protocol.note import add_lines, parse_note, sign_note
from protocol.root import LogKey
from protocol.trusted_log import TrustedLog
from tests.support.witnesses import WITNESS_POLICY, log_key, note_key

NOW = 1_790_000_000
ED, PQ = NoteAlgorithm.ED25519, NoteAlgorithm.ML_DSA_44


def leaves(count: int, salt: str = "") -> list[bytes]:
    return [f"leaf {number}{salt}".encode() for number in range(count)]


def mth(data: Sequence[bytes]) -> bytes:
    """The Merkle tree hash as RFC 6962 section 2.1 defines it, leaves and all."""
    if not data:
        return hashlib.sha256().digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = 1
    while 2 * k < len(data):
        k *= 2
    both = mth(data[:k]) + mth(data[k:])
    return hashlib.sha256(b"\x01" + both).digest()


@dataclass
class GrownLog:
    """Leaves and nodes in memory, signed by the key of ``name``."""

    name: str = "message-log"
    frontier: Frontier = field(default_factory=Frontier)
    nodes: dict[tuple[int, int], Digest] = field(default_factory=dict)
    roots: list[Digest] = field(default_factory=lambda: [Frontier().root()])

    @property
    def key(self) -> LogKey:
        return log_key(self.name)

    def node(self, level: int, index: int) -> Digest:
        return self.nodes[level, index]

    def grow(self, more: Iterable[bytes]) -> "GrownLog":
        for leaf in more:
            self.frontier, made = self.frontier.append_hash(leaf_hash(leaf))
            self.nodes.update({(level, index): node for level, index, node in made})
            self.roots.append(self.frontier.root())
        return self

    def text(self, size: int) -> bytes:
        return Checkpoint(self.key.origin, size, self.roots[size]).text()

    def signed(self, size: int) -> bytes:
        return sign_note(self.text(size), self.key.origin, note_key(self.name, ED))

    def cosigned(
        self,
        size: int,
        by: Iterable[str] = ("w1", "w2"),
        *,
        kind: NoteAlgorithm = PQ,
        now: int = NOW,
    ) -> bytes:
        note = self.signed(size)
        return add_lines(note, [cosigned_by(note, name, kind, now) for name in by])

    def consistency(self, old: int, new: int) -> tuple[Digest, ...]:
        return consistency_path(old, new, self.node)

    def inclusion(self, index: int, size: int) -> tuple[Digest, ...]:
        return inclusion_path(index, size, self.node)

    def trusted(self, size: int = 0, now: int = NOW) -> TrustedLog:
        log = TrustedLog(self.key, WITNESS_POLICY)
        return log.adopt(self.cosigned(size, now=now), ()) if size else log


def cosigned_by(note: bytes, name: str, kind: NoteAlgorithm, now: int) -> bytes:
    """Return the witness's line for the note."""
    witness = f"{name}.example/witness"
    return cosign(parse_note(note), witness, note_key(name, kind), now=now)
