"""A ministry that goes over to suite S2: its root document, and new keys."""

from crypto.sign import SigningKey
from crypto.suite import SuiteId
from protocol.root import DAY, OpenSuite
from tests.support.desk import Desk
from tests.support.ministry import Ministry, cached_key
from tests.support.rotating import append, rotate
from tests.support.successor import next_root

SEALED = 10 * DAY  # after the root document: nothing is sealed to S1 any more
UNTIL = 45 * DAY  # its keys have ended


def retiring(
    hague: Ministry,
    *,
    suite: SuiteId = SuiteId.S2,
    going: SuiteId = SuiteId.S1,
    sealed: int = SEALED,
    until: int = UNTIL,
) -> bytes:
    """Return the leaf of a root document whose new keys are of ``suite``.

    The other suite goes ``sealed`` and ``until`` seconds from now.
    """
    opens = (OpenSuite(going, hague.now + sealed, hague.now + until),)
    return next_root(hague, holders=3, suite=suite, opens=opens)


def new_keys(desk: Desk, suite: SuiteId = SuiteId.S2) -> SigningKey:
    """Log that a desk's terminal goes over to a key of ``suite``; return the key."""
    identity = desk.machine.identity
    new = identity.next_terminal = cached_key(suite, f"{identity.post}/{suite.name}")
    pair = identity.terminal, new
    append(desk, rotate(desk.ministry, identity.post, pair))
    return new


def new_member_keys(desk: Desk, suite: SuiteId = SuiteId.S2) -> SigningKey:
    """The same for the member who sits there."""
    identity = desk.machine.identity
    assert identity.member is not None
    new = identity.next_member = cached_key(suite, f"{identity.post}/m/{suite.name}")
    pair = identity.member, new
    append(desk, rotate(desk.ministry, identity.post, pair))
    return new
