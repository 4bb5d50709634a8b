"""Opening a vault: who may, what it costs to guess, what is said when it is hurt."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from client.core.seeds import Seed
from client.home import Home, HomeError
from client.vault import opening
from client.vault.database import Database
from client.vault.filelock import HeldError, held
from client.vault.locked import (
    MAX_WRAPS,
    FullError,
    Person,
    Unlocked,
    WrongPassphraseError,
    holds,
    of_sheet,
    readable,
    relock,
    strong_enough,
    unlock,
)
from client.vault.opening import (
    LOCK,
    TERMINAL_KEY,
    TRIES,
    VAULT_KEY,
    key_lock,
    member_seed,
    open_vault,
    own_vault,
    try_passphrase,
)
from client.vault.tries import FIRST_WAIT, FREE, LONGEST_WAIT
from crypto.passphrase import FLOOR
from crypto.types import PrekeyId, Secret
from tests.support.homes import ANNA, BRAM, SEED, WORDS, Household, household
from tests.support.keys import drawn
from tests.support.light import LIGHT, make_light


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


@pytest.fixture
def there(tmp_path: Path) -> Household:
    return household(tmp_path)


def refused(there: Household, *arguments: str) -> HomeError:
    with pytest.raises(HomeError) as error:
        there.open(*arguments).close()
    return error.value


# --- members


def test_each_member_opens_the_same_vault_and_their_own_seed(there: Household) -> None:
    for name in (ANNA, BRAM):
        vault = there.open(name)
        assert vault.terminal == SEED
        assert (vault.seat.name, vault.seat.seed) == (name, there.people[name].seed)
        vault.close()


def test_another_members_passphrase_does_not_open_a_seed(there: Household) -> None:
    vault = there.open(ANNA)
    anna = there.people[ANNA]
    with pytest.raises(HomeError, match=r"vault\.no-member"):
        member_seed(vault.database, Unlocked(vault.key, BRAM, anna.own))
    with pytest.raises(HomeError, match=r"vault\.no-member"):
        member_seed(vault.database, Unlocked(vault.key, BRAM, None))
    with pytest.raises(HomeError, match=r"vault\.no-member"):
        member_seed(vault.database, Unlocked(vault.key, "Chris", anna.own))
    box = vault.database.row("SELECT seed FROM member WHERE name = ?", BRAM)
    assert box is not None
    assert there.people[BRAM].seed.reveal() not in box[0]
    vault.close()


def test_a_passphrase_is_of_its_member_alone(there: Household) -> None:
    assert refused(there, ANNA, WORDS[BRAM]).code == "passphrase.wrong"
    vault = open_vault(there.home, WORDS[BRAM], there.clock, drawn("x"))
    assert vault.seat.name == BRAM
    vault.close()


def test_a_sheet_opens_for_its_member_and_is_no_passphrase(there: Household) -> None:
    word = of_sheet(there.people[BRAM].sheet)
    opened = try_passphrase(there.home, word, there.clock, sheet=True)
    assert (opened.who, opened.own) == (BRAM, there.people[BRAM].own)
    assert refused(there, BRAM, word).code == "passphrase.wrong"
    with pytest.raises(HomeError, match="wrong"):
        try_passphrase(there.home, WORDS[BRAM], there.clock, sheet=True)


def test_no_name_and_no_seed_stands_in_the_clear(there: Household) -> None:
    secrets = [SEED, *(m.seed for m in there.people.values())]
    plain = [ANNA.encode(), BRAM.encode(), *(s.reveal() for s in secrets)]
    for file in there.home.path.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert [piece for piece in plain if piece in data] == [], file


def test_a_new_passphrase_takes_the_place_of_the_old_one(there: Household) -> None:
    path = there.home.keys / VAULT_KEY
    data = path.read_bytes()
    opened = unlock(data, WORDS[ANNA], floor=LIGHT)
    person = Person(ANNA, "een nieuwe zin", opened.own)
    path.write_bytes(relock(data, opened.secret, person, drawn("new"), floor=LIGHT))
    assert refused(there).code == "passphrase.wrong"
    vault = there.open(ANNA, "een nieuwe zin")
    assert vault.seat.seed == there.people[ANNA].seed
    vault.close()
    there.open(BRAM).close()
    with pytest.raises(WrongPassphraseError):
        relock(data, Secret(bytes(32)), person, drawn("x"), floor=LIGHT)
    with pytest.raises(WrongPassphraseError):
        relock(b"x", opened.secret, person, drawn("x"), floor=LIGHT)


def test_a_file_holds_so_many_people_and_says_so(there: Household) -> None:
    data = (there.home.keys / VAULT_KEY).read_bytes()
    key = unlock(data, WORDS[ANNA], floor=LIGHT).secret
    for number in range(4, MAX_WRAPS):
        person = Person(f"lid {number}", "x")
        data = relock(data, key, person, drawn(f"n{number}"), floor=LIGHT)
    with pytest.raises(FullError):
        relock(data, key, Person("nog een", "x"), drawn("more"), floor=LIGHT)
    assert holds(relock(data, key, Person("lid 9", "y"), drawn("y"), floor=LIGHT), ANNA)
    assert not holds(data, "nog een")
    assert readable(data)
    assert not readable(data[:-1])


@pytest.mark.parametrize(
    ("word", "strong"),
    [
        *(("", False), ("kort", False), ("elf tekens.", False)),
        *(("aaaaaaaaaaaaaaaa", False), ("abababababab", False)),
        *(("twaalf teken", True), ("één zin van mij", True)),
        ("e\u0301" * 11, False),  # eleven characters on the screen, whatever the bytes
    ],
)
def test_a_new_passphrase_has_a_floor(word: str, strong: bool) -> None:  # noqa: FBT001 -- a case of the test
    assert strong_enough(word) is strong


def test_production_never_goes_below_the_floor() -> None:
    """What the seam of the tests replaces is the floor that is compiled in."""
    assert (FLOOR.passes, FLOOR.memory_kib) == (3, 256 * 1024)


# --- guessing


def test_wrong_passphrases_make_the_next_one_wait(there: Household) -> None:
    for _ in range(FREE):
        assert refused(there, ANNA, "fout").code == "passphrase.wrong"
    waits = []
    for _ in range(9):
        seconds = refused(there).parts["seconds"]  # also the right one waits
        assert isinstance(seconds, int)
        waits.append(seconds)
        there.clock.now += seconds - 1
        assert refused(there).parts["seconds"] == 1
        there.clock.now += 1
        assert refused(there, ANNA, "fout").code == "passphrase.wrong"
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits[-1] == LONGEST_WAIT
    there.clock.now += LONGEST_WAIT
    there.open().close()
    assert not (there.home.keys / TRIES).exists()
    assert refused(there, ANNA, "fout").code == "passphrase.wrong"  # it starts anew


def test_a_kill_while_it_is_tried_counts_as_wrong(
    there: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> Unlocked:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(opening, "unlock", killed)
        for _ in range(FREE):
            with pytest.raises(KeyboardInterrupt):
                there.open()
    assert refused(there).code == "passphrase.wait"


@pytest.mark.parametrize("odd", [b"", b"x", b"[1]", b'["a", 2]', b"{}", b"[-5, 0]"])
def test_an_odd_count_is_none(there: Household, odd: bytes) -> None:
    (there.home.keys / TRIES).write_bytes(odd)
    there.open().close()


def test_a_clock_that_was_set_back_does_not_lock_for_ever(there: Household) -> None:
    for _ in range(FREE):
        refused(there, ANNA, "fout")
    there.clock.now -= 10_000_000
    there.open().close()


# --- one owner


def test_an_open_vault_has_one_owner(there: Household) -> None:
    vault = there.open()
    assert refused(there, BRAM).code == "agent.running"
    with pytest.raises(HomeError, match="running"):
        own_vault(there.home)
    vault.close()
    there.open(BRAM).close()


def test_two_passphrases_are_not_tried_at_once(there: Household) -> None:
    with key_lock(there.home):
        assert refused(there).code == "passphrase.busy"
    there.open().close()


def test_a_killed_owner_lets_go(there: Household) -> None:
    path = there.home.data / LOCK
    code = (
        "import sys, time, pathlib\n"
        "from client.vault.filelock import held\n"
        "with held(pathlib.Path(sys.argv[1])):\n"
        "    print('mine', flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen(  # noqa: S603 -- ourselves
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"mine\n"
        assert refused(there).code == "agent.running"
        os.kill(other.pid, signal.SIGKILL)
    there.open().close()


def test_a_refused_opening_leaves_no_lock(there: Household) -> None:
    assert refused(there, ANNA, "fout").code == "passphrase.wrong"
    with held(there.home.data / LOCK), pytest.raises(HeldError):
        held(there.home.data / LOCK).__enter__()


# --- what is hurt


def test_a_folder_without_a_vault_is_told(tmp_path: Path, there: Household) -> None:
    home = Home(tmp_path / "empty")
    with pytest.raises(HomeError, match=r"home\.missing"):
        open_vault(home, "x", there.clock, drawn("x"))
    with pytest.raises(HomeError, match=r"home\.missing"):
        try_passphrase(home, "x", there.clock)


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif how == "flipped":
        path.write_bytes(data[:30] + bytes([data[30] ^ 1]) + data[31:])
    else:
        path.unlink()


@pytest.mark.parametrize("how", ["cut", "flipped", "gone"])
@pytest.mark.parametrize("name", ["vault.db", TERMINAL_KEY, "sheet"])
def test_what_is_damaged_is_named_and_left_as_it_is(
    there: Household, name: str, how: str
) -> None:
    vault = there.open()
    vault.sheet.add([_seed()])
    vault.close()
    path = {
        "vault.db": there.database,
        TERMINAL_KEY: there.home.keys / TERMINAL_KEY,
        "sheet": next(there.home.keys.glob("sheet-*")),
    }[name]
    damage(path, how)
    before = path.read_bytes() if path.exists() else None
    error = refused(there)
    assert error.code == "vault.hurt"
    hurt = there.home.keys / "erase" if name == "sheet" else path
    assert error.parts == {"file": hurt}
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_cut_or_foreign_vault_key_opens_nothing(there: Household) -> None:
    damage(there.home.keys / VAULT_KEY, "cut")
    assert refused(there).code == "passphrase.wrong"


def test_a_vault_of_a_later_version_is_told(there: Household) -> None:
    vault = there.open()
    vault.database.run("PRAGMA user_version = 999")
    vault.close()
    assert refused(there).code == "vault.newer"


def test_a_sheet_that_cannot_be_written_is_the_disks(
    there: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    (there.home.keys / "erase").unlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("client.vault.keysheet.write_atomic", full)
    assert refused(there).code == "vault.disk"


def _seed() -> Seed:
    return Seed(
        kid=PrekeyId(bytes(16)),
        manifest=1,
        index=0,
        kind=1,
        start=1,
        until=2,
        seed=bytes(32),
    )


def test_the_vaults_file_is_a_database_of_its_key_only(there: Household) -> None:
    vault = there.open()
    key = vault.key
    vault.close()
    Database.open(there.database, key).close()
    assert b"SQLite format" not in there.database.read_bytes()
