"""A FLASH leaves with the first cells of a session, sealed to keys that are kept."""

from dataclasses import replace

import pytest

from client.core.questions import (
    CourierKeysWanted,
    Deposited,
    Effect,
    PrekeysWanted,
    Question,
)
from protocol.envelope import parse_envelope
from protocol.label import Precedence
from protocol.manifest import PrekeyKind
from protocol.policy import DAY
from tests.support.desk import Desk, box_of, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import ministry


@pytest.fixture
def desks() -> tuple[Desk, Desk]:
    """Bern has written to TFC before, and keeps a key of its."""
    hague = ministry()
    bern, tfc = pair(hague, FakeRelay(hague))
    bern.write("tfc")
    exchange(bern, tfc)
    return bern, tfc


def first_flight(desk: Desk) -> tuple[int, int]:
    """Connect; return how many deposits and prekey questions go before any answer."""
    return counted(desk.machine.connected(desk.now))


def counted(effects: list[Effect]) -> tuple[int, int]:
    deposits = sum(isinstance(effect, Deposited) for effect in effects)
    questions = [effect for effect in effects if isinstance(effect, Question)]
    return deposits, sum(isinstance(each.tag, PrekeysWanted) for each in questions)


def test_a_flash_goes_in_the_first_flight_and_arrives(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    bern.machine.disconnected()
    sent = bern.write("tfc", "nu", Precedence.FLASH)
    assert first_flight(bern) == (1, 0)
    bern.connect()
    (came,) = box_of(tfc)
    seed = tfc.seeds.seed(parse_envelope(came.envelope).wraps[0].kid)
    assert seed is not None
    assert seed.kind == PrekeyKind.EPOCH
    exchange(bern, tfc)
    assert sent.name in {row.name for row in tfc.inbox()}
    assert bern.alarms() == tfc.alarms() == set()


def test_what_can_wait_asks_for_a_key_of_its_own(desks: tuple[Desk, Desk]) -> None:
    bern, _ = desks
    bern.machine.disconnected()
    bern.write("tfc", "straks", Precedence.IMMEDIATE)
    assert first_flight(bern) == (0, 1)


def test_one_addressee_without_a_kept_key_and_all_are_asked_for(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.machine.disconnected()
    sent = bern.write("tfc", "nu", Precedence.FLASH)
    other = replace(bern.store.targets(sent.name)[0], terminal=tfc.post.member.id)
    with bern.store.transaction():
        bern.store.add_target(other)
    assert first_flight(bern) == (0, 1)


def test_a_wall_clock_of_another_day_asks_for_todays_key(
    desks: tuple[Desk, Desk],
) -> None:
    """W stands still while there is no line: the kept key may be yesterday's."""
    bern, tfc = desks
    key = bern.machine._kept.key(tfc.post.terminal.key.id)  # noqa: SLF001 -- looked into
    assert key is not None
    bern.machine.disconnected()
    bern.write("tfc", "nu", Precedence.FLASH)
    bern.relay.now = key.window.until
    assert bern.now - bern.machine.beliefs.witnessed <= DAY  # fresh enough to seal
    assert first_flight(bern) == (0, 1)


def test_a_stale_directory_seals_to_no_kept_key(desks: tuple[Desk, Desk]) -> None:
    bern, _ = desks
    bern.machine.disconnected()
    bern.write("tfc", "nu", Precedence.FLASH)
    bern.relay.now += 2 * DAY
    assert first_flight(bern) == (0, 0)


def test_a_record_is_not_sealed_to_its_kept_key_twice(desks: tuple[Desk, Desk]) -> None:
    """Its terminal says that the key is gone: the relay is asked for another."""
    bern, tfc = desks
    sent = bern.write("tfc", "nu", Precedence.FLASH)
    bern.run()
    (target,) = bern.store.targets(sent.name)
    (kid,) = target.delivery.kids
    del tfc.seeds.held[kid]
    exchange(bern, tfc)
    (target,) = bern.store.targets(sent.name)
    assert target.delivery.kids[0] == kid
    assert len(set(target.delivery.kids)) == len(target.delivery.kids) > 1
    assert sent.name in {row.name for row in tfc.inbox()}


def test_a_key_of_a_manifest_that_the_log_replaced_is_not_used(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    old = dict(bern.relay.published)
    tfc.store.put("manifest.published", bytes(32))  # it publishes anew
    tfc.connect()
    exchange(tfc)
    bern.machine.disconnected()
    assert bern.relay.published != old
    bern.effects.extend(bern.machine.connected(bern.now))
    while bern.effects:
        effect = bern.effects.popleft()
        if not (isinstance(effect, Question) and effect.lane == 3):  # no key to keep
            bern.carry_out(effect)
    bern.write("tfc", "nu", Precedence.FLASH)
    assert counted(list(bern.effects)) == (0, 1)


def test_a_peer_that_is_away_for_long_is_not_asked_for_again_and_again(
    desks: tuple[Desk, Desk],
) -> None:
    """Its published keys are over: the relay has none that would do."""
    bern, _ = desks
    bern.relay.now += 60 * DAY
    asked = 0
    bern.effects.extend(bern.machine.connected(bern.now))
    while bern.effects and asked < 10:
        effect = bern.effects.popleft()
        asked += isinstance(effect, Question) and isinstance(
            effect.tag, CourierKeysWanted
        )
        bern.carry_out(effect)
    assert asked <= 2
