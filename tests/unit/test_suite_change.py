"""A ministry goes from suite S1 to S2 while messages run (docs/spec/suites.md)."""

import pytest

from client.answers.commands import refusal_parts
from client.core.compose import Wish, action
from client.core.key_ends import key_end
from crypto.sign import SigningKey
from crypto.suite import SUITES, SuiteId
from crypto.types import Digest
from protocol.codec import decode
from protocol.courier import Bundle
from protocol.delivery import State
from protocol.directory_adopt import adopt_entry
from protocol.directory_state import Moment
from protocol.envelope import parse_envelope
from protocol.errors import BindingError, PolicyError, Reason
from protocol.key_log_entry import read_leaf, read_signed
from protocol.label import Precedence
from protocol.root import DAY
from tests.support.desk import Desk, box_of, cable, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry, cached_key
from tests.support.retiring import (
    SEALED,
    UNTIL,
    new_keys,
    new_member_keys,
    retiring,
)
from tests.support.rotating import append, rotate

Desks = tuple[Desk, Desk]


def suites(desk: Desk, name: Digest) -> list[SuiteId]:
    """Return the suite of each envelope that a record was deposited in."""
    deposits = desk.store.deposits(name)
    return sorted(desk.relay.suites[deposit.envelope] for deposit in deposits)


def later(now: int, *desks: Desk) -> None:
    """Let everybody synchronise at a later time."""
    desks[0].relay.now = now
    for desk in desks:
        desk.connect()
    exchange(*desks)


def state(desk: Desk, name: Digest) -> set[State]:
    return {target.delivery.state for target in desk.store.targets(name)}


def shown(desk: Desk) -> set[Digest]:
    return {row.name for row in desk.inbox() if row.refused is None}


def both_ways(bern: Desk, tfc: Desk) -> tuple[Digest, Digest]:
    """Write each way, and see both delivered."""
    sent = bern.write("tfc").name, tfc.write("bern").name
    exchange(bern, tfc)
    assert state(bern, sent[0]) == state(tfc, sent[1]) == {State.DELIVERED}
    assert sent[0] in shown(tfc)
    assert sent[1] in shown(bern)
    return sent


def gone_over(desk: Desk, *others: Desk) -> SigningKey:
    new = new_keys(desk)
    exchange(desk, *others)
    assert desk.machine.identity.terminal is new
    return new


# --- step by step, nobody on the same day


def test_every_mix_of_suites_writes_both_ways(desks: Desks, hague: Ministry) -> None:
    bern, tfc = desks
    both_ways(bern, tfc)
    append(bern, retiring(hague))
    exchange(bern, tfc)
    to_s1 = both_ways(bern, tfc)
    assert tfc.machine.beliefs.view().suite is SuiteId.S2
    gone_over(bern, tfc)
    mixed = both_ways(bern, tfc)
    gone_over(tfc, bern)
    to_s2 = both_ways(bern, tfc)
    found = [
        (*suites(bern, one), *suites(tfc, other))
        for one, other in (to_s1, mixed, to_s2)
    ]
    one, two = SuiteId.S1, SuiteId.S2
    assert found == [(one, one), (one, two), (two, two)]
    assert bern.alarms() == tfc.alarms() == set()
    for desk in desks:
        assert len(desk.store.streams_out()) == len(desk.store.streams_in()) == 1


def test_members_go_over_by_themselves_too(desks: Desks, hague: Ministry) -> None:
    bern, tfc = desks
    append(bern, retiring(hague))
    exchange(bern, tfc)
    new = new_member_keys(bern)
    exchange(bern, tfc)
    assert bern.machine.identity.member is new
    both_ways(bern, tfc)
    assert tfc.alarms() == set()


def test_what_was_on_its_way_to_an_old_key_is_read(
    desks: Desks, hague: Ministry
) -> None:
    """Sealed to S1, fetched by a terminal that has S2 by then, and the other way."""
    bern, tfc = desks
    append(bern, retiring(hague))
    exchange(bern, tfc)
    under_way = tfc.write("bern").name
    tfc.run()
    assert len(box_of(bern)) == 1
    written = bern.write("tfc").name
    bern.run()
    new_keys(bern)
    exchange(bern, tfc)
    assert under_way in shown(bern)
    assert written in shown(tfc)
    assert state(tfc, under_way) == state(bern, written) == {State.DELIVERED}


def test_an_old_seed_opens_until_the_suite_ends(desks: Desks, hague: Ministry) -> None:
    bern, tfc = desks
    append(bern, retiring(hague))
    exchange(bern, tfc)
    under_way = tfc.write("bern").name
    tfc.run()
    gone_over(bern)
    later(bern.now + DAY, bern, tfc)
    assert suites(tfc, under_way) == [SuiteId.S1]
    assert under_way in shown(bern)


# --- one record, receivers of two suites


@pytest.fixture
def three(hague: Ministry) -> tuple[Desk, Desk, Desk]:
    hague.enrol("oslo")
    world = FakeRelay(hague)
    made = [Desk(hague, hague.posts[post], world) for post in ("bern", "tfc", "oslo")]
    for desk in made:
        desk.connect()
    exchange(*made)
    bern, tfc, oslo = made
    return bern, tfc, oslo


def to_both(tfc: Desk) -> Digest:
    wish = cable("bern")
    to = action(("bern", "oslo"), Precedence.ROUTINE)
    composed = tfc.machine.compose(
        Wish(type=wish.type, body=wish.body, to=to, label=wish.label), tfc.now
    )
    tfc.effects.extend(tfc.machine.pump(tfc.now))
    return composed.name


def test_a_record_goes_to_each_suite_in_an_envelope_of_its_own(
    three: tuple[Desk, Desk, Desk], hague: Ministry
) -> None:
    bern, tfc, oslo = three
    append(bern, retiring(hague))
    exchange(*three)
    gone_over(bern, tfc, oslo)
    sent = to_both(tfc)
    exchange(*three)
    assert suites(tfc, sent) == [SuiteId.S1, SuiteId.S2]
    assert state(tfc, sent) == {State.DELIVERED}
    assert sent in shown(bern)
    assert sent in shown(oslo)
    gone_over(oslo, tfc, bern)
    again = to_both(tfc)
    exchange(*three)
    assert suites(tfc, again) == [SuiteId.S2]


def test_a_bundle_is_of_one_suite_and_says_whom_it_is_not_for(
    three: tuple[Desk, Desk, Desk], hague: Ministry
) -> None:
    bern, tfc, oslo = three
    to_both(tfc)
    exchange(*three)
    append(bern, retiring(hague))
    exchange(*three)
    gone_over(bern, tfc, oslo)
    later(tfc.now + 60, *three)
    tfc.machine.disconnected()
    row = tfc.store.record(to_both(tfc))
    assert row is not None
    packs = [tfc.machine.courier.pack(row, only, tfc.now) for only in ((), ("oslo",))]
    assert [(one.posts, one.without) for one in packs] == [
        (("bern",), ("oslo",)),
        (("oslo",), ("bern",)),
    ]
    found = [parse_envelope(decode(one.data, Bundle).envelope).suite for one in packs]
    assert found == [SuiteId.S2, SuiteId.S1]


# --- the first date


def test_nothing_is_sealed_to_a_suite_from_its_day(
    desks: Desks, hague: Ministry
) -> None:
    bern, tfc = desks
    append(bern, retiring(hague))
    day = hague.now + SEALED - 60
    exchange(bern, tfc)
    gone_over(tfc, bern)
    later(day - 600, bern, tfc)
    before = tfc.write("bern").name
    exchange(bern, tfc)
    assert suites(tfc, before) == [SuiteId.S1]
    later(day + 600, bern, tfc)
    with pytest.raises(PolicyError) as refused:
        tfc.write("bern")
    assert refused.value.reason is Reason.SUITE_RETIRED
    view = tfc.machine.beliefs.view()
    assert refused.value.retired == (SuiteId.S1, view.sealed_until(SuiteId.S1))
    parts = refusal_parts(refused.value, {})
    assert (parts["post"], parts["suite"]) == ("bern", "S1")
    assert str(parts["date"]).startswith("2026-10-0")


def test_who_missed_the_first_day_still_writes_and_goes_over(
    desks: Desks, hague: Ministry
) -> None:
    bern, tfc = desks
    append(bern, retiring(hague))
    exchange(bern, tfc)
    gone_over(tfc, bern)
    later(hague.now + SEALED + DAY, bern, tfc)
    sent = bern.write("tfc").name
    exchange(bern, tfc)
    assert sent in shown(tfc)
    assert state(bern, sent) == {State.ACCEPTED}  # nothing is sealed to it: no receipt
    gone_over(bern, tfc)
    both_ways(bern, tfc)
    assert state(bern, sent) == {State.DELIVERED}


def test_a_record_that_waits_over_its_day_goes_after_the_rotation(
    desks: Desks, hague: Ministry
) -> None:
    """Composed in time, not sealed in time: it waits, and nothing is lost."""
    bern, tfc = desks
    append(bern, retiring(hague))
    exchange(bern, tfc)
    gone_over(tfc, bern)
    tfc.machine.disconnected()
    waiting = tfc.machine.compose(cable("bern"), tfc.now).name
    later(hague.now + SEALED + DAY, bern, tfc)
    assert state(tfc, waiting) == {State.COMPOSED}
    assert tfc.alarms() == set()
    gone_over(bern, tfc)
    assert suites(tfc, waiting) == [SuiteId.S2]
    assert waiting in shown(bern)


def test_no_manifest_is_published_that_nobody_may_seal_to(
    desks: Desks, hague: Ministry
) -> None:
    bern, tfc = desks
    append(bern, retiring(hague))
    exchange(bern, tfc)
    own = bern.machine.identity.terminal.id
    before = tfc.machine.beliefs.view().notice(own)
    later(hague.now + SEALED + DAY, bern, tfc)
    assert tfc.machine.beliefs.view().notice(own) == before


# --- the second date


def test_its_keys_have_ended_from_the_second_day(desks: Desks, hague: Ministry) -> None:
    bern, tfc = desks
    append(bern, retiring(hague))
    until = hague.now + UNTIL - 60
    exchange(bern, tfc)
    gone_over(tfc, bern)
    later(until + DAY, bern, tfc)
    view = tfc.machine.beliefs.view()
    own = view.terminal(bern.machine.identity.terminal.id)
    assert own is not None
    assert own.ended is not None
    with pytest.raises(PolicyError) as refused:
        tfc.write("bern")
    assert refused.value.reason is Reason.NOT_ACTIVE
    with pytest.raises(PolicyError):
        bern.write("tfc")


# --- no way back


@pytest.mark.parametrize("suite", SuiteId)
def test_a_rotation_to_another_suite_than_the_roots_is_a_downgrade(
    hague: Ministry, suite: SuiteId
) -> None:
    """DIR-4: whichever of the two the root names, the other is refused."""
    if suite is SuiteId.S2:
        hague.log(retiring(hague))
    other = next(one for one in SuiteId if one is not suite)
    old = hague.posts["bern"].terminal.key
    for new, right in ((cached_key(suite, "x"), True), (cached_key(other, "x"), False)):
        signed = read_signed(read_leaf(rotate(hague, "bern", (old, new))).body)
        moment = Moment(index=99, after=0, witnessed=hague.now)
        if right:
            adopt_entry(hague.directory.state, signed, moment)
        else:
            with pytest.raises(BindingError, match="B16"):
                adopt_entry(hague.directory.state, signed, moment)


def test_the_holders_may_go_back_and_everybody_follows(
    desks: Desks, hague: Ministry
) -> None:
    """A fault in S2: only the root threshold leads away from it, with its own dates."""
    bern, tfc = desks
    append(bern, retiring(hague))
    exchange(bern, tfc)
    gone_over(bern, tfc)
    append(bern, retiring(hague, suite=SuiteId.S1, going=SuiteId.S2))
    exchange(bern, tfc)
    both_ways(bern, tfc)
    back = cached_key(SuiteId.S1, "bern/back")
    bern.machine.identity.next_terminal = back
    append(bern, rotate(hague, "bern", (bern.machine.identity.terminal, back)))
    exchange(bern, tfc)
    assert bern.machine.identity.terminal is back
    sent = both_ways(bern, tfc)
    assert suites(tfc, sent[1]) == [SuiteId.S1]


# --- people are told in time


def test_the_first_day_of_a_suite_is_told_before_it_comes(
    desks: Desks, hague: Ministry
) -> None:
    bern, tfc = desks
    append(bern, retiring(hague, sealed=100 * DAY, until=140 * DAY))
    exchange(bern, tfc)
    assert bern.alarms() == set()
    start = bern.now
    for days, told in ((11, "key-ends-90"), (71, "key-ends-30"), (94, "key-ends-7")):
        bern.machine.tick(start + days * DAY)
        assert {one for one in bern.alarms() if "key" in one} == {told}


def test_a_key_ends_by_its_entry_or_with_its_suite(hague: Ministry) -> None:
    """A terminal's when nothing is sealed to it, a member's when it does not count."""
    hague.log(retiring(hague))
    root, record = hague.directory.root.document, hague.directory.state.posts["bern"]
    terminal, member = record.live()
    (old,) = root.opens
    assert key_end(root, terminal) == old.sealed
    assert key_end(root, member) == old.until
    hague.log(rotate(hague, "bern", (hague.posts["bern"].terminal.key, _s2())))
    (after, _) = hague.directory.state.posts["bern"].live()
    assert key_end(root, after) == after.keys[-1].until


def _s2() -> SigningKey:
    return cached_key(SuiteId.S2, "bern/new")


def test_no_two_suites_share_a_length() -> None:
    """SUITE-6: what was kept of a key says its suite."""
    for part in ("signature_seed", "signature_public_key", "signature"):
        assert len({getattr(row, part) for row in SUITES.values()}) == len(SUITES)
