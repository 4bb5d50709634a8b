"""Relay, witnesses and terminals, the real ones, in one process and in virtual time.

Every commit is followed by the checks of :mod:`tests.support.sim.invariants`: nothing
stored is lost, everything is shown once and in order, nobody cries wolf, the logs only
grow; and when the last fault is over, all of it arrives.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from client.core.alarms import Alarm
from tests.support.campaign import Campaign, Volume
from tests.support.sim.attacks import Attack, Exchange, Repeat, Reverse, Withhold
from tests.support.sim.life import attacked, lived
from tests.support.sim.world import World

ROOT = Path(__file__).parents[2]
MESSAGES = 40  # in one life: about 150 exchanges, receipts counted

# A green campaign has been in each of these situations.
SOMETIMES = (
    "line cut",
    "line lost without a word",
    "line frozen",
    "terminal cut off",
    "connects refused",
    "relay killed",
    "relay died before a commit",
    "relay died after a commit",  # stored, and nobody was told
    "terminal killed",
    "terminal died before a commit",
    "terminal died after a commit",  # received, and not acknowledged
    "terminal away for hours",
    "key sheet lost",
    "witness killed",
    "witnesses hard to reach",
    "delivered again",
    "reconnected",
    "overtaken by a more urgent lane",
    "event resealing",
)


@pytest.mark.campaign
def test_everything_arrives_once_whatever_breaks(
    campaign: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sometimes: Counter[str] = Counter()
    exchanges, started = 0, time.process_time()
    for number, chance in campaign.rounds(quick=2, ci=10, deep=7_000):
        seed = f"{chance.getrandbits(64):016x}"
        life = lived(seed, tmp_path / str(number), messages=MESSAGES)
        sometimes += life.sometimes
        exchanges += life.exchanges
    took = time.process_time() - started
    with capsys.disabled():
        print(f"\n{exchanges} exchanges, {exchanges / took:.0f} per second")  # noqa: T201 -- a figure to report
    if campaign.volume is not Volume.QUICK:
        assert not [what for what in SOMETIMES if not sometimes[what]]


def test_the_same_seed_gives_the_same_trace_in_every_process() -> None:
    """A red seed replays, although signatures and ciphertexts are new each time."""
    program = (
        "import sys, tempfile, pathlib\n"
        "from tests.support.sim.life import lived\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    print(lived(sys.argv[1], pathlib.Path(folder), messages=8).trace)\n"
    )

    def trace(seed: str, hashes: str) -> str:
        done = subprocess.run(  # noqa: S603 -- ourselves
            [sys.executable, "-c", program, seed],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.split()[-1]

    assert trace("one", "1") == trace("one", "77")
    assert trace("one", "1") != trace("another", "1")


def _stands(alarm: Alarm) -> Callable[[World], bool]:
    def seen(world: World) -> bool:
        alarms = world.terminals["tfc"].disk.alarms(100, ended=False)
        return alarm in {one.what for one in alarms}

    return seen


def _missed(world: World) -> bool:
    """Say whether an addressee sees a hole, or a sender that no receipt comes."""
    alarms = {
        (alarm.what, alarm.post)
        for terminal in world.terminals.values()
        for alarm in terminal.disk.alarms(100, ended=False)
    }
    hole = any(what == Alarm.HOLE for what, _ in alarms)
    return hole or (Alarm.UNDELIVERED, "tfc") in alarms


def _late(world: World) -> bool:
    return world.sometimes["event late"] > 0


def _told_apart(world: World) -> bool:
    tfc = world.terminals["tfc"]
    return tfc.came.total() > 0 and world.sometimes["event received"] > 0


@pytest.mark.parametrize(
    ("attack", "seen"),
    [
        pytest.param(lambda: Withhold("tfc"), _missed, id="withheld"),
        pytest.param(Exchange, _stands(Alarm.UNREADABLE), id="exchanged"),
        pytest.param(Reverse, _late, id="reversed"),
        pytest.param(Repeat, _told_apart, id="repeated"),
    ],
)
def test_a_relay_that_lies_about_deliveries_is_told(
    tmp_path: Path, attack: Callable[[], Attack], seen: Callable[[World], bool]
) -> None:
    attacked("liar", tmp_path, attack(), seen=seen)
