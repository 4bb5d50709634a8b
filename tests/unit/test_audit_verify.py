"""Both logs computed leaf by leaf: what is right is remembered, what is not is told."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from client.audit.paths import path, proofs, shown_size
from client.audit.source import Copy, SourceError, web_address
from client.audit.state import Memory
from client.audit.telling import verified_json
from client.audit.verifying import Case, Verified, verify
from client.core.evidence import Wanted
from crypto.merkle import consistency_path, inclusion_path
from crypto.types import Digest
from protocol.errors import MalformedError
from protocol.requests import LogName
from tests.support.fake_relay import FakeRelay, Log
from tests.support.ministry import Ministry
from tests.support.monitored import Shown

KEY, MESSAGE = LogName
LEAVES = 300  # more than one tile holds


class Books:
    """A ministry's logs, and an auditor who verifies them."""

    def __init__(self, hague: Ministry, folder: Path) -> None:
        self.hague = hague
        self.relay = FakeRelay(hague)
        for number in range(LEAVES):
            self.relay.logs[MESSAGE].append(b"leaf %d" % number)
        self.source = Shown(self.relay)
        self.memory = Memory.of(folder)
        root = hague.directory.root
        self.case = Case(root.document, root.digest, hague.realm, tuple(hague.leaves))

    def verify(self, save: Copy | None = None) -> tuple[Verified, ...]:
        now = self.relay.now
        return asyncio.run(verify(self.case, self.source, self.memory, now, save))

    def wrong(self) -> list[tuple[str, ...]]:
        return [one.wrong for one in self.verify()]

    def alarms(self) -> list[str]:
        return [alarm.what for alarm in self.memory.standing()]


@pytest.fixture
def books(hague: Ministry, tmp_path: Path) -> Books:
    return Books(hague, tmp_path)


def test_every_leaf_is_computed_and_every_entry_has_its_verdict(books: Books) -> None:
    books.hague.follow(b"nonsense")
    books.relay.logs[KEY].append(b"nonsense")
    books.case = replace(books.case, entries=tuple(books.hague.leaves))
    key, message = books.verify()
    assert key.wrong == message.wrong == ()
    assert (message.size, message.root) == (
        LEAVES,
        books.relay.logs[MESSAGE].frontier.root(),
    )
    told = verified_json(key)["entries"]
    assert [one["verdict"] for one in told] == ["adopted"] * 5 + ["refused"]
    assert [one["kind"] for one in told[:3]] == ["root", "directory", "manifest"]
    point = books.memory.point(MESSAGE)
    assert point is not None
    assert (point.whole, point.checked) == (LEAVES, books.relay.now)


def test_entries_that_are_not_here_are_counted(books: Books) -> None:
    books.case = replace(books.case, entries=None)
    key, _ = books.verify()
    assert (key.unread, key.outcomes, key.wrong) == (key.size, (), ())


def test_a_ministry_that_has_sent_nothing_is_right(books: Books) -> None:
    books.relay.logs[MESSAGE] = Log("message")
    _, message = books.verify()
    assert (message.size, message.wrong) == (0, ())


def test_a_copy_is_as_good_as_the_relay(books: Books, tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    assert copy.entries() is None
    first = books.verify(copy)
    copy.put_entries(books.case.entries or ())
    assert copy.entries() == books.case.entries
    books.source = copy  # type: ignore[assignment]
    assert books.verify() == first


def shrink(books: Books) -> None:
    log = Log("message")
    for leaf in books.relay.logs[MESSAGE].leaves[:10]:
        log.append(leaf)
    books.relay.logs[MESSAGE] = log


def rewrite(books: Books) -> None:
    log = Log("message")
    for leaf in [b"other", *books.relay.logs[MESSAGE].leaves[1:], b"more"]:
        log.append(leaf)
    books.relay.logs[MESSAGE] = log


def lie_in_a_tile(books: Books) -> None:
    books.relay.logs[MESSAGE].nodes[0, 5] = Digest(bytes(32))


def unsign(books: Books) -> None:
    books.relay.witnesses = ("w1",)


WRONG: dict[str, tuple[Callable[[Books], None], str, list[str]]] = {
    "smaller": (shrink, "audit.wrong-rollback", ["rollback"]),
    "rewritten": (rewrite, "audit.wrong-history", ["split-view"]),
    "another tile": (lie_in_a_tile, "audit.wrong-root", []),
    "no quorum": (unsign, "audit.wrong-note", []),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_what_it_was_is_told_and_not_remembered(
    books: Books, name: str
) -> None:
    change, code, alarms = WRONG[name]
    books.verify()
    before = books.memory.point(MESSAGE)
    change(books)
    assert code in books.wrong()[1]
    assert books.memory.point(MESSAGE) == before
    assert books.alarms() == alarms
    for alarm in books.memory.standing():
        notes = list((books.memory.folder / alarm.folder).glob("*.note"))
        assert len(notes) == 2


def test_entries_that_the_log_does_not_show_are_told(books: Books) -> None:
    first, *rest = books.case.entries or ()
    books.case = replace(books.case, entries=(first, b"another", *rest[1:]))
    key, _ = books.verify()
    assert key.wrong == ("audit.wrong-entries",)
    assert key.outcomes == ()


def test_entries_of_another_paper_are_told(books: Books) -> None:
    books.case = replace(books.case, pin=Digest(bytes(32)))
    assert books.wrong()[0] == ("audit.wrong-paper",)


# --- where it is read


def test_tiles_that_lack_end_it(books: Books) -> None:
    del books.relay.logs[MESSAGE].nodes[0, 7]
    with pytest.raises(SourceError) as error:
        books.verify()
    assert error.value.code == "audit.tiles-odd"


def test_no_checkpoint_ends_it(books: Books) -> None:
    books.source.notes[KEY] = b""
    with pytest.raises(SourceError) as error:
        books.verify()
    assert error.value.code == "audit.no-checkpoint"
    with pytest.raises(SourceError):
        asyncio.run(shown_size(books.source, KEY))


@pytest.mark.parametrize("size", [2, 255, 256, 257, LEAVES])
def test_paths_come_from_few_tiles(books: Books, size: int) -> None:
    log = books.relay.logs[MESSAGE]
    wanted = Wanted(
        consistency=((0, size), (1, size), (size, size)), inclusion=((1, size),)
    )
    found = asyncio.run(proofs(books.source, MESSAGE, wanted))
    assert found.consistency == {
        (0, size): (),
        (1, size): consistency_path(1, size, log.node),
        (size, size): (),
    }
    assert found.inclusion == {(1, size): inclusion_path(1, size, log.node)}
    assert len(books.source.asked) <= 8


def test_nothing_wanted_asks_nobody(books: Books) -> None:
    books.source.away = True
    wanted = Wanted(consistency=((0, 5), (5, 5)), inclusion=())
    found = asyncio.run(proofs(books.source, MESSAGE, wanted))
    assert (found.consistency, found.inclusion) == ({(0, 5): (), (5, 5): ()}, {})


def test_a_path_beyond_the_log_is_not_there(books: Books) -> None:
    with pytest.raises(SourceError):
        asyncio.run(
            path(
                books.source,
                MESSAGE,
                LEAVES,
                lambda node: inclusion_path(1, 2 * LEAVES, node),
            )
        )


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("wss://relay.example:8443", "https://relay.example:8443"),
        ("https://relay.example", "https://relay.example"),
        ("127.0.0.1:99", "https://127.0.0.1:99"),
    ],
)
def test_an_address_is_written_in_three_ways(written: str, address: str) -> None:
    assert web_address(written) == address


@pytest.mark.parametrize("written", ["", "http://x", "a b", "https://", "ftp://x"])
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(SourceError):
        web_address(written)


def test_a_damaged_copy_is_refused(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    folder = tmp_path / "key-log"
    folder.mkdir()
    (folder / "entries.cbor").write_bytes(b"\x00")
    with pytest.raises(MalformedError):
        copy.entries()
    (folder / "checkpoint").write_bytes(bytes(70_000))
    with pytest.raises(SourceError):
        asyncio.run(copy.get(KEY, "checkpoint"))
