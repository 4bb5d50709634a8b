"""A whole life of a world: it opens, people write while everything breaks, it heals."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.sim.attacks import Attack
from tests.support.sim.faults import Faults
from tests.support.sim.invariants import Invariants
from tests.support.sim.people import People
from tests.support.sim.world import World

LIVING = 30 * 86_400.0  # virtual seconds that the messages of one life may take
DAY = 86_400.0  # virtual seconds: the next heartbeat at the latest
ATTACKED = 20  # messages that people write to a relay that lies
HEALED = 3_600.0  # virtual seconds from the last fault until all has arrived


@dataclass(frozen=True)
class Life:
    """What happened."""

    seed: str
    trace: str
    exchanges: int  # records received, receipts too
    steps: int
    virtual: float  # seconds
    healing: float  # seconds from the last fault to the last receipt
    sometimes: Counter[str]


def lived(
    seed: str, folder: Path, *, messages: int, pace: float = 2.0, faults: float = 5.0
) -> Life:
    """Return what happened in the world of ``seed``.

    Args:
        seed: of everything.
        folder: for the witnesses' files.
        messages: that people write.
        pace: virtual seconds between two acts of people, about.
        faults: virtual seconds between two faults, about.

    Raises:
        BrokenError: an invariant does not hold.
    """
    world = World(seed, folder)
    try:
        people = People(world, messages, pace)
        invariants = Invariants(world, people)
        breaking = Faults(world, faults)
        breaking.check = invariants.check_all
        world.open()
        world.loop.spawn(world.process, people.run())
        world.loop.spawn(world.process, breaking.run())
        wrote = world.loop.run(lambda: not people.left, LIVING)
        invariants.require(wrote, "nobody can write any more")
        breaking.heal()
        healed = world.loop.time()
        done = world.loop.run(world.every(5.0, invariants.settled), HEALED)
        invariants.require(done, "not all arrived after the last fault")
        invariants.check_end()
        return Life(
            seed=seed,
            trace=world.loop.trace,
            exchanges=invariants.received.total(),
            steps=world.loop.steps,
            virtual=world.loop.time(),
            healing=world.loop.time() - healed,
            sometimes=world.counted(),
        )
    finally:
        world.close()


def attacked(
    seed: str, folder: Path, attack: Attack, *, seen: Callable[[World], bool]
) -> World:
    """Return a world in which TFC comes back to a relay that lies, when ``seen`` holds.

    Raises:
        BrokenError: something was shown twice, lost in silence, or never ``seen``.
    """
    world = World(seed, folder)
    try:
        people = People(world, ATTACKED, 1.0)
        invariants = Invariants(world, people, honest=False)
        world.relay.attack = attack
        world.open()
        world.terminals["tfc"].crash()
        world.loop.spawn(world.process, people.run())
        wrote = world.loop.run(lambda: not people.left, LIVING)
        invariants.require(wrote, "nobody can write any more")
        world.terminals["tfc"].start()
        told = world.loop.run(world.every(5.0, lambda: seen(world)), DAY)
        invariants.require(told, "nobody noticed")
        invariants.check_all()
        return world
    finally:
        world.close()
