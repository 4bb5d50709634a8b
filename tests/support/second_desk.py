"""A second terminal of a post in memory, beside desks that are connected."""

from crypto.sign import Usage
from protocol.directory_entry import Action, AddedTerminals
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.proposal import propose
from protocol.root import DAY
from protocol.signed import sign_document
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry, OwnPost, OwnTerminal


def second_desk(ministry: Ministry, relay: FakeRelay, post: str, *others: Desk) -> Desk:
    """Return a terminal that joins ``post`` now, by its paper key, up to date."""
    own = ministry.posts[post]
    place = ministry.place(post, Action.ADD_TERMINAL)
    new = ministry.new_terminal(place, f"{post}/t2", 2)
    change = AddedTerminals(terminals=(new,))
    entry = propose(place, change, expires=ministry.now + DAY, reason="second")
    by = [*ministry.pair, own.recovery]
    signed = sign_document(entry, by, usage=Usage.DIR, realm=ministry.realm)
    leaf = signed_leaf(LeafKind.DIRECTORY, signed)
    ministry.log(leaf)
    relay.log(leaf)
    terminal = OwnTerminal(post, 2, ministry.key(f"{post}/t2"), new.mailbox)
    desk = Desk(ministry, OwnPost(post, own.recovery, [terminal], own.members), relay)
    desk.connect()
    exchange(desk, *others)
    return desk
