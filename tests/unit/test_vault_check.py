"""The check of a vault: each kind of fault is named, by hash and nothing else."""

from pathlib import Path

import pytest

from client.vault import check
from client.vault.check import faults_of
from client.vault.database import Database, VaultError
from tests.support.desk import Desk, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.homes import plain_record
from tests.support.keys import secret
from tests.support.ministry import ministry


@pytest.fixture
def bern() -> Desk:
    """A desk that sent and received, whose vault is sound."""
    hague = ministry()
    bern, tfc = pair(hague, FakeRelay(hague))
    bern.write("tfc")
    tfc.write("bern")
    exchange(bern, tfc)
    bern.machine.disconnected()
    return bern


def database(desk: Desk) -> Database:
    return desk.store._db  # noqa: SLF001 -- the tables themselves are under test


def test_a_vault_in_use_is_sound(bern: Desk) -> None:
    assert faults_of(database(bern)) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE record SET document = x'00'", "its bytes have another hash"),
        ("UPDATE record SET post = 'elders'", "filed under another number or post"),
        ("UPDATE record SET id = x'0000'", "filed under another number or post"),
        ("UPDATE record SET refused = 'x' WHERE way = 1", "written here and refused"),
        ("UPDATE deposit SET sealed = x'00'", "its bytes have another hash"),
        ("DELETE FROM record WHERE way = 1", "its record is gone"),
        ("DELETE FROM record WHERE way = 1", "it is to be sent and is gone"),
        ("DELETE FROM entry WHERE position = 1", "positions are missing"),
    ],
)
def test_a_fault_is_named(bern: Desk, statement: str, said: str) -> None:
    vault = database(bern)
    vault.run("PRAGMA foreign_keys = off")
    vault.run(statement)
    faults = faults_of(vault)
    assert any(said in fault for fault in faults), faults
    assert not any("Goed nieuws" in fault or "Aan de post" in fault for fault in faults)


def test_bytes_that_are_no_record_are_named(bern: Desk) -> None:
    with bern.store.transaction():
        bern.store.add_record(plain_record(7))
    assert any("no record" in fault for fault in faults_of(database(bern)))


def test_so_many_faults_are_told_and_no_more(
    bern: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "MAX_FAULTS", 2)
    database(bern).run("UPDATE record SET document = x'00'")
    assert len(faults_of(database(bern))) == 2


def test_a_damaged_page_is_one_fault(tmp_path: Path) -> None:
    class Hurt(Database):
        def check(self) -> None:
            raise VaultError

    vault = Hurt.open(tmp_path / "vault.db", secret("check"))
    assert faults_of(vault) == ["vault.db: a page or an index is damaged"]
    vault.close()
