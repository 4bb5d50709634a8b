"""A whole ministry in memory, the same in each run: root, operators, posts, key log.

Everything is real but the entropy.  A test grows the ministry through the same doors
as production::

    hague = ministry()
    tfc = hague.posts["tfc"]
    hague.log(hague.restriction(tfc.terminal.key.id, by=hague.operators["anna"]))
    assert hague.view().terminals("tfc") == ()
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from crypto.digest import H
from crypto.kem import KemKey
from crypto.merkle import root_of
from crypto.sign import Realm, SigningKey, Usage
from crypto.suite import SuiteId
from crypto.types import ZERO_DIGEST, Digest, KeyId, Mailbox
from protocol.codec import encode
from protocol.directory_entry import (
    Action,
    Change,
    Details,
    Enrolment,
    NewMember,
    NewTerminal,
    Recovery,
)
from protocol.directory_snapshot import Snapshot
from protocol.directory_state import Adopted
from protocol.key_log_entry import (
    LeafKind,
    ManifestNotice,
    notice_leaf,
    signed_leaf,
)
from protocol.label import Caveat, Clearance, Level
from protocol.manifest import Schedule, SignedManifest, make_manifest
from protocol.policy import DEMO
from protocol.proposal import Place, next_place, propose, prove
from protocol.restriction import Restriction
from protocol.root import DAY, RelayIdentity, RootDocument
from protocol.signed import Signed, carried, sign_document
from protocol.trusted_directory import (
    Outcome,
    TrustedDirectory,
    Witnessed,
    found_directory,
)
from protocol.trusted_manifest import PrekeyBook
from tests.support.keys import kem_key, signing_key, stretched
from tests.support.witnesses import WITNESS_POLICY, log_key

OPERATORS = ("anna", "bram", "chris")
START = 1_790_000_000  # witnessed time of the founding
YEAR = 365 * DAY
HIGH = Clearance(
    level=Level.STG_G, caveats=(Caveat.NLD_EYES_ONLY,), schemes=("EU", "NATO")
)


@dataclass
class OwnTerminal:
    """A terminal with its private keys."""

    post: str
    number: int
    key: SigningKey
    mailbox: Mailbox
    prekeys: tuple[KemKey, ...] = ()
    manifest: SignedManifest | None = None


@dataclass
class OwnPost:
    """A post with the private keys of its terminals, members and paper."""

    post: str
    recovery: SigningKey
    terminals: list[OwnTerminal]
    members: list[SigningKey]

    @property
    def terminal(self) -> OwnTerminal:
        return self.terminals[0]

    @property
    def member(self) -> SigningKey:
        return self.members[0]


@dataclass
class Ministry:
    """The makers of documents, the key log, and one client that follows it."""

    suite: SuiteId
    realm: Realm
    holders: list[SigningKey]
    operators: dict[str, SigningKey]
    relay: SigningKey
    leaves: list[bytes]
    directory: TrustedDirectory
    posts: dict[str, OwnPost] = field(default_factory=dict)
    book: PrekeyBook = field(default_factory=PrekeyBook)
    now: int = START
    drawn: int = 0

    @property
    def pair(self) -> list[SigningKey]:
        return [self.operators["anna"], self.operators["bram"]]

    def fork(self) -> "Ministry":
        """Return a ministry that grows from here without changing this one."""
        posts = {
            name: replace(post, terminals=[replace(t) for t in post.terminals])
            for name, post in self.posts.items()
        }
        return replace(self, leaves=[*self.leaves], posts=posts)

    def key(self, name: str) -> SigningKey:
        return cached_key(self.suite, name)

    def fresh(self, size: int) -> bytes:
        self.drawn += 1
        return stretched(f"fresh/{self.drawn}", size)

    def place(self, post: str, action: Action) -> Place:
        return next_place(self.directory.state, post, action)

    def signed(
        self, place: Place, change: Change, by: Sequence[SigningKey] | None = None
    ) -> Signed:
        """Return an entry signed by two operators, or by others."""
        entry = propose(place, change, expires=self.now + YEAR, reason="test")
        keys = self.pair if by is None else by
        return sign_document(entry, keys, usage=Usage.DIR, realm=self.realm)

    def entry(
        self,
        post: str,
        action: Action,
        change: Change,
        by: Sequence[SigningKey] | None = None,
    ) -> bytes:
        """Return the leaf of the next entry of ``post``."""
        signed = self.signed(self.place(post, action), change, by)
        return signed_leaf(LeafKind.DIRECTORY, signed)

    def new_terminal(self, place: Place, name: str, number: int) -> NewTerminal:
        key = self.key(name)
        return NewTerminal(
            number=number,
            key=carried(key),
            mailbox=Mailbox(stretched(f"mailbox/{name}", 16)),
            clearance=HIGH,
            until=self.now + YEAR,
            proof=prove(key, place, nonce=self.fresh(32), realm=self.realm),
        )

    def new_member(self, place: Place, name: str) -> NewMember:
        key = self.key(name)
        return NewMember(
            key=carried(key),
            name=name,
            clearance=HIGH,
            may_release=Level.STG_C,
            until=self.now + YEAR,
            proof=prove(key, place, nonce=self.fresh(32), realm=self.realm),
        )

    def new_recovery(self, place: Place, name: str) -> Recovery:
        key = self.key(name)
        proof = prove(key, place, nonce=self.fresh(32), realm=self.realm)
        return Recovery(key=carried(key), proof=proof)

    def enrolment(
        self, place: Place, generation: str = "", ends: tuple[Digest, ...] = ()
    ) -> Enrolment:
        """Return an enrolment of one terminal and one member."""
        name = place.post + generation
        number = 1 if not generation else 10 + len(generation)
        return Enrolment(
            details=Details(
                name_nl=f"Post {place.post}",
                name_en=f"Post {place.post}",
                collectives=("all-cyber",),
            ),
            clearance=HIGH,
            recovery=self.new_recovery(place, f"{name}/paper"),
            terminals=(self.new_terminal(place, f"{name}/t1", number),),
            members=(self.new_member(place, f"{name}/m1"),),
            ends=ends,
        )

    def enrol(self, post: str, generation: str = "") -> OwnPost:
        """Enrol ``post`` with a terminal, a member and a manifest."""
        action = Action.RE_ENROL if generation else Action.ENROL
        change = self.enrolment(self.place(post, action), generation)
        self.log(self.entry(post, action, change))
        name = post + generation
        number = change.terminals[0].number
        terminal = OwnTerminal(
            post, number, self.key(f"{name}/t1"), change.terminals[0].mailbox
        )
        own = OwnPost(
            post, self.key(f"{name}/paper"), [terminal], [self.key(f"{name}/m1")]
        )
        self.posts[post] = own
        self.publish(terminal)
        return own

    def publish(
        self, terminal: OwnTerminal, *, number: int = 1, epochs: int = 3, once: int = 2
    ) -> None:
        """Give ``terminal`` a manifest, log its name and adopt it."""
        label = f"{terminal.key.id.hex()}/{number}"
        terminal.prekeys = tuple(
            kem_key(self.suite, f"{label}/{index}") for index in range(epochs + once)
        )
        terminal.manifest = make_manifest(
            terminal.key,
            [key.public for key in terminal.prekeys],
            Schedule(number, self.now - self.now % DAY, DAY, epochs),
            mailbox=terminal.mailbox,
            realm=self.realm,
        )
        self.log(self.notice(terminal, number))
        self.book = self.book.adopt(terminal.key.id, terminal.manifest, self.view())

    def notice(self, terminal: OwnTerminal, number: int) -> bytes:
        if terminal.manifest is None:
            raise ValueError("publish first")
        return notice_leaf(
            ManifestNotice(
                terminal=terminal.key.id,
                number=number,
                manifest=H(terminal.manifest.manifest),
            )
        )

    def restricted(
        self, key: KeyId, *, by: Sequence[SigningKey], highest: Level | None = None
    ) -> Signed:
        restriction = Restriction(
            v=1, key=key, highest=highest, time=self.now, reason="lost"
        )
        return sign_document(
            encode(restriction), by, usage=Usage.SUSPEND, realm=self.realm
        )

    def restriction(
        self, key: KeyId, *, by: SigningKey, highest: Level | None = None
    ) -> bytes:
        """Return the leaf of a restriction by one signer."""
        signed = self.restricted(key, by=[by], highest=highest)
        return signed_leaf(LeafKind.RESTRICTION, signed)

    def witnessed(self, *more: bytes) -> Witnessed:
        """Return the checkpoint of the log with ``more`` leaves, a minute later."""
        leaves = [*self.leaves, *more]
        return Witnessed(len(leaves), root_of(leaves), self.now + 60)

    def follow(self, *leaves: bytes) -> tuple[Outcome, ...]:
        """Log ``leaves`` and adopt them, whatever they are worth."""
        checkpoint = self.witnessed(*leaves)
        self.directory, outcomes = self.directory.adopt(leaves, checkpoint)
        self.leaves.extend(leaves)
        self.now = checkpoint.time
        return outcomes

    def log(self, leaf: bytes) -> Adopted:
        """Log a leaf that must count."""
        (outcome,) = self.follow(leaf)
        if not isinstance(outcome, Adopted):
            raise outcome.error
        return outcome

    def view(self, at: int | None = None) -> Snapshot:
        return self.directory.view(at)


@cache
def cached_key(suite: SuiteId, name: str) -> SigningKey:
    return signing_key(suite, name)


def root_document(
    suite: SuiteId,
    realm: Realm,
    holders: Sequence[SigningKey],
    operators: Sequence[SigningKey],
    relay: SigningKey,
) -> RootDocument:
    """Return version 1, which two holders or more must sign."""
    return RootDocument(
        v=1,
        version=1,
        prev=ZERO_DIGEST,
        ministry="Ministerie van Proeven",
        realm="koerier" if realm is Realm.KOERIER else "koerier-demo",
        issued=START,
        expires=START + YEAR,
        suite=suite,
        root_keys=tuple(carried(key) for key in holders),
        root_threshold=2,
        emergency_threshold=2,
        operators=tuple(carried(key) for key in operators),
        key_log=log_key("key"),
        message_log=log_key("message"),
        witnesses=WITNESS_POLICY,
        relay=RelayIdentity(
            key=carried(relay),
            tls_pin=stretched("tls", 32),
            addresses=("wss://127.0.0.1:8443",),
        ),
        policy=DEMO,
        min_client="0.1.0",
    )


def sign_root(document: bytes, holders: Sequence[SigningKey], realm: Realm) -> Signed:
    return sign_document(document, holders, usage=Usage.ROOT, realm=realm)


def founded(suite: SuiteId = SuiteId.S1, realm: Realm = Realm.DEMO) -> Ministry:
    """Return a ministry with root and three operators, and no post yet."""
    holders = [cached_key(suite, f"holder/{n}") for n in range(3)]
    operators = {name: cached_key(suite, f"operator/{name}") for name in OPERATORS}
    relay = cached_key(suite, "relay")
    document = root_document(suite, realm, holders, [*operators.values()], relay)
    signed = sign_root(encode(document), holders[:2], realm)
    leaf = signed_leaf(LeafKind.ROOT, signed)
    checkpoint = Witnessed(1, root_of([leaf]), START)
    directory, _ = found_directory(
        [leaf], pin=signed.digest, realm=realm, checkpoint=checkpoint
    )
    return Ministry(suite, realm, holders, operators, relay, [leaf], directory)


@cache
def _small(suite: SuiteId, realm: Realm) -> Ministry:
    small = founded(suite, realm)
    small.enrol("tfc")
    small.enrol("bern")
    return small


def ministry(suite: SuiteId = SuiteId.S1, realm: Realm = Realm.DEMO) -> Ministry:
    """Return one with the posts tfc and bern, each with a terminal and a member."""
    return _small(suite, realm).fork()
