"""`check` finds every way in which what is stored may not agree."""

import asyncio
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto.digest import H
from crypto.entropy import system
from protocol.requests import Announce, LogName
from server.app import Ports, founded
from server.clock import SystemClock
from server.config import ConfigError
from server.storage.interfaces import StoreBrokenError
from server.storage.opening import check_store, open_store
from tests.support import postgres
from tests.support import relay as support
from tests.support.keys import stretched
from tests.support.ministry import ministry
from tests.support.relay import own, running, submit_to

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.pg)]


BLOB = stretched("blob", 2_500_000)  # several pages of parts


@dataclass
class Database:
    """A copy of a sound database, on either engine."""

    database: str
    server: postgres.Server | None = None

    def hurt(self, statement: str) -> None:
        """Run a statement of SQLite's dialect, and no check of the engine's own."""
        if self.server is None:
            with closing(sqlite3.connect(self.database)) as connection:
                connection.execute(statement)
                connection.commit()
            return
        statement = re.sub(r"x'([0-9a-f]*)'", r"decode('\1', 'hex')", statement)
        statement = statement.replace("zeroblob(32)", "decode(repeat('00', 32), 'hex')")
        name = self.database.rpartition("/")[2]
        unchecked = "SET session_replication_role = replica; "
        self.server.psql(name, unchecked + statement)

    async def faults(self) -> list[str]:
        return await check_store(self.database, Path("/"))


@pytest.fixture(scope="module", params=ENGINES)
def sound(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Database:
    """Return the database of a relay that has done a little of everything."""
    folder = tmp_path_factory.mktemp("sound")
    if request.param == "sqlite":
        made = Database(str(folder / "relay.sqlite"))
    else:
        server: postgres.Server = request.getfixturevalue("pg_server")
        made = Database(server.url("sound"), server)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(support, "DATABASE", lambda _: made.database)
        asyncio.run(work(folder))
    return made


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
        announce = Announce(blob=H(BLOB), total=len(BLOB), mailboxes=(tfc.mailbox,))
        await services.attachments.announce(bern, announce)
        blob = await services.attachments.begun(bern, H(BLOB)[:16])
        assert blob is not None
        await services.attachments.append(blob, 0, BLOB)
        await services.attachments.compare(bern.key_id, blob)
        await relay.published(LogName.MESSAGE, 3)
        await relay.published(LogName.KEY, len(relay.ministry.leaves))


@pytest.fixture
def database(sound: Database, tmp_path: Path) -> Database:
    if sound.server is not None:
        name = "copy" + tmp_path.name[-40:].replace("-", "_")
        sound.server.psql("postgres", f'DROP DATABASE IF EXISTS "{name}"')
        sound.server.psql("postgres", f'CREATE DATABASE "{name}" TEMPLATE sound')
        url = sound.database.rpartition("/")[0] + "/" + name
        return Database(url, sound.server)
    copy = tmp_path / "relay.sqlite"
    with closing(sqlite3.connect(sound.database)) as source:
        source.execute("VACUUM INTO ?", (str(copy),))
    return Database(str(copy))


async def test_a_sound_store_has_no_fault(database: Database) -> None:
    assert await database.faults() == []


ONE_ERASED = """INSERT INTO mailboxes
    SELECT mailbox, 1, 1 FROM deliveries WHERE cursor = 1"""
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
        ("UPDATE envelopes SET body = NULL WHERE leaf = 1", "2 deliveries without"),
        (ONE_ERASED, "a mailbox with a gap"),
        ("INSERT INTO mailboxes VALUES (x'00', 2, 1)", "an empty mailbox with a gap"),
        ("UPDATE outstanding SET messages = 9", "what is outstanding"),
        ("DELETE FROM outstanding", "what is outstanding"),
        ("DELETE FROM blob_parts WHERE place = 65536", "attachment 1: its parts"),
        ("UPDATE blobs SET durable = durable - 1", "attachment 1: its parts"),
        ("UPDATE blobs SET total = total - 1", "attachment 1: its parts"),
        ("UPDATE blobs SET total = total + 1", "attachment 1: not what"),
        ("UPDATE blobs SET name = zeroblob(32)", "attachment 1: not what"),
        ("UPDATE alembic_version SET version_num = '0'", "the schema is not"),
        (MANIFEST.format(name=EMPTY, manifest="", entry=2), "manifest at entry 2"),
        (MANIFEST.format(name=EMPTY, manifest="", entry=99), "manifest at entry 99"),
        (MANIFEST.format(name=EMPTY, manifest="00", entry=1), "manifest at entry 1"),
    ],
)
async def test_every_disagreement_is_named(
    database: Database, statement: str, fault: str
) -> None:
    database.hurt(statement)
    assert any(fault in line for line in await database.faults())


async def test_a_file_that_is_no_database_cannot_be_checked(tmp_path: Path) -> None:
    path = tmp_path / "relay.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreBrokenError):
        await check_store(str(path), tmp_path)
    with pytest.raises(StoreBrokenError, match="not there"):
        await check_store("elsewhere", tmp_path)


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
    database: Database, statement: str
) -> None:
    database.hurt(statement)
    store = await open_store(database.database, Path("/"))
    with pytest.raises(StoreBrokenError):
        await founded(store, ministry().leaves[0], Ports(SystemClock(), system))
    await store.close()


async def test_a_relay_does_not_start_on_another_ministrys_log(
    database: Database,
) -> None:
    store = await open_store(database.database, Path("/"))
    with pytest.raises(ConfigError, match="another root"):
        await founded(store, ministry().leaves[1], Ports(SystemClock(), system))
    await store.close()
