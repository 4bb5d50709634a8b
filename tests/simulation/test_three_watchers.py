"""A fork, a rollback and a restored disk, each seen by terminal, witness and auditor.

Nine cells.  A relay lives, all three follow its message log, and then it shows another
one.  Whoever watches keeps two notes that the log itself signed, and those notes, read
back from where they were kept, are checked as a stranger would: with the log's key of
the root document and nothing else.

A relay whose older disk was put back, our own, signs nothing before it caught up from
the mirror: the last tests, over its real services and real witnesses.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest

from client.audit.state import Memory
from client.audit.watching import Monitor
from client.core.alarms import Alarm
from client.core.witnesses import EVIDENCE
from crypto.entropy import system
from protocol.checkpoint import Checkpoint
from protocol.codec import decode
from protocol.errors import BusyError
from protocol.requests import LogName
from protocol.trusted_log import signed_checkpoint
from protocol.witness import Odd, WitnessRefusal, write_request
from server.refill import Sources, recover
from server.services.refill import refill
from server.storage.opening import check_store, open_store
from server.witness.evidence import evidence_files
from server.witness.memory import files_of
from tests.support.desk import Desk, pair
from tests.support.fake_relay import FakeRelay, Log
from tests.support.lost import deposit, lived, lose, trusted, witnesses_of
from tests.support.ministry import Ministry, ministry
from tests.support.monitored import Shown, saying
from tests.support.relay import running, witness_of
from tests.support.witnesses import log_key

MESSAGE = LogName.MESSAGE
KEY = log_key("message")
Notes = tuple[bytes, ...]
Lie = Callable[[FakeRelay], None]


# --- what the relay does


def fork(relay: FakeRelay) -> None:
    """Another last leaf in a log of the same size."""
    leaves = relay.logs[MESSAGE].leaves
    relay.logs[MESSAGE] = grown([*leaves[:-1], b"another"])


def rollback(relay: FakeRelay) -> None:
    """A smaller log, signed and cosigned anew."""
    relay.logs[MESSAGE] = grown(relay.logs[MESSAGE].leaves[:-2])


def restored(relay: FakeRelay) -> None:
    """The disk of some days ago: the logs of then, and another life."""
    relay.lose(relay.sizes[1] - 2)


def grown(leaves: list[bytes]) -> Log:
    log = Log("message")
    for leaf in leaves:
        log.append(leaf)
    return log


# --- who watches


class Watcher(Protocol):
    """Follows a relay, and keeps what it must not forget."""

    def look(self) -> None:
        """See what the relay shows now."""

    def kept(self) -> Notes:
        """Return the evidence from where it lies; nothing: there is none."""


class Terminal:
    """A post's terminal: its vault keeps the evidence, its people are told."""

    def __init__(self, relay: FakeRelay, people: Ministry, _: Path) -> None:
        self._desk: Desk = pair(people, relay)[0]

    def look(self) -> None:
        self._desk.machine.disconnected()
        self._desk.connect()
        self._desk.notice()

    def kept(self) -> Notes:
        kept = self._desk.store.get(EVIDENCE)
        told = {Alarm.SPLIT_VIEW, Alarm.RELAY_ODD} & self._desk.alarms()
        assert bool(told) is (kept is not None)
        return () if kept is None else decode(kept, Notes, limit=1 << 20)


class Witness:
    """A witness that is no mirror: it has nothing but what it cosigned."""

    def __init__(self, relay: FakeRelay, people: Ministry, folder: Path) -> None:
        self._relay = relay
        self._folder = folder
        self._size = 0
        self._witness = witness_of(people, "w3", folder)

    def look(self) -> None:
        """Be asked to cosign, by a relay that says how far we are."""
        size = self._relay.sizes[1]
        old = min(self._size, size)
        shown = self._relay.checkpoint(MESSAGE, old)
        with suppress(WitnessRefusal):
            body = write_request(old, shown.consistency, shown.note)
            asyncio.run(self._witness.add_checkpoint(body))
            self._size = size

    def kept(self) -> Notes:
        files = files_of(KEY, self._folder)
        found = [evidence_files(files, odd) for odd in Odd]
        return tuple(
            file.read_bytes()
            for cosigned, refused in found
            if refused.exists()
            for file in (refused, cosigned)
        )


class Auditor:
    """The monitor, each look a new process over its folder of evidence."""

    def __init__(self, relay: FakeRelay, people: Ministry, folder: Path) -> None:
        self._relay = relay
        self._folder = folder
        self._root = people.directory.root.document

    def look(self) -> None:
        monitor = Monitor(self._root, Memory.of(self._folder), pause=0)
        now = self._relay.now
        asyncio.run(monitor.look(Shown(self._relay), saying(self._relay, now), now))

    def kept(self) -> Notes:
        memory = Memory.of(self._folder)
        folders = [memory.folder / one.folder for one in memory.standing()]
        files = (file for where in folders for file in where.glob("*.note"))
        # A split among the witnesses, and one between then and now: the same two notes.
        return tuple({file.read_bytes() for file in files})


LIES = (fork, rollback, restored)
WATCHERS = (Terminal, Witness, Auditor)


def checkpoints(notes: Notes) -> Iterator[Checkpoint]:
    """Yield what the log signed; a note that it did not sign ends the test."""
    for note in notes:
        yield signed_checkpoint(note, KEY)[1]


@pytest.mark.parametrize("lie", LIES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("watcher", WATCHERS, ids=lambda one: one.__name__.lower())
def test_a_lie_about_the_log_is_kept_as_two_notes_that_the_log_signed(
    tmp_path: Path, watcher: Callable[..., Watcher], lie: Lie
) -> None:
    people = ministry()
    relay = FakeRelay(people)
    for number in range(5):
        relay.logs[MESSAGE].append(b"leaf %d" % number)
    watching = watcher(relay, people, tmp_path)
    watching.look()
    assert watching.kept() == ()  # an honest relay gives no reason
    relay.logs[MESSAGE].append(b"leaf 5")
    relay.now += 60
    watching.look()
    assert watching.kept() == ()
    before = relay.sizes[1]
    relay.now += 60
    lie(relay)
    watching.look()
    one, other = checkpoints(watching.kept())
    assert {one.size, other.size} == {before, relay.sizes[1]}
    assert one.root != other.root
    watching.look()  # the same quarrel adds nothing
    assert len(watching.kept()) == 2


# --- our own relay, whose older disk was put back


async def test_a_relay_from_an_older_backup_signs_nothing_until_it_caught_up(
    tmp_path: Path,
) -> None:
    people = ministry()
    await lived(tmp_path, people, "a")
    backup = (tmp_path / "relay.sqlite").read_bytes()
    await lived(tmp_path, people, "b", "c")
    lose(tmp_path)
    (tmp_path / "relay.sqlite").write_bytes(backup)
    async with running(tmp_path, people) as relay:
        checkpoints = relay.parts.checkpoints
        async with asyncio.timeout(60):
            while not checkpoints.behind:
                await asyncio.sleep(0.01)
                with suppress(BusyError):
                    await deposit(relay, "x")
        published = relay.parts.relay.logs.published(MESSAGE)
        with pytest.raises(BusyError):
            await deposit(relay, "y")
        assert relay.parts.relay.logs.published(MESSAGE) == published == 1
    async with witnesses_of(tmp_path, people) as addresses:
        sources = Sources(addresses, ())
        logs = await recover(people.leaves[0], trusted(people), sources)
    store = await open_store("relay.sqlite", tmp_path)
    await store.write(lambda tables: refill(tables, logs, system(16)))
    await store.close()
    assert await check_store("relay.sqlite", tmp_path) == []
    async with running(tmp_path, people) as again:
        await deposit(again, "y")
        await again.published(MESSAGE, 4)  # a, b, c and y
        assert not again.parts.checkpoints.behind
