"""The monitor alarms on what a hostile or an old relay shows, and keeps evidence."""

import asyncio
import json
from pathlib import Path

import pytest

from client.audit.source import SourceError
from client.audit.state import Memory, StateError
from client.audit.watching import (
    DIRECTORY,
    FORK,
    ODD,
    ROLLBACK,
    SPLIT,
    STALE,
    WHAT,
    Looked,
    Monitor,
)
from client.words import LANGUAGES, Words
from protocol.checkpoint import parse_checkpoint
from protocol.note import parse_note
from protocol.requests import LogName
from protocol.root import DAY
from protocol.trusted_log import signed_checkpoint
from tests.support.fake_relay import FakeRelay, Log
from tests.support.ministry import Ministry
from tests.support.monitored import Shown, saying
from tests.support.witnesses import log_key

KEY, MESSAGE = LogName


class Watched:
    """One auditor, one relay."""

    def __init__(self, hague: Ministry, folder: Path) -> None:
        self.hague = hague
        self.relay = FakeRelay(hague)
        for number in range(5):
            self.relay.logs[MESSAGE].append(b"leaf %d" % number)
        self.source = Shown(self.relay)
        self.folder = folder
        self.memory = Memory.of(folder)

    def look(
        self, said: dict[str, dict[LogName, bytes]] | None = None
    ) -> tuple[Looked, ...]:
        self.memory = Memory.of(self.folder)  # as a new process
        monitor = Monitor(self.hague.directory.root.document, self.memory, pause=0)
        shown = saying(self.relay, self.relay.now) if said is None else said
        return asyncio.run(monitor.look(self.source, shown, self.relay.now))

    def alarms(self) -> list[tuple[str, str]]:
        return [(a.what, a.about) for a in Memory.of(self.folder).standing()]

    def notes(self) -> list[bytes]:
        """Return the evidence of the one alarm that stands."""
        (alarm,) = self.memory.standing()
        folder = self.memory.folder / alarm.folder
        told = json.loads((folder / "alarm.json").read_text())
        assert (told["what"], told["about"]) == (alarm.what, alarm.about)
        return [(folder / name).read_bytes() for name in told["files"]]

    def other_history(self, leaves: int) -> Log:
        """Return a message log of this size with another last leaf."""
        log = Log("message")
        for leaf in self.relay.logs[MESSAGE].leaves[: leaves - 1]:
            log.append(leaf)
        log.append(b"another")
        return log


@pytest.fixture
def watched(hague: Ministry, tmp_path: Path) -> Watched:
    return Watched(hague, tmp_path)


def test_an_honest_relay_is_followed_and_nothing_is_told(watched: Watched) -> None:
    assert [one.grown for one in watched.look()] == [5, 5]
    watched.relay.logs[MESSAGE].append(b"more")
    watched.relay.now += 60
    key, message = watched.look()
    assert (key.grown, message.grown, message.size) == (0, 1, 6)
    assert message.root == watched.relay.logs[MESSAGE].frontier.root()
    assert message.witnessed == watched.relay.now
    assert watched.alarms() == []


def test_a_log_that_nobody_wrote_to_is_nothing_yet(
    hague: Ministry, tmp_path: Path
) -> None:
    watched = Watched(hague, tmp_path)
    watched.relay.logs[MESSAGE] = Log("message")
    assert watched.look()[1] == Looked(MESSAGE, 0, watched.look()[1].root, 0, 0)
    assert watched.alarms() == []


def test_one_size_with_two_roots_is_a_split_view(watched: Watched) -> None:
    """Both notes are kept: the log's own two signatures, for anybody to check."""
    watched.look()
    watched.source.notes[MESSAGE] = watched.other_history(5).checkpoint(
        watched.relay.now, ("w1", "w2")
    )
    watched.look()
    assert (SPLIT, "message-log") in watched.alarms()
    split = next(a for a in watched.memory.standing() if a.what == SPLIT)
    folder = watched.memory.folder / split.folder
    roots = set()
    for file in folder.glob("*.note"):
        _, checkpoint = signed_checkpoint(file.read_bytes(), log_key("message"))
        assert checkpoint.size == 5
        roots.add(checkpoint.root)
    assert len(roots) == 2
    size, point = 5, watched.memory.point(MESSAGE)
    assert point is not None
    assert (point.size, point.root) == (
        size,
        watched.relay.logs[MESSAGE].frontier.root(),
    )


def test_a_split_between_witnesses_is_seen_the_first_time(watched: Watched) -> None:
    said = saying(watched.relay, watched.relay.now)
    other = watched.other_history(5).checkpoint(watched.relay.now, ("w3",))
    said["w3.example/witness"][MESSAGE] = other
    watched.look(said)
    assert (SPLIT, "message-log") in watched.alarms()


def test_a_relay_that_is_smaller_than_before_is_a_rollback(watched: Watched) -> None:
    watched.look()
    old = FakeRelay(watched.hague)
    for leaf in watched.relay.logs[MESSAGE].leaves[:3]:
        old.logs[MESSAGE].append(leaf)
    old.now = watched.relay.now
    watched.source = Shown(old)
    watched.look(said={})
    assert watched.alarms() == [
        ("stale-witness", f"w{n}.example/witness") for n in (1, 2, 3)
    ] + [(ROLLBACK, "message-log")]
    watched.source = Shown(watched.relay)
    watched.look()  # it caught up from its mirror
    assert watched.alarms() == []


def test_a_restored_backup_is_seen_by_who_never_looked_before(watched: Watched) -> None:
    """The witnesses remember what the relay signed, so an auditor need not."""
    said = saying(watched.relay, watched.relay.now)
    watched.relay.lose(2)
    watched.look(said)
    assert watched.alarms() == [(ROLLBACK, "message-log")]
    small, large = (parse_checkpoint(parse_note(n).text).size for n in watched.notes())
    assert (small, large) == (2, 5)
    assert watched.source.asked.count("checkpoint") > 2  # it was asked again first


def test_a_larger_log_that_does_not_follow_is_a_fork(watched: Watched) -> None:
    watched.look()
    forked = watched.other_history(5)
    forked.append(b"and on")
    watched.relay.logs[MESSAGE] = forked
    watched.look(said={})
    assert (FORK, "message-log") in watched.alarms()
    point = watched.memory.point(MESSAGE)
    assert point is not None
    assert point.size == 5


def test_a_checkpoint_without_its_quorum_is_waited_for(watched: Watched) -> None:
    watched.look()
    watched.relay.logs[MESSAGE].append(b"more")
    watched.relay.witnesses = ("w1",)
    assert watched.look()[1].size == 5
    assert watched.alarms() == []
    watched.relay.witnesses = ("w1", "w2")
    assert watched.look()[1].size == 6


def test_a_witness_that_is_silent_or_old_is_told_until_it_speaks(
    watched: Watched,
) -> None:
    now = watched.relay.now
    said = saying(watched.relay, now - 2 * DAY, ("w1",)) | saying(
        watched.relay, now, ("w2",)
    )
    watched.look(said)
    assert watched.alarms() == [
        (STALE, "w1.example/witness"),
        (STALE, "w3.example/witness"),
    ]
    watched.look(said)
    assert len(watched.alarms()) == 2  # told once
    watched.look()
    assert watched.alarms() == []


def test_what_a_witness_shows_must_be_the_logs(watched: Watched) -> None:
    said = saying(watched.relay, watched.relay.now)
    said["w1.example/witness"][MESSAGE] = b"no note\n"
    watched.look(said)
    assert watched.alarms() == [(ODD, "w1.example/witness")]


def test_a_relay_that_does_not_answer_is_no_alarm(watched: Watched) -> None:
    watched.source.away = True
    with pytest.raises(SourceError):
        watched.look()
    assert watched.alarms() == []


# --- the directory


def read(watched: Watched, entries: list[bytes]) -> None:
    memory = Memory.of(watched.folder)
    Monitor(watched.hague.directory.root.document, memory).entries(entries, 1)


def test_a_change_of_the_directory_is_told_and_a_manifest_is_not(
    watched: Watched,
) -> None:
    hague = watched.hague
    read(watched, hague.leaves)
    assert watched.alarms() == []  # what was there before we looked
    hague.publish(hague.posts["bern"].terminal, number=2)
    read(watched, hague.leaves)
    assert watched.alarms() == []
    size = len(hague.leaves)
    hague.log(
        hague.restriction(
            hague.posts["bern"].terminal.key.id, by=hague.operators["anna"]
        )
    )
    hague.follow(b"nonsense")
    read(watched, hague.leaves)
    assert watched.alarms() == [(DIRECTORY, f"{size}-{size + 1}")]
    (alarm,) = Memory.of(watched.folder).standing()
    kept = Memory.of(watched.folder).folder / alarm.folder / f"{size}.entry"
    assert kept.read_bytes() == hague.leaves[size]
    assert Memory.of(watched.folder).settle(alarm.number, 2)
    read(watched, hague.leaves)
    assert watched.alarms() == []


# --- memory


def test_an_alarm_is_settled_by_its_number_once(watched: Watched) -> None:
    memory = Memory.of(watched.folder)
    told = memory.tell(ROLLBACK, "key-log", 1)
    assert told is not None
    assert memory.tell(ROLLBACK, "key-log", 2) is None
    assert not memory.settle(99, 3)
    assert memory.settle(told.number, 3)
    assert not memory.settle(told.number, 4)
    again = memory.tell(ROLLBACK, "key-log", 5)
    assert again is not None
    assert again.number == told.number + 1


def test_a_damaged_memory_is_not_taken_for_none(watched: Watched) -> None:
    watched.look()
    (watched.folder / "audit" / "state.cbor").write_bytes(b"\xa0")
    with pytest.raises(StateError):
        Memory.of(watched.folder)


@pytest.mark.parametrize("what", WHAT)
def test_every_alarm_has_words(what: str) -> None:
    for language in LANGUAGES:
        said = Words(language).say(f"audit.alarm-{what}", number=1, about="x", at="y")
        assert said.startswith("1. ")
