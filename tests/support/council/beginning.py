"""What every council begins with: a root, three operators, three posts."""

from dataclasses import dataclass
from functools import cache

from crypto.sign import SigningKey
from protocol.codec import decode
from protocol.directory_entry import Action
from protocol.key_log_entry import read_leaf, read_signed
from protocol.root import RootDocument
from tests.support.council.clerk import Clerk
from tests.support.council.facts import Root
from tests.support.council.model import Model
from tests.support.council.wish import ANNA, BRAM, CHRIS, POSTS, enrolment
from tests.support.ministry import START, Ministry, founded


@dataclass(frozen=True)
class Beginning:
    """What every council begins with."""

    ministry: Ministry
    clerk: Clerk
    leaves: tuple[bytes, ...]
    model: Model


def beginning() -> Beginning:
    """Return a founded ministry with three posts, signed once for all councils."""
    return _begun(SigningKey.sign)  # real signatures and stand-ins are kept apart


@cache
def _begun(_: object) -> Beginning:
    ministry = founded()
    clerk = Clerk(ministry.suite, ministry.realm)
    signed = read_signed(read_leaf(ministry.leaves[0]).body)
    document = decode(signed.document, RootDocument)
    operators = (ANNA, BRAM, CHRIS)
    for name in (*operators, "holder/0", "holder/1", "holder/2"):
        clerk.key(name)
    root = Root(
        name=signed.digest,
        signers=frozenset({"holder/0", "holder/1"}),
        version=1,
        prev=document.prev,
        operators=frozenset(operators),
        expires=document.expires,
    )
    model, leaves = Model(root), [ministry.leaves[0]]
    for post in POSTS:
        wish = enrolment(clerk.fresh, post, 1, Action.ENROL)
        paper = clerk.entry(model, wish, (ANNA, BRAM), START)
        after = model.after(clerk.book.by_leaf[paper.leaf], len(leaves))
        assert after is not None
        model = after
        leaves.append(paper.leaf)
    return Beginning(ministry, clerk, tuple(leaves), model)
