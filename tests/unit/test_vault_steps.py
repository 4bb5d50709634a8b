"""Steps of the vault's schema, killed at every statement: it reads before and after.

A kill leaves the files as they are at that moment, so at each statement the files are
copied and the copy is opened, as the next start would.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from client.core.rows import OUT
from client.vault import database as database_module
from client.vault.database import Database, NewerError
from client.vault.schema import STEPS
from client.vault.store import Store
from tests.support.homes import plain_record
from tests.support.keys import secret

KEY = secret("steps")
FOLDERS = """
ALTER TABLE record ADD COLUMN folder TEXT NOT NULL DEFAULT '';
CREATE TABLE folder (name TEXT PRIMARY KEY, colour INTEGER NOT NULL);
INSERT INTO folder SELECT DISTINCT post, 1 FROM record;
UPDATE record SET folder = post;
"""
INDEXES = """
CREATE INDEX record_folder ON record (folder);
DROP INDEX record_id;
CREATE INDEX record_id ON record (id, way);
"""
NEXT = (FOLDERS, INDEXES)


def old_vault(path: Path, steps: int) -> None:
    """Make a vault that has been through so many steps, with a record in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_module, "STEPS", STEPS[:steps])
        database = Database.open(path, KEY)
        with database.transaction():
            Store(database).add_record(plain_record(1, b"van voor de stap"))
        database.close()


def kills(path: Path, folder: Path, steps: tuple[str, ...]) -> Iterator[Path]:
    """Yield a copy of the files as a kill at each statement would leave them."""
    copies: list[Path] = []

    def before(*_: object) -> bool:
        copy = folder / f"kill-{len(copies)}"
        copy.mkdir()
        for file in path.parent.glob("vault.db*"):
            shutil.copyfile(file, copy / file.name)
        copies.append(copy / path.name)
        return True

    connect = apsw.Connection

    def traced(*arguments: object) -> apsw.Connection:
        connection = connect(*arguments)  # type: ignore[arg-type]
        connection.exec_trace = before
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_module, "STEPS", steps)
        patch.setattr(apsw, "Connection", traced)
        Database.open(path, KEY).close()
    yield from copies


@pytest.mark.parametrize("start", range(1, len(STEPS) + 1))
def test_a_kill_at_any_statement_leaves_a_vault_that_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int
) -> None:
    path = tmp_path / "vault" / "vault.db"
    path.parent.mkdir()
    old_vault(path, start)
    steps = (*STEPS, *NEXT)
    copies = list(kills(path, tmp_path, steps))
    assert len(copies) > 4 * (len(steps) - start)
    monkeypatch.setattr(database_module, "STEPS", steps)
    for copy in [*copies, path]:
        database = Database.open(copy, KEY)
        database.check()
        (row,) = Store(database).records(OUT, 9)
        assert row.document.endswith(b"van voor de stap")
        assert database.rows("SELECT * FROM folder") == [("bern", 1)]
        assert database.rows("SELECT folder FROM record") == [("bern",)]
        assert database.row("PRAGMA user_version") == (len(steps),)
        database.close()


def test_making_a_vault_leaves_a_whole_one_or_none(tmp_path: Path) -> None:
    """A kill while it is made: nothing that is there is mistaken for a vault."""
    path = tmp_path / "vault" / "vault.db"
    path.parent.mkdir()
    whole = 0
    for copy in kills(path, tmp_path, STEPS):
        try:
            database = Database.open(copy, KEY)
        except database_module.VaultError:
            continue
        database.check()
        assert set(database.tables()) >= {"meta", "record", "member"}
        database.close()
        whole += 1
    assert whole > 3


def test_a_later_vault_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_module, "STEPS", (*STEPS, *NEXT))
        Database.open(path, KEY).close()
    before = path.read_bytes()
    with pytest.raises(NewerError):
        Database.open(path, KEY)
    assert path.read_bytes() == before
