"""Makes every document of a council, right or wrong, and writes it into the book.

Whoever signs is named by the caller: two honest operators, one of them, nobody.  What
is wrong with a document, if anything, is its *fault*.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from msgspec import structs

from crypto.digest import H
from crypto.sign import Realm, SigningKey, Usage
from crypto.suite import SuiteId
from crypto.types import Digest, KeyId, Mailbox
from protocol.codec import encode
from protocol.directory_entry import (
    Action,
    AddedMembers,
    AddedTerminals,
    Change,
    ChangedDetails,
    ChangedRights,
    Details,
    Enrolment,
    Lift,
    NewMember,
    NewTerminal,
    Proof,
    Recovery,
    Revocation,
    Rights,
    Rotation,
    Rotations,
)
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.label import Level
from protocol.proposal import Place, propose, prove
from protocol.restriction import Restriction as RestrictionDocument
from protocol.restriction import ZeroiseOrder
from protocol.root import DAY, RootDocument
from protocol.root import Extension as ExtensionDocument
from protocol.signed import SignatureLine, Signed, carried
from tests.support.council.facts import (
    Book,
    Carrier,
    Entry,
    Extension,
    Restriction,
    Root,
    Zeroise,
)
from tests.support.council.model import Model
from tests.support.council.wish import UNTIL, Wish, cleared
from tests.support.keys import stretched
from tests.support.ministry import YEAR, cached_key

FAULTS = (
    "prev",
    "version",
    "root",
    "realm",
    "expired",
    "transplant",
    "unproven",
    "nonce",
)


class Paper(NamedTuple):
    """A document with its signatures: to be logged, or posted at a witness."""

    leaf: bytes
    bulletin: bytes


@dataclass
class Clerk:
    """See the module."""

    suite: SuiteId
    realm: Realm
    book: Book = field(default_factory=Book)
    names: dict[KeyId, str] = field(default_factory=dict)
    drawn: int = 0
    nonces: list[bytes] = field(default_factory=list)  # that were used

    def key(self, name: str) -> SigningKey:
        key = cached_key(self.suite, name)
        self.names[key.id] = name
        return key

    def fresh(self, post: str) -> str:
        """Return the name of a key that nobody has had."""
        self.drawn += 1
        return f"{post}/{self.drawn}"

    def nonce(self) -> bytes:
        self.drawn += 1
        self.nonces.append(stretched(f"nonce/{self.drawn}", 32))
        return self.nonces[-1]

    # --- carriers

    def signed(
        self, document: bytes, usage: Usage, by: Sequence[str], fault: str = ""
    ) -> tuple[Signed, Carrier]:
        """Return the document with a line of each signer, and what they are worth."""
        over, realm = document, self.realm
        if fault == "transplant":  # their signatures, of something else
            over = document + b"\x00"
        if fault == "realm":
            realm = next(one for one in Realm if one is not self.realm)
        lines = tuple(
            SignatureLine(key.id, key.sign(usage, over, realm=realm))
            for key in map(self.key, by)
        )
        spoilt = frozenset(by if fault in {"transplant", "realm"} else ())
        carrier = Carrier(
            name=H(document), signers=frozenset(by) - spoilt, broken=spoilt
        )
        return Signed(document=document, signatures=lines), carrier

    def _paper(self, kind: LeafKind, signed: Signed) -> Paper:
        return Paper(signed_leaf(kind, signed), encode(signed))

    # --- what stands in no chain

    def restriction(
        self,
        target: str,
        highest: Level | None,
        by: Sequence[str],
        time: int,
        fault: str = "",
    ) -> Paper:
        document = RestrictionDocument(
            v=1, key=self.key(target).id, highest=highest, time=time, reason="lost"
        )
        signed, carrier = self.signed(encode(document), Usage.SUSPEND, by, fault)
        paper = self._paper(LeafKind.RESTRICTION, signed)
        level = None if highest is None else int(highest)
        fact = Restriction(**_of(carrier), target=target, highest=level)
        self.book.write(paper.leaf, fact)
        self.book.write(paper.bulletin, fact)
        return paper

    def zeroise(self, target: str, by: Sequence[str], time: int) -> Paper:
        order = ZeroiseOrder(
            v=1, key=self.key(target).id, nonce=self.nonce(), time=time, reason="lost"
        )
        signed, carrier = self.signed(encode(order), Usage.ZEROISE, by)
        paper = self._paper(LeafKind.ZEROISE, signed)
        self.book.write(paper.leaf, Zeroise(**_of(carrier)))
        return paper

    def extension(self, of: Digest, by: Sequence[str]) -> Paper:
        document = ExtensionDocument(v=1, extends=of, reason="crisis")
        signed, carrier = self.signed(encode(document), Usage.ROOT, by)
        paper = self._paper(LeafKind.EXTENSION, signed)
        self.book.write(paper.leaf, Extension(**_of(carrier), extends=of))
        return paper

    def successor(
        self, before: RootDocument, operators: Sequence[str], now: int, step: int = 1
    ) -> RootDocument:
        """Return the version after ``before``, or one that jumps."""
        return structs.replace(
            before,
            version=before.version + step,
            prev=H(encode(before)),
            issued=now,
            expires=now + YEAR,
            operators=tuple(carried(self.key(name)) for name in operators),
        )

    def root(
        self, document: RootDocument, operators: Sequence[str], by: Sequence[str]
    ) -> Paper:
        signed, carrier = self.signed(encode(document), Usage.ROOT, by)
        paper = self._paper(LeafKind.ROOT, signed)
        fact = Root(
            **_of(carrier),
            version=document.version,
            prev=Digest(document.prev),
            operators=frozenset(operators),
            expires=document.expires,
        )
        self.book.write(paper.leaf, fact)
        return paper

    # --- entries

    def entry(
        self,
        model: Model,
        wish: Wish,
        by: Sequence[str],
        now: int,
        fault: str = "",
    ) -> Paper:
        """Return an entry at the post's next place, or beside it."""
        post = model.posts.get(wish.post)
        version, prev = (post.version + 1, post.head) if post else (1, bytes(32))
        root = model.root.name
        if fault == "prev":
            prev = stretched("another", 32)
        if fault == "version":
            version += 1
        if fault == "root":
            root = H(b"another root")
        place = Place(root, wish.post, wish.action, version, Digest(prev))
        before = len(self.nonces)
        change = self._change(wish, place, fault)
        expires = now - 1 if fault == "expired" else now + DAY
        document = propose(place, change, expires=expires, reason="test")
        signed, carrier = self.signed(document, Usage.DIR, by, fault)
        paper = self._paper(LeafKind.DIRECTORY, signed)
        nonces = self.nonces[before:]
        if fault == "nonce":
            nonces = [self.nonces[0] for _ in nonces]
        fact = Entry(
            **_of(carrier),
            root=root,
            action=wish.action,
            post=wish.post,
            version=version,
            prev=Digest(prev),
            expires=expires,
            proven=not (fault == "unproven" and wish.brings),
            nonces=tuple(nonces),
            paper=wish.paper,
            seats=wish.seats,
            post_level=wish.post_level,
            rotations=wish.rotations,
            rights=wish.rights,
            ends=frozenset(wish.ends),
            revoked=wish.revoked,
        )
        self.book.write(paper.leaf, fact)
        return paper

    def _proof(self, name: str, place: Place, fault: str) -> Proof:
        if fault == "unproven":  # for this post, at another place of its chain
            place = _elsewhere(place)
        nonce = self.nonce()
        if fault == "nonce":  # of another invitation, that was used
            nonce = self.nonces[0]
        return prove(self.key(name), place, nonce=nonce, realm=self.realm)

    def _change(self, wish: Wish, place: Place, fault: str) -> Change:
        def proof(name: str) -> Proof:
            return self._proof(name, place, fault)

        terminals = tuple(
            NewTerminal(
                number=seat.number,
                key=carried(self.key(seat.key)),
                mailbox=Mailbox(seat.mailbox),
                clearance=cleared(seat.level),
                until=UNTIL,
                proof=proof(seat.key),
            )
            for seat in wish.seats
            if seat.number
        )
        members = tuple(
            NewMember(
                key=carried(self.key(seat.key)),
                name=seat.key,
                clearance=cleared(seat.level),
                may_release=None if seat.release is None else Level(seat.release),
                until=UNTIL,
                proof=proof(seat.key),
            )
            for seat in wish.seats
            if not seat.number
        )
        match wish.action:
            case Action.ENROL | Action.RE_ENROL:
                paper = carried(self.key(wish.paper))
                return Enrolment(
                    details=_details(wish.post),
                    clearance=cleared(wish.post_level or 0),
                    recovery=Recovery(key=paper, proof=proof(wish.paper)),
                    terminals=terminals,
                    members=members,
                    ends=tuple(wish.ends),
                )
            case Action.ADD_TERMINAL:
                return AddedTerminals(terminals=terminals)
            case Action.ADD_MEMBER:
                return AddedMembers(members=members)
            case Action.ROTATE:
                return Rotations(
                    rotations=tuple(
                        Rotation(
                            old=self.key(old).id,
                            key=carried(self.key(new)),
                            until=UNTIL,
                            proof=proof(new),
                        )
                        for old, new in wish.rotations
                    )
                )
            case Action.SET_RIGHTS:
                return ChangedRights(rights=self._rights(wish))
            case Action.SET_DETAILS:
                return ChangedDetails(details=_details(f"{wish.post} {self.drawn}"))
            case Action.LIFT:
                return Lift(ends=tuple(wish.ends))
            case _:
                return Revocation(keys=tuple(self.key(key).id for key in wish.revoked))

    def _rights(self, wish: Wish) -> tuple[Rights, ...]:
        own = tuple(
            Rights(
                key=self.key(key).id,
                clearance=cleared(level),
                may_release=None if release is None else Level(release),
            )
            for key, level, release in wish.rights
        )
        if wish.post_level is None:
            return own
        return (Rights(clearance=cleared(wish.post_level)), *own)


def _details(name: str) -> Details:
    return Details(name_nl=name, name_en=name, collectives=("all-cyber",))


def _elsewhere(place: Place) -> Place:
    return Place(place.root, place.post, place.action, place.version, H(b"elsewhere"))


def _of(carrier: Carrier) -> dict[str, Any]:
    return {
        "name": carrier.name,
        "signers": carrier.signers,
        "broken": carrier.broken,
    }


def apprentice(of: Clerk) -> Clerk:
    """Return a clerk that goes on from there by itself."""
    book = Book({**of.book.by_leaf})
    return replace(of, book=book, names={**of.names}, nonces=[*of.nonces])
