"""What a thief of an unlocked terminal finds in the key sheet (PRE-15 to PRE-17)."""

from client.core.prekeys import ONE_TIME
from protocol.manifest import PrekeyKind
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import ministry

HOUR, DAY = 3_600, 86_400


def desk_at(name: str) -> Desk:
    hague = ministry()
    desk = Desk(hague, hague.posts[name], FakeRelay(hague))
    desk.connect()
    exchange(desk)
    return desk


def later(desk: Desk, seconds: int, online: int) -> None:
    """Let witnessed time pass, then be online for a while and look again."""
    desk.relay.now += seconds
    desk.connect()
    desk.relay.now += online
    exchange(desk)


def manifests(desk: Desk) -> list[int]:
    return sorted({seed.manifest for seed in desk.seeds.seeds()})


def test_seeds_of_a_manifest_that_was_replaced_go_after_two_days() -> None:
    desk = desk_at("bern")
    (first,) = manifests(desk)
    later(desk, DAY, HOUR)  # a terminal that is online daily replaces its keys daily
    assert manifests(desk) == [first, first + 1]
    later(desk, DAY, HOUR)
    assert manifests(desk) == [first, first + 1, first + 2]
    later(desk, DAY, HOUR)
    of_first = [s for s in desk.seeds.seeds() if s.manifest == first]
    assert [seed.kind for seed in of_first] == [PrekeyKind.EPOCH]  # today's
    assert of_first[0].start <= desk.machine.beliefs.witnessed < of_first[0].until
    kinds = {s.kind for s in desk.seeds.seeds() if s.manifest == first + 3}
    assert kinds == {PrekeyKind.EPOCH, PrekeyKind.ONE_TIME}


def test_a_terminal_that_comes_for_ten_minutes_a_day_heals_each_day() -> None:
    desk = desk_at("bern")
    (first,) = manifests(desk)
    for day in range(1, 8):
        # A little sooner each day: no day may be missed because of it.
        later(desk, DAY - 1_800, 600)
        assert max(manifests(desk)) == first + day


def test_no_seed_outlives_its_day_by_more_than_a_fortnight() -> None:
    """Also while no newer manifest was logged: the relay may hold it back."""
    desk = desk_at("bern")
    (number,) = manifests(desk)
    first = min(seed.until for seed in desk.seeds.seeds())
    desk.relay.publish = lambda body: None  # type: ignore[method-assign]  # noqa: ARG005 -- its words
    later(desk, first + 14 * DAY - desk.now, HOUR)
    left = [s.until for s in desk.seeds.seeds() if s.manifest == number]
    assert min(left) > first


def test_an_absent_terminal_has_an_hour_to_empty_its_mailbox() -> None:
    desk = desk_at("bern")
    later(desk, 20 * DAY, 0)
    before = len(desk.seeds.seeds())
    later(desk, 3 * DAY, HOUR - 60)
    assert len(desk.seeds.seeds()) >= before > ONE_TIME


def test_time_that_passes_in_an_open_session_counts() -> None:
    """Also between two publications: what was replaced goes when its time has come."""
    desk = desk_at("bern")
    (first,) = manifests(desk)
    later(desk, DAY, HOUR)
    replaced = desk.now
    for seconds in (21 * HOUR, 60, 21 * HOUR, 60):  # published, and seen in the log
        online(desk, seconds)
    latest = max(manifests(desk))
    assert once_of(desk, first) == ONE_TIME
    online(desk, replaced + 49 * HOUR - desk.now)
    assert max(manifests(desk)) == latest
    assert once_of(desk, first) == 0


def online(desk: Desk, seconds: int) -> None:
    """Let time pass in the open session, and ask the relay once more."""
    desk.relay.now += seconds
    desk.effects.extend(desk.machine.resync(desk.now))
    desk.run()


def once_of(desk: Desk, manifest: int) -> int:
    found = [seed for seed in desk.seeds.seeds() if seed.manifest == manifest]
    return sum(seed.kind == PrekeyKind.ONE_TIME for seed in found)
