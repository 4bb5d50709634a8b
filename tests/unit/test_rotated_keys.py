"""What a rotation leaves valid, and for how long (B2, TIME-11, NACK-3).

A rotation is the holder's own step: what lies on the way under the old key stays good.
A restriction, a revocation or an end by date gives nobody that.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from crypto.digest import H
from crypto.suite import SuiteId
from crypto.types import KeyId, PrekeyId
from protocol.admit import VOUCHED, Admitted, Held
from protocol.directory_view import Ended
from protocol.envelope import parse_envelope
from protocol.errors import VerificationError
from protocol.nack import Aim, Deposit, Gone, check_nack, make_nack
from tests.support.keys import signing_key
from tests.support.posts import NOW, Cast, Station, cast_of, record_of, seal_to
from tests.support.refusals import stopped_by

ROTATED = Ended("rotated", 40, NOW - 100)
REVOKED = Ended("revoked", 41, NOW - 50)


@pytest.fixture
def cast() -> Cast:
    return cast_of(SuiteId.S1)


def rotated_terminal(station: Station, ended: Ended = ROTATED) -> Station:
    """Return the terminal under its next key; the old one has ended."""
    old = station.terminal
    key = signing_key(station.directory.suite, f"{station.post}/next")
    lineage = (old.key_id, key.id)
    found = station.directory.found
    found[old.key_id] = replace(old, ended=ended, lineage=lineage)
    now = replace(old, key_id=key.id, key=key.verify_key, lineage=lineage)
    found[key.id] = now
    return replace(station, key=key, terminal=now)


def rotated_member(station: Station, ended: Ended = ROTATED) -> KeyId:
    """The member goes over to the next key; what they signed bears the old one."""
    members, old = station.directory.members, station.member_key.id
    key = signing_key(station.directory.suite, f"{station.post}/next member")
    lineage = (old, key.id)
    before = members[old]
    members[old] = replace(before, ended=ended, lineage=lineage)
    members[key.id] = replace(
        before, key_id=key.id, key=key.verify_key, lineage=lineage
    )
    return key.id


# --- the receiver's key: its slot


def test_b2_what_was_sealed_to_the_old_key_is_for_the_same_terminal(cast: Cast) -> None:
    sealed = seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    assert isinstance(rotated_terminal(cast.bern).open(sealed), Admitted)


def test_b2_a_slot_of_a_key_outside_the_lineage_is_not_ours(cast: Cast) -> None:
    sealed = seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    thief = rotated_terminal(cast.bern)
    other = replace(thief.terminal, lineage=(cast.oslo.key.id, thief.key.id))
    cast.directory.found[thief.key.id] = other
    split = parse_envelope(sealed.envelope).split(other.mailbox)
    assert stopped_by(thief, split) == "B2"


# --- the member's key: a current terminal vouches for it


def after(cast: Cast, *changes: Callable[[Station], object]) -> object:
    sealed = seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    for change in changes:
        change(cast.tfc)
    return cast.bern.open(sealed)


def terminal_is_over(station: Station) -> None:
    found, own = station.directory.found, station.key.id
    found[own] = replace(found[own], valid_until=NOW)


def person_is_gone(station: Station) -> None:
    members = station.directory.members
    last = members[station.member_key.id].lineage[-1]
    members[last] = replace(members[last], ended=REVOKED)


def person_is_unknown(station: Station) -> None:
    members = station.directory.members
    del members[members[station.member_key.id].lineage[-1]]


def long_ago(station: Station) -> None:
    rotated_member(station, replace(ROTATED, witnessed=NOW - VOUCHED))


def just_in_time(station: Station) -> None:
    rotated_member(station, replace(ROTATED, witnessed=NOW - VOUCHED + 1))


def revoked_member(station: Station) -> None:
    rotated_member(station, REVOKED)


@pytest.mark.parametrize("change", [rotated_member, just_in_time])
def test_what_a_member_signed_before_a_rotation_is_taken_from_a_current_terminal(
    cast: Cast, change: Callable[[Station], object]
) -> None:
    outcome = after(cast, change)
    assert isinstance(outcome, Admitted)
    assert outcome.genuine.ended is not None
    assert outcome.genuine.ended.reason == "rotated"


@pytest.mark.parametrize(
    "changes",
    [
        (rotated_terminal,),
        (rotated_member, rotated_terminal),
        (rotated_member, terminal_is_over),
        (rotated_member, person_is_gone),
        (rotated_member, person_is_unknown),
        (long_ago,),
        (revoked_member,),
    ],
)
def test_nobody_else_vouches_for_a_key_that_has_ended(
    cast: Cast, changes: tuple[Callable[[Station], object], ...]
) -> None:
    assert isinstance(after(cast, *changes), Held)


# --- a nack from before the rotation


def nacked(
    cast: Cast, signer: Station, rotate: Callable[[Station], Station]
) -> PrekeyId:
    """Bern goes over after a sealing; return what the nack of ``signer`` names."""
    sealed = seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    mailbox = cast.bern.terminal.mailbox
    envelope = parse_envelope(parse_envelope(sealed.envelope).split(mailbox))
    now = rotate(cast.bern)
    signed = make_nack(
        envelope,
        Gone.ERASED,
        gone={cast.bern.kid},
        key=signer.key,
        realm=cast.directory.realm,
    )
    aims = {mailbox: Aim(now.key.id, cast.bern.kid)}
    deposit = Deposit(envelope.id, H(envelope.body), aims)
    return PrekeyId(check_nack(signed, deposit, cast.directory).kid)


def test_a_nack_counts_that_a_key_signed_which_was_rotated_since(cast: Cast) -> None:
    assert nacked(cast, cast.bern, rotated_terminal) == cast.bern.kid


def test_a_nack_under_a_key_that_was_taken_away_does_not(cast: Cast) -> None:
    with pytest.raises(VerificationError):
        nacked(cast, cast.bern, lambda bern: rotated_terminal(bern, REVOKED))


def test_a_nack_of_a_stranger_does_not_either(cast: Cast) -> None:
    with pytest.raises(VerificationError):
        nacked(cast, cast.oslo, rotated_terminal)
