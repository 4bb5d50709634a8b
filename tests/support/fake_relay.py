"""A relay behind the real questions, in memory, honest until a test says otherwise.

It keeps both logs, cosigns their checkpoints with the test ministry's witnesses, and
hands out envelopes and prekeys.  It decides nothing that a terminal must check, so a
test makes it lie by changing what it holds.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from crypto.digest import H
from crypto.merkle import (
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
)
from crypto.notekey import NoteAlgorithm
from crypto.types import Digest, KeyId, Mailbox, PublicKey
from protocol.checkpoint import Checkpoint
from protocol.codec import Message, decode, encode
from protocol.cosignature import cosign
from protocol.envelope import parse_envelope
from protocol.key_log_entry import ManifestNotice, notice_leaf
from protocol.leaf import message_leaf
from protocol.manifest import Manifest, leaves_of, paths_of
from protocol.nack import Nack as NackDocument
from protocol.note import add_lines, parse_note, sign_note
from protocol.requests import (
    MAX_EXPIRING,
    Announce,
    Append,
    Appended,
    Ask,
    Delivery,
    Entries,
    Expiring,
    Expiry,
    KeyLog,
    LogName,
    Nack,
    Offer,
    Offers,
    Prekeys,
    Proof,
    Prove,
    Publish,
    SignedCheckpoint,
    Submit,
    Undelivered,
)
from protocol.requests import Checkpoint as CheckpointRequest
from tests.support.fake_blobs import FakeBlobs
from tests.support.ministry import Ministry
from tests.support.witnesses import log_key, note_key, witness_key

NAMES = {LogName.KEY: "key", LogName.MESSAGE: "message"}


@dataclass
class Log:
    """Leaves with every node of their tree."""

    name: str
    signer: str = ""  # the name of its second key, if it has one
    leaves: list[bytes] = field(default_factory=list)
    frontier: Frontier = field(default_factory=Frontier)
    nodes: dict[tuple[int, int], Digest] = field(default_factory=dict)

    def append(self, leaf: bytes) -> int:
        self.leaves.append(leaf)
        self.frontier, made = self.frontier.append_hash(leaf_hash(leaf))
        self.nodes.update({(level, index): node for level, index, node in made})
        return self.frontier.size - 1

    def node(self, level: int, index: int) -> Digest:
        return self.nodes[level, index]

    def checkpoint(self, now: int, witnesses: tuple[str, ...]) -> bytes:
        """Return the signed note, cosigned at ``now``."""
        origin = log_key(self.name).origin
        text = Checkpoint(origin, self.frontier.size, self.frontier.root()).text()
        signers = [self.signer, self.name] if self.signer else [self.name]
        notes = [
            sign_note(text, origin, note_key(one, NoteAlgorithm.ED25519))
            for one in signers
        ]
        note = add_lines(notes[0], (one[len(text) + 1 :] for one in notes[1:]))
        return add_lines(
            note,
            [
                cosign(
                    parse_note(note),
                    witness_key(name.partition("/")[0]).name,
                    note_key(name, NoteAlgorithm.ML_DSA_44),
                    now=now,
                )
                for name in witnesses
            ],
        )


@dataclass
class Published:
    body: Publish
    paths: list[tuple[Digest, ...]]
    next_once: int


class FakeRelay:
    """Answers questions at ``now``; :attr:`boxes` holds what is not acknowledged."""

    def __init__(self, ministry: Ministry) -> None:
        self.now = ministry.now
        self.logs = {name: Log(text) for name, text in NAMES.items()}
        self.witnesses: tuple[str, ...] = ("w1", "w2")
        self.boxes: dict[Mailbox, list[Delivery]] = defaultdict(list)
        self.published: dict[KeyId, Published] = {}
        self.refuses_entries = False
        self.blobs = FakeBlobs()
        self.seen: dict[Digest, int] = {}  # H(envelope) -> index
        self.incarnation = b"first life".ljust(16)
        self.depositors: dict[bytes, KeyId] = {}  # H(body) -> who deposited it
        self.expired: list[Expiry] = []  # nobody fetched it; noted: no more
        self.nacks: dict[KeyId, list[bytes]] = defaultdict(list)
        for leaf in ministry.leaves:
            self.logs[LogName.KEY].append(leaf)

    def lose(self, messages: int, *, told: bool = True) -> None:
        """Lose the disk; both logs come back, the message log up to ``messages``.

        ``told``: with another incarnation, as an honest relay has then.
        """
        for name, size in ((LogName.KEY, None), (LogName.MESSAGE, messages)):
            log = Log(NAMES[name])
            for leaf in self.logs[name].leaves[:size]:
                log.append(leaf)
            self.logs[name] = log
        self.boxes.clear()
        self.published.clear()
        self.seen.clear()
        if told:
            self.incarnation = b"next life".ljust(16)

    @property
    def sizes(self) -> tuple[int, int]:
        return tuple(log.frontier.size for log in self.logs.values())  # type: ignore[return-value]

    def noted(self, body: Undelivered | Announce | Append) -> bytes | None:
        """Return the answer to what changes something here; None: refused."""
        found: Message | None
        match body:
            case Undelivered(told=told):
                self.expired = [one for one in self.expired if one.envelope not in told]
                found = Expiring(expiries=tuple(self.expired[:MAX_EXPIRING]))
            case Announce():
                found = self.blobs.announce(body)
            case _ if self.refuses_entries:
                found = None
            case _:
                found = Appended(index=self.log(body.entry))
        return None if found is None else encode(found)

    def log(self, leaf: bytes) -> int:
        """Append a leaf to the key log, once; return its position."""
        log = self.logs[LogName.KEY]
        return log.leaves.index(leaf) if leaf in log.leaves else log.append(leaf)

    def answer(self, ask: Ask, body: Message) -> bytes | None:
        """Return the encoded answer to one request."""
        match body:
            case KeyLog(start=start):
                leaves = self.logs[LogName.KEY].leaves
                found: Message = Entries(
                    start=start, size=len(leaves), entries=tuple(leaves[start:])
                )
            case CheckpointRequest(log=log, size=size):
                found = self.checkpoint(log, size)
            case Prove(log=log, index=index, size=size):
                path = inclusion_path(index, size, self.logs[log].node)
                found = Proof(path=path)
            case Publish():
                self.publish(body)
                return b""
            case Nack(nack=document):
                depositor = self.depositors[decode(document, NackDocument).body]
                self.nacks[depositor].append(encode(body))
                return b""
            case Undelivered() | Announce() | Append():
                return self.noted(body)
            case Prekeys(terminals=terminals, epoch=epoch):
                found = self.offers(terminals, epoch=epoch is not None)
            case _:
                raise NotImplementedError(ask)
        return encode(found)

    def checkpoint(self, name: LogName, size: int) -> SignedCheckpoint:
        log = self.logs[name]
        return SignedCheckpoint(
            note=log.checkpoint(self.now, self.witnesses),
            consistency=consistency_path(size, log.frontier.size, log.node),
        )

    def publish(self, body: Publish) -> None:
        manifest = decode(body.manifest, Manifest)
        keys = [PublicKey(key) for key in body.keys]
        paths = paths_of(leaves_of(manifest, keys))
        self.published[manifest.terminal] = Published(body, paths, manifest.epochs)
        notice = ManifestNotice(
            terminal=manifest.terminal,
            number=manifest.number,
            manifest=H(body.manifest),
        )
        self.logs[LogName.KEY].append(notice_leaf(notice))

    def offers(self, terminals: tuple[KeyId, ...], *, epoch: bool = False) -> Offers:
        known = [key_id for key_id in terminals if key_id in self.published]
        return Offers(
            offers=tuple(self.offer(key_id, epoch=epoch) for key_id in known),
            missing=tuple(key_id for key_id in terminals if key_id not in known),
        )

    def offer(self, key_id: KeyId, *, epoch: bool = False) -> Offer:
        published = self.published[key_id]
        manifest = decode(published.body.manifest, Manifest)
        index = published.next_once
        if index < manifest.n and not epoch:
            published.next_once += 1
        else:
            index = (self.now - manifest.start) // manifest.period
        return Offer(
            manifest=published.body.manifest,
            signature=published.body.signature,
            index=index,
            key=published.body.keys[index],
            path=published.paths[index],
        )

    def submit(self, body: Submit, by: KeyId | None = None) -> tuple[int, Digest]:
        """Store an envelope once; return its leaf's index and hash."""
        envelope = parse_envelope(body.envelope)
        if by is not None:
            self.depositors[H(envelope.body)] = by
        leaf = message_leaf(body.commitment, H(envelope.body))
        name = H(body.envelope)
        if name not in self.seen:
            index = self.seen[name] = self.logs[LogName.MESSAGE].append(leaf)
            for wrap in envelope.wraps:
                split = envelope.split(wrap.mailbox)
                self.boxes[wrap.mailbox].append(
                    Delivery(cursor=index, index=index, envelope=split)
                )
        return self.seen[name], leaf_hash(leaf)
