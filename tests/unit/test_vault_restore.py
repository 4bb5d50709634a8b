"""Restoring: the same terminal goes on, or another one does, and nothing is lost."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.agent.terminal import OpenTerminal
from client.core.rows import IN, OUT
from client.home import Config, Home, HomeError
from client.operator.addition import (
    addition_proposal,
    invite_addition,
    position_of,
    request_terminal,
)
from client.vault.backup import MAGIC
from client.vault.opening import DATABASE, TERMINAL_KEY, VAULT_KEY
from client.vault.restore import SERIAL_LEAP, restore_elsewhere, restore_here
from crypto.sign import Usage
from crypto.types import Secret
from protocol.codec import decode
from protocol.delivery import State
from protocol.directory_entry import Action
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.limits import MAX_RECORD
from protocol.record import Record
from protocol.requests import LogName
from protocol.signed import sign_document
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, back_up, beside, home_desk
from tests.support.homes import ANNA, BRAM, WORDS
from tests.support.keys import drawn, stretched
from tests.support.light import make_light
from tests.support.ministry import HIGH, Ministry, OwnPost, OwnTerminal


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


def restored(bern: HomeDesk, file: Path, word: str = WORDS[ANNA]) -> Path | None:
    """Lock, restore, unlock."""
    bern.lock()
    aside = restore_here(bern.home, file, word, bern.clock)
    bern.take(bern.unlocked(ANNA))
    return aside


def serials(desk: Desk) -> list[int]:
    rows = desk.store.records(OUT, 99)
    found = [decode(row.document, Record, limit=MAX_RECORD) for row in rows]
    return [record.serial.counter for record in found]


# --- the same terminal goes on


def test_a_restored_terminal_reads_and_writes_and_its_peers_are_told(
    bern: HomeDesk, tfc: Desk
) -> None:
    old = bern.write("tfc", "Voor de kopie.")
    tfc.write("bern", "Ook ervoor.")
    exchange(bern, tfc)
    file = back_up(bern)
    stream = bern.store.get("stream.id")
    lost = bern.write("tfc", "Na de kopie.")
    exchange(bern, tfc)
    aside = restored(bern, file)
    assert aside is not None
    assert (aside / DATABASE).exists()
    assert "restored" in bern.happened()
    assert [row.name for row in bern.store.records(OUT, 9) if row.type == 1] == [
        old.name
    ]
    bern.connect()
    exchange(bern, tfc)
    new = bern.write("tfc", "Na het terugzetten.")
    exchange(bern, tfc)
    assert {row.name for row in tfc.inbox()} == {old.name, lost.name, new.name}
    assert bern.store.get("stream.id") not in {None, stream}
    assert "fork" not in tfc.happened()
    told = [(a.what, a.post) for a in tfc.store.alarms(99, ended=True)]
    assert told.count(("restored", "bern")) == 1
    later = tfc.write("bern", "Aan de teruggezette.")
    exchange(bern, tfc)
    assert later.name in {row.name for row in bern.inbox()}
    (target,) = tfc.store.targets(later.name)
    assert target.delivery.state is State.DELIVERED


def test_no_serial_is_given_twice(bern: HomeDesk, tfc: Desk) -> None:
    bern.write("tfc")
    exchange(bern, tfc)
    file = back_up(bern)
    for _ in range(3):
        bern.write("tfc")
    given = serials(bern)
    restored(bern, file)
    bern.connect()
    bern.write("tfc")
    assert max(serials(bern)) > max(given)
    assert max(serials(bern)) >= min(given) + SERIAL_LEAP
    assert tfc is not None


def test_what_waited_in_the_outbox_at_the_copy_leaves_once(
    bern: HomeDesk, tfc: Desk
) -> None:
    bern.machine.disconnected()
    waiting = bern.write("tfc", "Nog niet weg.")
    file = back_up(bern)
    bern.connect()
    exchange(bern, tfc)  # it left after the copy
    restored(bern, file)
    bern.connect()
    exchange(bern, tfc)
    assert [row.name for row in tfc.inbox()] == [waiting.name]
    (target,) = bern.store.targets(waiting.name)
    assert target.delivery.state is State.DELIVERED


def test_what_is_under_way_to_a_restored_terminal_is_read(
    bern: HomeDesk, tfc: Desk
) -> None:
    file = back_up(bern)
    sent = tfc.write("bern", "Onderweg.")
    tfc.run()
    restored(bern, file)
    bern.connect()
    exchange(bern, tfc)
    assert [row.name for row in bern.inbox()] == [sent.name]


def test_todays_passphrase_restores_and_the_backups_where_the_key_is_lost(
    bern: HomeDesk,
) -> None:
    file = back_up(bern)
    with pytest.raises(HomeError, match="running"):
        restore_here(bern.home, file, WORDS[ANNA], bern.clock)
    bern.lock()
    with pytest.raises(HomeError, match="wrong"):
        restore_here(bern.home, file, "een andere zin", bern.clock)
    (bern.home.keys / VAULT_KEY).write_bytes(b"hurt")
    with pytest.raises(HomeError, match="wrong"):
        restore_here(bern.home, file, "een andere zin", bern.clock)
    restore_here(bern.home, file, WORDS[ANNA], bern.clock)
    bern.take(bern.unlocked(ANNA))
    assert bern.ask("members")[0]["seated"]


def test_a_vault_that_is_gone_is_restored_and_nothing_is_moved_aside(
    bern: HomeDesk,
) -> None:
    file = back_up(bern)
    bern.lock()
    for part in bern.home.data.glob("vault.db*"):
        part.unlink()
    assert restore_here(bern.home, file, WORDS[ANNA], bern.clock) is None
    bern.take(bern.unlocked(ANNA))


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda _: b"", "backup.not-one"),
        (lambda data: b"x" + data, "backup.not-one"),
        (lambda data: data[: len(MAGIC) + 2], "backup.not-one"),
        (lambda data: data[: len(MAGIC) + 40], "backup.not-one"),
        (lambda data: data[:-5_000], "backup.not-one"),
        (lambda data: data[:-9_000] + bytes(4_096) + data[-4_904:], "backup.not-one"),
    ],
)
def test_a_damaged_backup_changes_nothing(
    bern: HomeDesk, damage: object, code: str
) -> None:
    assert callable(damage)
    file = back_up(bern)
    file.write_bytes(damage(file.read_bytes()))
    bern.lock()
    before = {f: f.read_bytes() for f in bern.home.path.rglob("*") if f.is_file()}
    with pytest.raises(HomeError) as refused:
        restore_here(bern.home, file, WORDS[ANNA], bern.clock)
    assert refused.value.code == code
    after = {f: f.read_bytes() for f in bern.home.path.rglob("*") if f.is_file()}
    assert after == before
    bern.take(bern.unlocked(ANNA))


def test_a_file_that_is_not_there_is_no_backup(bern: HomeDesk) -> None:
    bern.lock()
    with pytest.raises(HomeError, match="not-one"):
        restore_here(bern.home, Path("/nowhere"), WORDS[ANNA], bern.clock)
    bern.take(bern.unlocked(ANNA))


def test_a_lost_identity_is_told_before_anything_changes(bern: HomeDesk) -> None:
    file = back_up(bern)
    bern.lock()
    whole = (bern.home.keys / TERMINAL_KEY).read_bytes()
    (bern.home.keys / TERMINAL_KEY).unlink()
    with pytest.raises(HomeError, match=r"vault\.hurt"):
        restore_here(bern.home, file, WORDS[ANNA], bern.clock)
    assert not list(bern.home.data.glob("before-restore-*"))
    (bern.home.keys / TERMINAL_KEY).write_bytes(whole)
    bern.take(bern.unlocked(ANNA))


def test_a_kill_at_any_rename_is_healed_by_restoring_again(
    bern: HomeDesk, tfc: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = bern.write("tfc")
    exchange(bern, tfc)
    file = back_up(bern)
    bern.lock()
    rename, replace = Path.rename, Path.replace
    left = [0]

    def killed(self: Path, target: Path, do: object) -> Path:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        assert callable(do)
        moved: Path = do(self, target)
        return moved

    for last in itertools.count():
        left[0] = last
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", lambda s, t: killed(s, t, rename))
            patch.setattr(Path, "replace", lambda s, t: killed(s, t, replace))
            try:
                restore_here(bern.home, file, WORDS[ANNA], bern.clock)
            except KeyboardInterrupt:
                pass
            else:
                break
        restore_here(bern.home, file, WORDS[ANNA], bern.clock)
        bern.take(bern.unlocked(ANNA))
        assert sent.name in {row.name for row in bern.store.records(OUT, 9)}
        bern.lock()
    assert last >= 2
    bern.take(bern.unlocked(ANNA))


# --- a new terminal


def test_a_lost_machine_goes_on_as_another_terminal(
    bern: HomeDesk, tfc: Desk, tmp_path: Path
) -> None:
    read = tfc.write("bern", "Gelezen.")
    exchange(bern, tfc)
    bern.machine.disconnected()
    waiting = bern.write("tfc", "Nog niet weg.")
    bern.give_place(BRAM)
    file = back_up(bern)
    home = Home(tmp_path / "new")
    home.create(Config(post="bern"))
    seed = Secret(stretched("new identity", 64))
    with pytest.raises(HomeError, match="wrong"):
        restore_elsewhere(home, (file, "fout"), seed, bern.clock, drawn("x"))
    assert not (home.keys / VAULT_KEY).exists()
    post = restore_elsewhere(home, (file, WORDS[BRAM]), seed, bern.clock, drawn("x"))
    assert post == "bern"
    home.root_file.write_bytes(bern.home.root_file.read_bytes())
    old = bern.home
    bern.home = home
    terminal = bern.unlocked(BRAM)
    bern.home = old
    assert terminal.vault.terminal == seed
    assert terminal.vault.sheet.seeds() == []
    store = terminal.vault.store
    assert [row.name for row in store.records(IN, 9) if row.type == 1] == [read.name]
    (target,) = store.targets(waiting.name)
    assert (target.delivery.state, target.place) == (State.COMPOSED, None)
    assert store.unstored() == []
    assert not list(home.data.glob("restore.db*"))
    new = enrolled(bern, terminal)
    exchange(new, tfc)
    assert [row.name for row in tfc.inbox()] == [waiting.name]  # sealed by the new one
    later = tfc.write("bern", "Aan de nieuwe.")
    exchange(new, tfc)
    assert later.name in {row.name for row in new.inbox()}
    assert "fork" not in new.happened() + tfc.happened()
    terminal.close()


def enrolled(bern: HomeDesk, terminal: OpenTerminal) -> Desk:
    """Add the terminal to the post, with the paper key's consent, and connect it."""
    hague, key = bern.ministry, terminal.identity.terminal
    where = position_of(hague.directory.state, "bern")
    addition = invite_addition(
        where, Action.ADD_TERMINAL, until=hague.now, entropy=drawn("invite")
    )
    until = hague.now + 10_000_000
    asked = request_terminal(
        addition, key, realm=hague.realm, until=until, entropy=drawn("mailbox")
    )
    entry = addition_proposal(asked, HIGH, None, expires=until)
    paper = hague.posts["bern"].recovery
    signed = sign_document(
        entry, [*hague.pair, paper], usage=Usage.DIR, realm=hague.realm
    )
    leaf = signed_leaf(LeafKind.DIRECTORY, signed)
    hague.log(leaf)
    bern.relay.logs[LogName.KEY].append(leaf)
    assert asked.terminal is not None
    own = OwnTerminal("bern", 2, key, asked.terminal.mailbox)
    new = Desk(
        hague, OwnPost("bern", paper, [own], hague.posts["bern"].members), bern.relay
    )
    new.machine, new.store = terminal.machine, terminal.vault.store
    new.seeds = terminal.vault.sheet  # type: ignore[assignment]
    new.connect()
    return new
