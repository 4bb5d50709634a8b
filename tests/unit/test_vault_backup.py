"""Backup: what is in it, what never is, and that nothing is left behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from client.home import HomeError
from client.vault import backup as backup_module
from client.vault.backup import backup_key, read_backup, write_backup
from client.vault.check import faults_of
from client.vault.database import Database, DiskError, VaultError
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, back_up, beside, home_desk
from tests.support.light import make_light
from tests.support.ministry import Ministry


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


@pytest.fixture
def bern(hague: Ministry, tmp_path: Path) -> Iterator[HomeDesk]:
    with home_desk(hague, FakeRelay(hague), tmp_path / "bern") as desk:
        desk.connect()
        yield desk


@pytest.fixture
def tfc(hague: Ministry, bern: HomeDesk) -> Desk:
    return beside(bern, hague)


# --- what is in it


def test_a_backup_holds_no_living_key(bern: HomeDesk, tfc: Desk) -> None:
    tfc.write("bern")
    exchange(bern, tfc)
    file = back_up(bern)
    assert file.stat().st_mode & 0o077 == 0
    copy = file.with_name("opened.db")
    read_backup(file, copy)
    database = Database.open(copy, backup_key(bern.terminal.vault.key))
    held = b"".join(
        bytes(value) if isinstance(value, (bytes, bytearray)) else str(value).encode()
        for table in database.tables()
        for row in database.each(f"SELECT * FROM {table}")  # noqa: S608 -- our own table
        for value in row
    )
    seeds = [seed.seed for seed in bern.terminal.vault.sheet.seeds()]
    assert len(seeds) > 60
    seeds.append(bern.terminal.vault.terminal.reveal())
    seeds.append(bern.terminal.vault.seat.seed.reveal())
    assert [seed for seed in seeds if seed in held] == []
    assert database.rows("SELECT * FROM stream_out") == []
    assert database.get("stream.id") is None
    assert database.rows("SELECT count(*) FROM record WHERE way = 0") == [(1,)]
    assert faults_of(database) == []
    database.close()
    with pytest.raises(VaultError):  # and it is not the vault under another name
        Database.open(copy, bern.terminal.vault.key)


def test_a_backup_is_of_one_moment_and_leaves_nothing_behind(
    bern: HomeDesk, tfc: Desk
) -> None:
    before = {file.name for file in bern.home.data.iterdir()}
    back_up(bern)
    assert {file.name for file in bern.home.data.iterdir()} == before
    sent = bern.write("tfc")  # the vault is in use as before
    exchange(bern, tfc)
    assert [row.name for row in tfc.inbox()] == [sent.name]


def test_a_backup_takes_no_files_place(bern: HomeDesk) -> None:
    file = back_up(bern)
    before = file.read_bytes()
    refusal = bern.refused("backup", file=str(file))
    assert refusal.code == "backup.exists"
    assert file.read_bytes() == before


def test_a_backup_that_cannot_be_written_leaves_nothing(
    bern: HomeDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("client.vault.backup.os.fsync", full)
        assert bern.refused("backup", file=str(tmp_path / "x")).code == "vault.disk"
    assert not list(tmp_path.glob("x*"))
    for error, code in ((DiskError, "vault.disk"), (VaultError, "vault.hurt")):
        with monkeypatch.context() as patch:
            patch.setattr(backup_module, "copy_rows", _raising(error))
            with pytest.raises(HomeError) as refused:
                write_backup(bern.home, bern.terminal.vault, tmp_path / "x")
            assert refused.value.code == code
    assert not list(tmp_path.glob("x*"))
    assert not (bern.home.data / "backup.db").exists()


def _raising(error: type[Exception]) -> object:
    def fail(*_: object) -> None:
        raise error

    return fail
