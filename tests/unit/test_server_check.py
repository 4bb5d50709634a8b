"""`check` finds every way in which what is stored may not agree."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from protocol.requests import LogName
from server.app import founded
from server.clock import SystemClock
from server.config import ConfigError
from server.storage.check import check_store
from server.storage.interfaces import StoreBrokenError
from server.storage.store import sqlite_store
from tests.support.ministry import ministry
from tests.support.relay import own, running, submit_to


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the database of a relay that has done a little of everything."""
    folder = tmp_path_factory.mktemp("sound")
    asyncio.run(work(folder))
    return folder / "relay.sqlite"


async def work(folder: Path) -> None:
    async with running(folder, ministry()) as relay:
        services = relay.parts.relay
        tfc, bern = (
            services.directory.terminal(own(relay, post).key.id, services.clock.wall())
            for post in ("tfc", "bern")
        )
        for name in "abc":
            await services.mailbox.submit(
                bern, 2, submit_to(tfc.mailbox, bern.mailbox, name=name)
            )
        await relay.published(LogName.MESSAGE, 3)
        await relay.published(LogName.KEY, len(relay.ministry.leaves))


@pytest.fixture
def database(sound: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "relay.sqlite"
    with closing(sqlite3.connect(sound)) as source:
        source.execute("VACUUM INTO ?", (str(copy),))
    return copy


def hurt(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


async def test_a_sound_store_has_no_fault(database: Path) -> None:
    assert check_store(database) == []


MANIFEST = (
    "INSERT INTO manifests VALUES"
    " (x'{name}', zeroblob(32), 1, x'{manifest}', x'00', {entry})"
)
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM heads WHERE log = 1", "key log: no head"),
        ("UPDATE heads SET size = size + 1 WHERE log = 2", "message log: 3 leaves"),
        ("UPDATE heads SET root = zeroblob(32) WHERE log = 2", "message log: 3 leaves"),
        ("DELETE FROM leaves WHERE log = 2 AND place = 1", "missing from 0"),
        ("UPDATE leaves SET data = x'00' WHERE log = 1 AND place = 1", "key log"),
        ("DELETE FROM tiles WHERE log = 2", "message log: the tiles"),
        ("UPDATE heads SET note = x'00' WHERE log = 2", "note cannot be read"),
        ("UPDATE heads SET note_size = 2 WHERE log = 2", "note is of another tree"),
        ("DELETE FROM envelopes WHERE leaf = 1", "leaf 1: no envelope"),
        ("UPDATE envelopes SET body = x'00' WHERE leaf = 1", "envelope 1:"),
        ("UPDATE envelopes SET body_hash = zeroblob(32) WHERE leaf = 1", "envelope 1:"),
        ("UPDATE envelopes SET leaf = 99 WHERE leaf = 1", "1 envelopes without a leaf"),
        ("UPDATE deliveries SET leaf = 99 WHERE leaf = 1", "2 deliveries without"),
        ("DELETE FROM deliveries WHERE cursor = 1", "a gap in its cursors"),
        (MANIFEST.format(name=EMPTY, manifest="", entry=2), "manifest at entry 2"),
        (MANIFEST.format(name=EMPTY, manifest="", entry=99), "manifest at entry 99"),
        (MANIFEST.format(name=EMPTY, manifest="00", entry=1), "manifest at entry 1"),
    ],
)
async def test_every_disagreement_is_named(
    database: Path, statement: str, fault: str
) -> None:
    hurt(database, statement)
    assert any(fault in line for line in check_store(database))


async def test_a_file_that_is_no_database_cannot_be_checked(tmp_path: Path) -> None:
    path = tmp_path / "relay.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreBrokenError):
        check_store(path)


# --- starting is recovering: what does not agree stops it


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE heads SET root = zeroblob(32) WHERE log = 2",
        "DELETE FROM tiles WHERE log = 1",
        "DELETE FROM heads WHERE log = 2",
        "DELETE FROM leaves WHERE log = 1 AND place = 4",
        "UPDATE leaves SET data = x'00' WHERE log = 1 AND place = 2",
    ],
)
async def test_a_relay_does_not_start_on_what_does_not_agree(
    database: Path, statement: str
) -> None:
    hurt(database, statement)
    store = await sqlite_store(database)
    with pytest.raises(StoreBrokenError):
        await founded(store, ministry().leaves[0], SystemClock())
    await store.close()


async def test_a_relay_does_not_start_on_another_ministrys_log(database: Path) -> None:
    store = await sqlite_store(database)
    with pytest.raises(ConfigError, match="another root"):
        await founded(store, ministry().leaves[1], SystemClock())
    await store.close()
