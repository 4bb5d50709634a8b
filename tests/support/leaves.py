"""Leaves about the post of Bern, and the one way to see that a leaf is refused."""

from protocol.directory_entry import Action, Lift
from protocol.errors import ProtocolError
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.signed import Signed
from protocol.trusted_directory import Refused
from tests.support.ministry import Ministry


def refused(hague: Ministry, leaf: bytes, error: type[ProtocolError]) -> None:
    """Log a leaf that must change nothing."""
    before = hague.directory.state
    (outcome,) = hague.follow(leaf)
    assert isinstance(outcome, Refused)
    assert isinstance(outcome.error, error)
    assert hague.directory.state is before


def logged(signed: Signed) -> bytes:
    """Return the leaf of a restriction."""
    return signed_leaf(LeafKind.RESTRICTION, signed)


def lift(hague: Ministry, *ends: Signed) -> bytes:
    """Return the leaf that lifts restrictions of Bern."""
    change = Lift(ends=tuple(signed.digest for signed in ends))
    return hague.entry("bern", Action.LIFT, change)
