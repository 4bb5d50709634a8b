"""A log as a relay tells it to a witness; it can tell two stories."""

from dataclasses import dataclass, field

from crypto.merkle import Frontier, consistency_path, leaf_hash, root_of
from crypto.notekey import NoteAlgorithm
from crypto.types import Digest
from protocol.checkpoint import Checkpoint
from protocol.note import sign_note
from protocol.witness import write_request
from server.mirror import Push
from tests.support.witnesses import log_key, note_key

ORIGIN = log_key("message").origin


@dataclass
class Log:
    """A log that grows, and can tell two stories."""

    leaves: list[bytes] = field(default_factory=list)

    def grow(self, count: int, story: bytes = b"") -> None:
        self.leaves += [b"leaf %d" % n + story for n in range(count)]

    def note(self, origin: str = ORIGIN, signer: str = "message") -> bytes:
        root = root_of(self.leaves)
        text = Checkpoint(origin=origin, size=len(self.leaves), root=root).text()
        return sign_note(text, origin, note_key(signer, NoteAlgorithm.ED25519))

    def proof(self, old: int) -> tuple[Digest, ...]:
        nodes: dict[tuple[int, int], Digest] = {}
        frontier = Frontier()
        for leaf in self.leaves:
            frontier, made = frontier.append_hash(leaf_hash(leaf))
            nodes.update({(level, index): digest for level, index, digest in made})
        return consistency_path(
            old, len(self.leaves), lambda level, index: nodes[level, index]
        )

    def request(self, old: int, note: bytes | None = None) -> bytes:
        return write_request(old, self.proof(old), note or self.note())

    def push(self, start: int, count: int | None = None) -> Push:
        """Return a push under the checkpoint of the whole log."""
        entries = self.leaves[start:][:count]
        return Push(
            origin=ORIGIN,
            start=start,
            entries=tuple(entries),
            note=self.note(),
            consistency=self.proof(start + len(entries)),
        )
