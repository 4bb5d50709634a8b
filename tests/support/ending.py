"""The end of a post's terminal, as the key log has it: suspended, or revoked."""

from crypto.sign import Usage
from crypto.types import KeyId
from protocol.directory_entry import Action, Revocation
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.proposal import propose
from protocol.root import DAY
from protocol.signed import sign_document
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry


def suspend(hague: Ministry, relay: FakeRelay, post: str) -> None:
    """Log that one operator cuts the terminal to nothing."""
    leaf = hague.restriction(_key(hague, post), by=hague.operators["anna"])
    hague.log(leaf)
    relay.log(leaf)


def revoke(hague: Ministry, relay: FakeRelay, post: str) -> None:
    """Log that two operators end the terminal's key for good."""
    place = hague.place(post, Action.REVOKE)
    change = Revocation(keys=(_key(hague, post),))
    entry = propose(place, change, expires=hague.now + DAY, reason="lost")
    signed = sign_document(entry, hague.pair, usage=Usage.DIR, realm=hague.realm)
    leaf = signed_leaf(LeafKind.DIRECTORY, signed)
    hague.log(leaf)
    relay.log(leaf)


def _key(hague: Ministry, post: str) -> KeyId:
    return KeyId(hague.posts[post].terminal.key.id)
