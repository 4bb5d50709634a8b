"""An honest relay that reorders between lanes, with 30 % loss: nothing is lost.

Every record is shown once, every sender learns it, and nobody is alarmed.  The run as
a whole must have met the situations that it is about, or it proves nothing.
"""

from collections import Counter

import pytest

from tests.support.small_world import World

PER_WORLD = 200  # records
ROUNDS = 15  # in which they are composed


def live(seed: str) -> World:
    """Let one small world live until all is delivered; return it."""
    world = World(seed)
    for _ in range(ROUNDS):
        for _ in range(PER_WORLD // ROUNDS // 2 + 1):
            sender = world.rng.randrange(world.terminals)
            others = [t for t in range(world.terminals) if t != sender]
            recipients = world.rng.sample(others, world.rng.choice([1, 1, 2, 3]))
            world.compose(sender, recipients, world.rng.choice([0, 1, 2, 3, 3]))
        world.round()
    for _ in range(500):
        if world.settled():
            return world
        world.round()
    pytest.fail(f"seed {seed}: not everything was delivered")


def campaign(records: int) -> Counter[str]:
    """Run worlds until so many records were delivered; return what was met."""
    met: Counter[str] = Counter()
    while met["records"] < records:
        seed = f"world {met['worlds']}"
        world = live(seed)
        assert not world.alarms, f"seed {seed}: {world.alarms}"
        assert set(world.shown) == {(to, name) for name, to in world.deliveries}
        assert set(world.shown.values()) == {1}, f"seed {seed}: shown twice"
        for stream in world.streams.values():
            assert not stream.above, f"seed {seed}: a hole is left"
        met.update(world.seen)
        met["records"] += len(world.deliveries)
        met["worlds"] += 1
    return met


def sometimes(met: Counter[str]) -> None:
    """Check that the run reached what it is about."""
    for situation in ("late", "Duplicate", "AskResend", "nack", "delivery lost"):
        assert met[situation] > 0, f"never met: {situation}"
    assert met["late"] > met["records"] / 100


def test_nothing_is_lost_and_nobody_is_alarmed() -> None:
    sometimes(campaign(20_000))


@pytest.mark.deep
def test_nothing_is_lost_in_a_hundred_thousand_records() -> None:
    sometimes(campaign(100_000))


def test_a_world_replays_from_its_seed() -> None:
    one, two = live("replay"), live("replay")
    assert (one.now, one.seen, one.shown) == (two.now, two.seen, two.shown)
