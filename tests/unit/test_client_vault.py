"""Locked files, the encrypted database, the key sheet: what survives a crash."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from client.core.seeds import Seed
from client.files import sync_folder, write_atomic
from client.vault import database as database_module
from client.vault import keysheet as keysheet_module
from client.vault.database import Database, VaultError
from client.vault.keysheet import KeySheet, KeySheetError
from client.vault.locked import (
    Locked,
    Person,
    Unlocked,
    WrongPassphraseError,
    lock,
    unlock,
)
from client.vault.schema import STEPS
from crypto.entropy import Entropy
from crypto.passphrase import WorkFloor
from crypto.types import PrekeyId, Secret
from protocol.codec import decode, encode
from tests.support.keys import drawn, secret

LIGHT = WorkFloor(passes=1, memory_kib=64)
KEY = Secret(bytes(range(32)))
OWN = Secret(bytes(range(1, 33)))


@pytest.fixture
def entropy() -> Entropy:
    return drawn("vault")


# --- locked files


def locked(entropy: Entropy) -> bytes:
    people = [
        Person("anna", "één", own=OWN),
        Person("bram", "blad"),
        Person("anna", "papier", own=OWN, sheet=True),
    ]
    return lock(KEY, people, entropy, floor=LIGHT)


def test_each_person_unlocks_the_same_secret(entropy: Entropy) -> None:
    data = locked(entropy)
    for word in ("één", "e\u0301e\u0301n", "blad"):
        assert unlock(data, word, floor=LIGHT).secret == KEY
    assert unlock(data, "één", floor=LIGHT) == Unlocked(KEY, "anna", OWN)
    assert unlock(data, "blad", who="bram", floor=LIGHT) == Unlocked(KEY, "bram", None)
    assert unlock(data, "papier", sheet=True, floor=LIGHT).own == OWN


@pytest.mark.parametrize(
    ("word", "who"),
    [
        ("twee", None),
        ("", None),
        ("blad", "anna"),
        ("één", "bram"),
        ("blad", "chris"),
        ("papier", None),
    ],
)
def test_another_passphrase_or_person_opens_nothing(
    entropy: Entropy, word: str, who: str | None
) -> None:
    with pytest.raises(WrongPassphraseError):
        unlock(locked(entropy), word, who=who, floor=LIGHT)


def test_a_file_with_less_work_than_the_floor_is_refused(entropy: Entropy) -> None:
    with pytest.raises(WrongPassphraseError):
        unlock(locked(entropy), "blad")  # the floor that is compiled in


@pytest.mark.parametrize("field", ["passes", "memory_kib"])
def test_work_that_was_changed_in_the_file_is_refused(
    entropy: Entropy, field: str
) -> None:
    found = decode(locked(entropy), Locked)
    wrap = structs.replace(found.wraps[0], **{field: 0})
    changed = encode(structs.replace(found, wraps=(wrap,)))
    with pytest.raises(WrongPassphraseError):
        unlock(changed, "één", floor=LIGHT)


def test_a_secret_that_is_not_the_committed_one_is_refused(entropy: Entropy) -> None:
    found = decode(locked(entropy), Locked)
    changed = encode(structs.replace(found, commitment=bytes(32)))
    with pytest.raises(WrongPassphraseError):
        unlock(changed, "één", floor=LIGHT)


@pytest.mark.parametrize("data", [b"", b"\xa0", b"not ours"])
def test_another_file_looks_like_a_wrong_passphrase(data: bytes) -> None:
    with pytest.raises(WrongPassphraseError):
        unlock(data, "één", floor=LIGHT)


def test_no_passphrase_and_no_secret_stands_in_the_file(entropy: Entropy) -> None:
    data = locked(entropy)
    assert b"blad" not in data
    assert KEY.reveal() not in data


# --- the database


def test_the_database_opens_with_its_key_only(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    database = Database.open(path, KEY)
    with database.transaction():
        database.put("greeting", b"goedemorgen")
    database.check()
    database.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"goedemorgen" not in kept
    assert b"CREATE TABLE" not in kept
    with pytest.raises(VaultError):
        Database.open(path, secret("another"))
    again = Database.open(path, KEY)
    assert again.get("greeting") == b"goedemorgen"
    again.close()


def test_what_is_written_and_not_committed_is_gone() -> None:
    database = Database.open(None, KEY)

    def fail() -> None:
        with database.transaction():
            database.put("a", b"1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert database.get("a") is None


def test_an_older_vault_takes_the_steps_that_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vault.db"
    with monkeypatch.context() as older:
        older.setattr(database_module, "STEPS", STEPS[:1])
        database = Database.open(path, KEY)
        with database.transaction():
            database.put("kept", b"since before")
        database.close()
    for _ in range(2):  # the second time there is nothing to take
        database = Database.open(path, KEY)
        assert database.get("kept") == b"since before"
        assert database.row("PRAGMA user_version") == (len(STEPS),)
        assert database.rows("SELECT * FROM alarm") == []
        database.close()


def test_a_step_that_a_crash_cut_short_is_taken_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vault.db"
    half = "CREATE TABLE half (x); CREATE TABLE meta (a second one)"
    with monkeypatch.context() as broken:
        broken.setattr(database_module, "STEPS", (STEPS[0], half))
        with pytest.raises(VaultError):
            Database.open(path, KEY)
    database = Database.open(path, KEY)
    assert database.rows("SELECT 1 FROM sqlite_schema WHERE name = 'half'") == []
    assert database.row("PRAGMA user_version") == (len(STEPS),)
    database.close()


def test_a_vault_of_another_version_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    database = Database.open(path, KEY)
    database.run("PRAGMA user_version = 999")
    database.close()
    with pytest.raises(VaultError):
        Database.open(path, KEY)


def test_a_damaged_page_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    database = Database.open(path, KEY)
    with database.transaction():
        for number in range(200):
            database.put(f"n{number}", bytes(500))
    database.close()
    data = bytearray(path.read_bytes())
    for offset in range(len(data) // 2, len(data), 512):
        data[offset] ^= 1
    path.write_bytes(data)
    again = Database.open(path, KEY)
    with pytest.raises(VaultError):
        again.check()
    again.close()


def test_a_check_that_finds_something_raises() -> None:
    database = Database.open(None, KEY)
    database.rows = lambda *_: [("row 1 missing from index",)]  # type: ignore[method-assign]
    with pytest.raises(VaultError):
        database.check()


# --- the key sheet


def seed(number: int) -> Seed:
    return Seed(
        kid=PrekeyId(bytes([number]) * 16),
        manifest=1,
        index=number,
        kind=1,
        start=1,
        until=2,
        seed=bytes([200 + number]) * 32,
    )


def sheet(folder: Path, name: str = "sheet") -> KeySheet:
    return KeySheet(folder, KEY, drawn(f"{name}/{len(list(folder.iterdir()))}"))


def opened(folder: Path) -> set[PrekeyId]:
    return {PrekeyId(found.kid) for found in sheet(folder, "again").seeds()}


def test_seeds_survive_a_restart_and_erased_ones_do_not(tmp_path: Path) -> None:
    keys = sheet(tmp_path)
    keys.add([seed(1), seed(2), seed(3)])
    keys.erase([PrekeyId(seed(2).kid)])
    keys.erase([PrekeyId(seed(2).kid)])  # gone already: nothing is written
    assert keys.seed(PrekeyId(seed(2).kid)) is None
    assert keys.seed(PrekeyId(seed(3).kid)) == seed(3)
    assert opened(tmp_path) == {PrekeyId(seed(1).kid), PrekeyId(seed(3).kid)}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["erase", "sheet-3"]


def test_no_seed_stands_in_a_file_and_an_old_sheet_does_not_open(
    tmp_path: Path,
) -> None:
    keys = sheet(tmp_path)
    keys.add([seed(1)])
    old = {file: file.read_bytes() for file in tmp_path.glob("sheet-*")}
    keys.erase([PrekeyId(seed(1).kid)])
    for file, data in old.items():
        assert seed(1).seed not in data
        file.write_bytes(data)  # as if the medium had kept it
    assert opened(tmp_path) == set()
    (current,) = tmp_path.glob("sheet-*")
    current.write_bytes(next(iter(old.values())))  # under the new erase key
    with pytest.raises(KeySheetError):
        sheet(tmp_path)


Fault = Callable[[Path, bytes], None]


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("written", [False, True])
def test_a_crash_around_each_write_leaves_one_whole_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, *, written: bool
) -> None:
    keys = sheet(tmp_path)
    keys.add([seed(1), seed(2)])
    left = [at]

    def failing(path: Path, data: bytes) -> None:
        if left[0] == 0:
            if written:
                write_atomic(path, data)
            raise OSError
        left[0] -= 1
        write_atomic(path, data)

    monkeypatch.setattr(keysheet_module, "write_atomic", failing)
    with pytest.raises(OSError):  # noqa: PT011 -- the power goes
        keys.erase([PrekeyId(seed(1).kid)])
    monkeypatch.undo()
    both, one = {seed(1).kid, seed(2).kid}, {seed(2).kid}
    assert opened(tmp_path) == (one if (at, written) == (1, True) else both)
    assert len(list(tmp_path.glob("sheet-*"))) == 1  # the litter is gone


def test_what_could_not_be_written_stays_as_it_was_in_memory_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next erasure would find nothing to do, and the seed stayed."""
    keys = sheet(tmp_path)
    keys.add([seed(1)])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(keysheet_module, "write_atomic", full)
        with pytest.raises(OSError, match="space"):
            keys.erase([PrekeyId(seed(1).kid)])
        with pytest.raises(OSError, match="space"):
            keys.add([seed(2)])
    assert [found.kid for found in keys.seeds()] == [seed(1).kid]
    keys.erase([PrekeyId(seed(1).kid)])
    assert opened(tmp_path) == set()


def test_a_write_of_unknown_durability_gives_its_number_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rename may have lasted; then the power goes in the middle of the next one."""
    keys = sheet(tmp_path)
    keys.add([seed(1), seed(2)])
    steps = iter(["done", "done and said to have failed", "done", "failed"])

    def failing(path: Path, data: bytes) -> None:
        step = next(steps)
        if step.startswith("done"):
            write_atomic(path, data)
        if step != "done":
            raise OSError(5, "I/O error")

    monkeypatch.setattr(keysheet_module, "write_atomic", failing)
    for kid in (seed(1).kid, seed(2).kid):
        with pytest.raises(OSError, match="I/O"):
            keys.erase([PrekeyId(kid)])
    monkeypatch.undo()
    assert opened(tmp_path) == {PrekeyId(seed(2).kid)}


def test_a_sheet_of_another_vault_or_without_its_file_is_refused(
    tmp_path: Path,
) -> None:
    sheet(tmp_path).add([seed(1)])
    with pytest.raises(KeySheetError):
        KeySheet(tmp_path, secret("another"), drawn("x"))
    for file in tmp_path.glob("sheet-*"):
        file.unlink()
    with pytest.raises(KeySheetError):
        sheet(tmp_path)


# --- files


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


def test_windows_has_no_folders_to_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.files.os.name", "nt")
    sync_folder(tmp_path / "nowhere")
