"""Disks that are full, read-only or lie: refused and named, nothing lost or acked."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from client.agent.process import passing_faults
from client.core.rows import OUT
from client.home import HomeError
from client.vault.database import Database, DiskError, VaultError
from client.vault.store import Store
from protocol.delivery import State
from tests.support.desk import Desk, box_of, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.homes import ANNA, Household, household, plain_record
from tests.support.keys import secret
from tests.support.light import make_light
from tests.support.ministry import ministry

KEY = secret("disk")
PAGES = "PRAGMA max_page_count = {}"


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


@contextmanager
def full(database: Database) -> Iterator[None]:
    """Let the database have no page more than it has."""
    database.rows(PAGES.format(1))  # never below what it has
    yield
    database.rows(PAGES.format(1 << 30))


@contextmanager
def read_only(database: Database) -> Iterator[None]:
    database.rows("PRAGMA query_only = on")
    yield
    database.rows("PRAGMA query_only = off")


@contextmanager
def no_writes(_: Database) -> Iterator[None]:
    """Let the operating system refuse to make any file longer: a real failed write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


FAULTS = [full, read_only, no_writes]


def add_many(store: Store) -> None:
    with store.transaction():
        for number in range(2, 60):
            store.add_record(plain_record(number, os.urandom(60_000)))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_write_that_fails_is_told_and_changes_nothing(
    tmp_path: Path, fault: object
) -> None:
    assert callable(fault)
    database = Database.open(tmp_path / "vault.db", KEY)
    store = Store(database)
    with store.transaction():
        store.add_record(plain_record(1))
    with fault(database):
        for _ in range(2):
            with pytest.raises(DiskError):
                add_many(store)
        assert [row.at for row in store.records(OUT, 99)] == [1]
    with store.transaction():
        store.add_record(plain_record(2))
    database.check()
    assert [row.at for row in store.records(OUT, 99)] == [2, 1]
    database.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_inside_a_part_undoes_the_whole(tmp_path: Path, fault: object) -> None:
    assert callable(fault)
    database = Database.open(tmp_path / "vault.db", KEY)

    def write() -> None:
        with database.transaction():
            with database.transaction():
                database.put("inner", bytes(500_000))
            database.put("outer", b"1")

    with fault(database), pytest.raises(DiskError):
        write()
    assert (database.get("inner"), database.get("outer")) == (None, None)
    write()
    assert database.get("outer") == b"1"
    database.close()


# --- through the core


@pytest.fixture
def desks(tmp_path: Path) -> tuple[Desk, Desk, Database]:
    """Bern, whose vault lies on a disk, and TFC, both reachable."""
    hague = ministry()
    relay = FakeRelay(hague)
    bern, tfc = (Desk(hague, hague.posts[name], relay) for name in ("bern", "tfc"))
    database = Database.open(tmp_path / "vault.db", KEY)
    bern.store = Store(database)
    bern.restart()
    for desk in (bern, tfc):
        desk.connect()
    exchange(bern, tfc)
    return bern, tfc, database


@pytest.mark.parametrize("fault", [read_only, no_writes])
def test_what_cannot_be_kept_is_not_acknowledged_and_comes_again(
    desks: tuple[Desk, Desk, Database], fault: object
) -> None:
    assert callable(fault)
    bern, tfc, database = desks
    sent = tfc.write("bern")
    tfc.run()
    seeds = len(bern.seeds.seeds())
    (waiting,) = box_of(bern)
    for _ in range(2):
        with fault(database), passing_faults():
            assert not bern.takes(waiting)
    assert box_of(bern) == [waiting]  # the relay keeps it: nobody confirmed it
    assert len(bern.seeds.seeds()) == seeds  # and its seed is still here
    assert bern.inbox() == []
    exchange(bern, tfc)
    assert [row.name for row in bern.inbox()] == [sent.name]
    (target,) = tfc.store.targets(sent.name)
    assert target.delivery.state is State.DELIVERED


@pytest.mark.parametrize("fault", [read_only, no_writes])
def test_what_cannot_be_composed_is_refused_and_uses_no_number(
    desks: tuple[Desk, Desk, Database], fault: object
) -> None:
    assert callable(fault)
    bern, tfc, database = desks
    before = database.rows("SELECT * FROM meta WHERE name LIKE 'serial%'")
    with fault(database), pytest.raises(DiskError):
        bern.write("tfc", "Dit past niet. " * 2_000)
    assert bern.store.waiting(State.COMPOSED) == []
    assert database.rows("SELECT * FROM meta WHERE name LIKE 'serial%'") == before
    sent = bern.write("tfc")
    exchange(bern, tfc)
    assert [row.name for row in tfc.inbox()] == [sent.name]


@pytest.mark.parametrize("fault", [read_only, no_writes])
def test_an_answer_that_cannot_be_kept_is_asked_for_again(
    desks: tuple[Desk, Desk, Database], fault: object
) -> None:
    assert callable(fault)
    bern, tfc, database = desks
    sent = bern.write("tfc")
    with fault(database), passing_faults():
        bern.run()
    bern.effects.clear()
    bern.machine.disconnected()
    (target,) = bern.store.targets(sent.name)
    assert target.delivery.state < State.STORED
    bern.connect()
    exchange(bern, tfc)
    assert [row.name for row in tfc.inbox()] == [sent.name]


# --- damage


def test_only_a_passing_fault_passes() -> None:
    _happens(DiskError())
    _happens(ExceptionGroup("", [DiskError()]))
    _happens(OSError(28, "No space left on device"))
    _happens(ExceptionGroup("", [OSError(30, "Read-only file system"), DiskError()]))
    with pytest.raises(OSError, match="I/O"):
        _happens(OSError(5, "I/O error"))
    with pytest.raises(ExceptionGroup):
        _happens(ExceptionGroup("", [DiskError(), VaultError()]))
    with pytest.raises(VaultError):
        _happens(VaultError())


def _happens(error: Exception) -> None:
    with passing_faults():
        raise error


@pytest.mark.parametrize("extent", [1, 300, 5_000])
def test_no_flipped_bit_is_read_as_truth(tmp_path: Path, extent: int) -> None:
    """Whatever bit flips, a row is the one that was written or the vault is hurt."""
    path = tmp_path / "vault.db"
    database = Database.open(path, KEY)
    store = Store(database)
    with store.transaction():
        for number in range(20):
            store.add_record(plain_record(number, bytes(extent)))
    written = {row.name: row.document for row in store.records(OUT, 99)}
    database.close()
    whole = path.read_bytes()
    noticed = 0
    for place in range(0, len(whole), max(1, len(whole) // 97)):
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :]
        )
        try:
            hurt = Database.open(path, KEY)
        except VaultError:
            noticed += 1
            continue
        try:
            rows = Store(hurt).records(OUT, 99)
            assert {row.name: row.document for row in rows} == written
            hurt.check()
        except VaultError:
            noticed += 1
        finally:
            hurt.close()
        path.with_name("vault.db-wal").unlink(missing_ok=True)
    assert noticed > 60  # the rest are bytes that no page uses: salt and free ends


def test_a_vault_that_was_cut_is_hurt(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    database = Database.open(path, KEY)
    with database.transaction():
        for number in range(60):
            database.put(f"n{number}", bytes(3_000))
    database.close()
    whole = path.read_bytes()
    for part in (0, 1, 100, 4096, 40_960, len(whole) - 4096, len(whole) - 1):
        path.write_bytes(whole[:part])
        with pytest.raises(VaultError):
            _read_all(path)


def _read_all(path: Path) -> None:
    database = Database.open(path, KEY)
    try:
        database.check()
        database.rows("SELECT * FROM meta")
    finally:
        database.close()


def test_a_failed_sync_is_damage_and_no_passing_fault(tmp_path: Path) -> None:
    """Nobody knows what the disk holds after it: the process ends and looks anew."""
    database = Database.open(tmp_path / "vault.db", KEY)

    def failing() -> None:
        with database.transaction():
            raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)

    with pytest.raises(VaultError) as told:
        failing()
    assert not isinstance(told.value, DiskError)
    database.close()


# --- a real small disk


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB that a test may fill and write-protect."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "none", str(disk)]
    subprocess.run(mount, check=True)  # noqa: S603 -- fixed
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)  # noqa: S603, S607 -- as root, in a test of disks


def remount(disk: Path, how: str) -> None:
    line = ["mount", "-o", f"remount,{how}", str(disk)]
    subprocess.run(line, check=True)  # noqa: S603 -- fixed


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65_536))
    return filler


def refused(there: Household) -> HomeError:
    with pytest.raises(HomeError) as error:
        there.open(ANNA).close()
    return error.value


@pytest.mark.root
def test_a_full_disk_refuses_until_there_is_room(small: Path) -> None:
    there = household(small)
    vault = there.open()
    with vault.store.transaction():
        vault.store.add_record(plain_record(1))
    filler = fill(small)
    with pytest.raises(DiskError):
        add_many(vault.store)
    with pytest.raises(OSError, match="space"):
        vault.sheet.add([])
    assert [row.at for row in vault.store.records(OUT, 99)] == [1]
    filler.unlink()
    with vault.store.transaction():
        vault.store.add_record(plain_record(2))
    vault.sheet.add([])
    vault.close()
    again = there.open()
    again.database.check()
    assert [row.at for row in again.store.records(OUT, 99)] == [2, 1]
    again.close()


@pytest.mark.root
def test_a_write_protected_disk_refuses_and_is_left_alone(small: Path) -> None:
    there = household(small)
    vault = there.open()
    with vault.store.transaction():
        vault.store.add_record(plain_record(1))
    vault.close()
    before = {f: f.read_bytes() for f in small.rglob("*") if f.is_file()}
    remount(small, "ro")
    assert refused(there).code == "vault.disk"
    assert {f: f.read_bytes() for f in small.rglob("*") if f.is_file()} == before
    remount(small, "rw")
    again = there.open()
    assert [row.at for row in again.store.records(OUT, 99)] == [1]
    again.close()
