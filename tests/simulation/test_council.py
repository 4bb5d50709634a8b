"""Operators, thieves and a hostile relay, in any order: who may read and speak.

A hypothesis state machine gives commands to a council (:mod:`tests.support.council`):
real documents with real signatures, the relay's real services over a real store, real
witnesses, real terminals.  After each command every belief is compared with a model
that knows names only; after the last one everything heals, and honest people must be
able to go on.

A red run prints its script; kept in ``tests/simulation/council/`` it is run for ever.
"""

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    rule,
    run_state_machine_as_test,
)

from tests.support.campaign import Campaign, Volume
from tests.support.council.script import Command, Play, played
from tests.support.council.standin import stand_in

CORPUS = Path(__file__).parent / "council"
MEMORY = Path("/dev/shm")  # noqa: S108 -- power cuts are tested elsewhere; a folder of ours
SCRATCH = MEMORY if MEMORY.is_dir() else None
STEPS = 100  # commands of all kinds in one council
COUNCILS = 6  # in one round
REAL = 1_500  # operators' commands that CI's volume is to have
STANDING_IN = 100_000  # and the deep one

# A green campaign has been in each of these situations.
# Most runs of CI's volume come there, not each; `test_client_rotating.py` and
# `test_client_held.py` do so in every run.
NOT_EACH_TIME = {
    "member went on under a new key",
    "shown as signed before its key ended",
}
SOMETIMES = (
    *("Entry adopted", "Restriction adopted", "Root adopted", "Extension adopted"),
    *("ENROL signed", "RE_ENROL signed", "ADD_TERMINAL signed", "ADD_MEMBER signed"),
    *("ROTATE signed", "SET_RIGHTS signed", "SET_DETAILS signed", "LIFT signed"),
    *("REVOKE signed", "Zeroise adopted", "refused by an honest relay"),
    *("fault prev", "fault version", "fault root", "fault realm", "fault expired"),
    *("fault transplant", "fault unproven", "fault nonce"),
    *("logged unseen", "dropped", "brought again", "logged in another order"),
    *("rubbish logged", "another history shown", "lie STARVE", "lie OLD", "lie FORK"),
    *("bulletin posted", "heard a bulletin", "event restricted"),
    *("relay died", "relay died under an operator's hands", "witness died"),
    *("terminal died", "terminal died at a commit", "witness out of reach"),
    *("wall clock wrong", "witness' clock wrong", "hours passed"),
    *("terminal stolen", "written by a thief", "thief's envelope smuggled in"),
    *("terminal went on under a new key", "member went on under a new key"),
    *("race to revoke", "race to rotate", "race to restrict", "race to bulletin"),
    *("event received", "event held", "deposit refused"),
    *("a session ended by the log", "shown as signed before its key ended"),
)


def among(*numbers: int) -> st.SearchStrategy[int]:
    return st.sampled_from(numbers)


def below(most: int) -> st.SearchStrategy[int]:
    return st.sampled_from(range(most))


def command(name: str, *parts: st.SearchStrategy[int]) -> st.SearchStrategy[Command]:
    return st.tuples(st.just(name), *parts)


WHO, POST, PICK, LEVEL, SIGNERS, HOW = (
    *(below(8), below(8), below(60), below(4), below(12)),
    among(0, 0, 0, 0, 1, 2),
)
FAULT = among(*range(8), *(99,) * 16)  # 99: none
HOURS = among(0, 0, -50, -5, 3, 30, 500)
REST = (POST, PICK, LEVEL, SIGNERS, FAULT, HOW)
ADD = command("change", among(1, 2, 3, 4), *REST)
ALTER = command("change", among(5, 5, 6, 7), *REST)
END = command("change", among(8, 9, 9), *REST)
RESTRICT = command(
    "restrict", PICK, below(7), below(9), among(0, 0, 1, 2, 3), among(0, 1, *(9,) * 10)
)
RARE = st.one_of(
    command("zeroise", PICK, SIGNERS, HOW),
    command("root", below(2), below(4), among(0, 0, 0, 1), HOW),
    command("extend", below(4), HOW),
    command("shuffle", below(5), below(5)),
    st.tuples(st.just("rubbish"), st.binary(max_size=9).map(bytes.hex)),
)
BREAK = st.one_of(
    command("crash", WHO, below(6), below(2)),
    command("crash_relay", below(3)),
    command("crash_witness", below(3)),
    command("deafen", below(3)),
    command("skew", WHO, HOURS),
    command("skew_witness", among(-100, 0, 3, 500)),
    command("wait", below(40)),
    command("steal", WHO),
)


class Councils(RuleBasedStateMachine):
    """One council; a rule for each kind of command, so often as it is to come."""

    sometimes: ClassVar[Counter[str]] = Counter()
    commands: ClassVar[int] = 0
    script: ClassVar[list[Command]] = []  # of the last council, whatever it was

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(dir=SCRATCH)
        self.play = Play(Path(self.folder.name))
        self.broken = False

    def do(self, given: Command) -> None:
        name, *arguments = given
        try:
            self.play.do(str(name), *arguments)
        except BaseException:
            self.broken = True
            raise

    @rule(given=ADD)
    def add(self, given: Command) -> None:
        self.do(given)

    @rule(given=ALTER)
    def alter(self, given: Command) -> None:
        self.do(given)

    @rule(given=END)
    def end(self, given: Command) -> None:
        self.do(given)

    @rule(given=RESTRICT)
    def restrict(self, given: Command) -> None:
        self.do(given)

    @rule(given=command("again", below(50), HOW))
    def bring_again(self, given: Command) -> None:
        self.do(given)

    @rule(given=RARE)
    def rare(self, given: Command) -> None:
        self.do(given)

    @rule(given=command("publish"))
    def publish(self, given: Command) -> None:
        self.do(given)

    @rule(given=command("sync", WHO, among(0, 0, 0, 0, 1, 2, 3, 4, 5)))
    def synchronise(self, given: Command) -> None:
        self.do(given)

    @rule(given=command("hear", WHO, below(3)))
    def hear(self, given: Command) -> None:
        self.do(given)

    @rule(given=command("race", WHO, WHO, below(120), below(4)))
    def race(self, given: Command) -> None:
        self.do(given)

    @rule(given=command("write", WHO, POST, below(2)))
    def write(self, given: Command) -> None:
        self.do(given)

    @rule(given=command("fetch", WHO))
    def fetch(self, given: Command) -> None:
        self.do(given)

    @rule(given=BREAK)
    def something_breaks(self, given: Command) -> None:
        self.do(given)

    def teardown(self) -> None:
        Councils.script = self.play.script
        try:
            if not self.broken:
                self.play.end()
        finally:
            Councils.sometimes += self.play.council.sometimes
            Councils.commands += self.play.operators.commands
            self.play.close()
            self.folder.cleanup()


@pytest.mark.campaign
def test_who_may_read_and_speak_whatever_anybody_does(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    if campaign.volume is Volume.DEEP:
        stand_in(monkeypatch)
    Councils.sometimes, Councils.commands = Counter(), 0
    councils = campaign.pick(quick=1, ci=COUNCILS, deep=COUNCILS)
    wanted = campaign.pick(quick=1, ci=REAL, deep=STANDING_IN)
    limits = settings(
        max_examples=councils,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # `council.script --smaller` is faster than shrinking
    )
    for _, chance in campaign.rounds(quick=2, ci=7, deep=400):
        if Councils.commands >= wanted:
            continue
        machine = seed(chance.getrandbits(64))(Councils)
        try:
            run_state_machine_as_test(machine, settings=limits)
        except BaseException:
            print(f"script: {json.dumps(Councils.script)}")  # noqa: T201 -- to be kept
            raise
    if campaign.volume is not Volume.QUICK:
        assert Councils.commands >= wanted
        missed = {what for what in SOMETIMES if not Councils.sometimes[what]}
        assert not missed - (NOT_EACH_TIME if campaign.volume is Volume.CI else set())


@pytest.mark.parametrize("name", sorted(path.stem for path in CORPUS.glob("*.json")))
def test_what_was_found_once_holds(name: str, tmp_path: Path) -> None:
    played(json.loads((CORPUS / f"{name}.json").read_text())["script"], tmp_path)
