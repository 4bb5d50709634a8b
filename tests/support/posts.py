"""Posts with terminals, members and prekeys, and a directory that lists them.

The directory is a stand-in behind the real seam, so that a test can say what it
knows; everything else in a test of envelopes is the real thing.  Keys come from a
seed, so that a red test replays.
"""

import hashlib
from dataclasses import dataclass, field, replace
from itertools import count

from client.core.sealing import (
    Arrived,
    Recipient,
    Sealed,
    Sender,
    arrived,
    open_envelope,
    seal,
    sign_release,
)
from crypto.entropy import Entropy
from crypto.kem import KemKey
from crypto.sign import Realm, SigningKey
from crypto.suite import SUITES, SuiteId
from crypto.types import (
    ZERO_DIGEST,
    Digest,
    KeyId,
    Mailbox,
    MessageId,
    PrekeyId,
    Secret,
    StreamId,
)
from protocol.admit import Outcome
from protocol.bodies import CableBody, Paragraph
from protocol.codec import Message, encode
from protocol.directory_view import Member, Post, Terminal
from protocol.envelope import parse_envelope
from protocol.label import Clearance, Label, Level, Precedence
from protocol.policy import DEMO, Policy
from protocol.receiver import Receiver, StandingRelease
from protocol.record import Addressee, Record, Role, Serial
from protocol.record_type import RecordType
from protocol.signed import SignatureLine
from protocol.slip import Heads, Place

NOW = 1_790_000_000  # witnessed time of most tests
LATER = NOW + 365 * 86_400
HEADS = Heads(7, Digest(b"k" * 32), 9, Digest(b"m" * 32))
DEP_V = Label(level=Level.DEP_V, until=LATER)
CABLE = CableBody(subject="Aan de post", paragraphs=(Paragraph(text="Goed nieuws."),))


def seeded(seed: str) -> Entropy:
    """Return a source of bytes that is the same for the same seed."""
    numbers = count()

    def draw(size: int) -> bytes:
        return hashlib.shake_256(f"{seed}/{next(numbers)}".encode()).digest(size)

    return draw


@dataclass
class Directory:
    """Implements protocol.directory_view.DirectoryView over dictionaries."""

    suite: SuiteId
    realm: Realm = Realm.DEMO
    policy: Policy = DEMO
    key_log: tuple[int, Digest] = (HEADS.key_size, HEADS.key_root)
    found: dict[KeyId, Terminal] = field(default_factory=dict)
    members: dict[KeyId, Member] = field(default_factory=dict)

    def post(self, post: str) -> Post | None:
        held = self.terminals(post)
        return Post(post, post, post, held[0].clearance, active=True) if held else None

    def terminals(self, post: str) -> tuple[Terminal, ...]:
        current = (found for found in self.found.values() if found.ended is None)
        return tuple(found for found in current if found.post == post)

    def terminal(self, key_id: KeyId) -> Terminal | None:
        return self.found.get(key_id)

    def member(self, key_id: KeyId) -> Member | None:
        return self.members.get(key_id)


@dataclass
class Logs:
    """What a terminal knows of both logs: roots by size."""

    key: dict[int, Digest] = field(
        default_factory=lambda: {HEADS.key_size: HEADS.key_root}
    )
    message: dict[int, Digest] = field(
        default_factory=lambda: {HEADS.message_size: HEADS.message_root}
    )

    def key_root(self, size: int) -> Digest | None:
        return self.key.get(size)

    def message_root(self, size: int) -> Digest | None:
        return self.message.get(size)


@dataclass
class Station:
    """A terminal with its secrets, one prekey and one member."""

    directory: Directory
    key: SigningKey
    terminal: Terminal
    member_key: SigningKey
    prekey: KemKey
    kid: PrekeyId
    stream: StreamId
    logs: Logs = field(default_factory=Logs)
    standing: dict[Digest, StandingRelease] = field(default_factory=dict)
    archive: bool = False  # whether the root lists an archive key

    @property
    def post(self) -> str:
        return self.terminal.post

    def sender(self) -> Sender:
        return Sender(self.key, self.directory, HEADS, floor=6144)

    def receiver(self, now: int = NOW) -> Receiver:
        return Receiver(
            own=self.directory.found[self.key.id],
            view=self.directory,
            logs=self.logs,
            standing=self.standing.get,
            suites=frozenset({self.directory.suite}),
            archive=self.archive,
            now=now,
        )

    def at(self, seq: int = 1, prev: Digest = ZERO_DIGEST) -> Recipient:
        """Return this terminal as a recipient, at a place in the test's stream."""
        return Recipient(
            post=self.post,
            key_id=self.key.id,
            mailbox=self.terminal.mailbox,
            kid=self.kid,
            public=self.prekey.public,
            place=Place(StreamId(b"s" * 16), seq, prev),
        )

    def release(self, record: bytes) -> SignatureLine:
        return sign_release(record, self.member_key, self.directory.realm)

    def seal(self, record: bytes, *recipients: Recipient, seed: str = "s") -> Sealed:
        """Return a sealing by this terminal, released by its member."""
        return seal(
            record,
            sender=self.sender(),
            recipients=recipients,
            entropy=seeded(seed),
            release=self.release(record),
        )

    def came(self, sealed: Sealed) -> Arrived:
        """Return what the relay hands this terminal of a sealing."""
        split = parse_envelope(sealed.envelope).split(self.terminal.mailbox)
        return arrived(split, self.receiver())

    def open(self, sealed: Sealed, *, witnessed: int | None = None) -> Outcome:
        return open_envelope(
            self.came(sealed), self.prekey, self.receiver(), witnessed=witnessed
        )

    def open_bytes(self, data: bytes) -> Outcome:
        """Return the outcome of an envelope as it came, whoever made it."""
        receiver = self.receiver()
        return open_envelope(arrived(data, receiver), self.prekey, receiver)

    def new_prekey(self, seed: str) -> "Station":
        """Return the same terminal with another prekey."""
        draw, suite = seeded(seed), SUITES[self.directory.suite]
        prekey = KemKey.from_seed(self.directory.suite, Secret(draw(suite.kem_seed)))
        return replace(self, prekey=prekey, kid=PrekeyId(draw(suite.prekey_id)))


def station(directory: Directory, post: str, number: int = 1) -> Station:
    """Enrol a terminal of ``post`` with one member, and return it."""
    draw, suite = seeded(f"{post}/{number}"), SUITES[directory.suite]
    key, member_key = (
        SigningKey.from_seed(directory.suite, Secret(draw(suite.signature_seed)))
        for _ in range(2)
    )
    cleared = Clearance(level=Level.STG_G)
    terminal = Terminal(
        key_id=key.id,
        key=key.verify_key,
        post=post,
        mailbox=Mailbox(draw(16)),
        number=number,
        clearance=cleared,
        usable_from=NOW - 1000,
        valid_until=LATER,
        ended=None,
    )
    directory.found[key.id] = terminal
    directory.members[member_key.id] = Member(
        key_id=member_key.id,
        key=member_key.verify_key,
        person=member_key.id,
        post=post,
        clearance=cleared,
        may_release=Level.STG_G,
        valid_until=LATER,
        ended=None,
    )
    return Station(
        directory=directory,
        key=key,
        terminal=terminal,
        member_key=member_key,
        prekey=KemKey.from_seed(directory.suite, Secret(draw(suite.kem_seed))),
        kid=PrekeyId(draw(suite.prekey_id)),
        stream=StreamId(draw(16)),
    )


@dataclass(frozen=True)
class Cast:
    """Who plays in most tests: the sender, two addressees."""

    directory: Directory
    tfc: Station
    bern: Station
    oslo: Station


def cast_of(suite: SuiteId) -> Cast:
    """Return a fresh directory with three posts of one terminal each."""
    directory = Directory(suite)
    tfc, bern, oslo = (station(directory, post) for post in ("tfc", "bern", "oslo"))
    return Cast(directory, tfc, bern, oslo)


def record_of(
    sender: Station,
    *to: str,
    kind: RecordType = RecordType.CABLE,
    body: Message = CABLE,
    seed: str = "record",
) -> Record:
    """Return a record of the sender's member to posts, for action."""
    return Record(
        v=1,
        type=kind,
        id=MessageId(seeded(seed)(16)),
        sender=sender.post,
        by=(sender.member_key.id,),
        drafter=sender.member_key.id,
        to=tuple(
            Addressee(post=post, role=Role.ACTION, precedence=Precedence.ROUTINE)
            for post in to
        ),
        label=DEP_V,
        ts=NOW,
        serial=Serial(1, 2026, 1),
        body=encode(body),
    )


def seal_to(
    sender: Station,
    record: Record,
    *recipients: Station,
    seed: str = "seal",
    seq: int = 1,
) -> Sealed:
    """Return ``record`` released and sealed to terminals, as an honest sender does."""
    raw = encode(record)
    return seal(
        raw,
        sender=sender.sender(),
        recipients=[recipient.at(seq) for recipient in recipients],
        entropy=seeded(seed),
        release=sender.release(raw) if record.by else None,
    )
