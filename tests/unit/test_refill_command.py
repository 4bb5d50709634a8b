"""The commands of refilling and of checking a witness, as people type them."""

import json
from pathlib import Path
from typing import Any

import pytest

from crypto.entropy import system
from crypto.merkle import root_of
from protocol.codec import encode
from protocol.key_log_entry import read_leaf, read_signed
from server import refilling
from server.config import ConfigError, Home, RelayConfig
from server.refill import ForkedError, RefillError, Sources
from server.storage.interfaces import StoreBrokenError
from server.witness.memory import Remembered, files_of
from tests.support.lost import lived, lose, witnesses_of
from tests.support.ministry import ministry
from tests.support.relay import running
from tests.support.services_typed import relay, witness

WORDS = {"without": "witness-2", "witness": "witness-1=http://127.0.0.1:1"}


@pytest.fixture(autouse=True)
def same_umask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.umask", lambda _: 0)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert relay("init", "--home", tmp_path / "relay").exit_code == 0
    return tmp_path / "relay"


def test_a_relay_is_made_again_with_the_keys_that_it_had(
    home: Path, tmp_path: Path
) -> None:
    first = json.loads((home / "relay-public.json").read_text())
    seeds = home / "keys" / "relay.seeds"
    again = relay("init", "--home", tmp_path / "again", "--seeds", seeds)
    assert again.exit_code == 0
    assert json.loads(again.stdout) == first
    seeds.chmod(0o644)
    open_to_all = relay("init", "--home", tmp_path / "third", "--seeds", seeds)
    assert open_to_all.exit_code == 2
    assert "0600" in open_to_all.stderr


def test_refill_says_what_was_done_or_why_not(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sources] = []
    outcome: list[Any] = [{"format": "koerier-relay-refill/1"}]

    async def refill(_: Home, __: RelayConfig, sources: Sources, ___: object) -> Any:  # noqa: ANN401 -- stands in for another
        asked.append(sources)
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]

    monkeypatch.setattr(refilling, "refill", refill)
    words = ("refill", "--home", home, "--without", WORDS["without"])
    done = relay(*words, "--witness", WORDS["witness"])
    assert (done.exit_code, json.loads(done.stdout)) == (0, outcome[0])
    assert asked == [
        Sources({"witness-1": "http://127.0.0.1:1"}, (WORDS["without"],)),
    ]
    for error, status in (
        (ForkedError("w3: cosigned another history"), 6),
        (RefillError("w2: does not answer"), 1),
        (StoreBrokenError("no"), 6),
        (ConfigError("no root"), 2),
    ):
        outcome[0] = error
        done = relay(*words)
        assert done.exit_code == status
        assert str(error) in done.stderr
    assert relay(*words, "--witness", "w1=nowhere").exit_code == 2


async def test_refill_writes_into_a_home_that_is_empty_but_for_keys(
    tmp_path: Path,
) -> None:
    people = ministry()
    await lived(tmp_path, people, "a", "b")
    home = Home(tmp_path / "home")
    home.create()
    home.roots.write_bytes(encode(read_signed(read_leaf(people.leaves[0]).body)))
    async with witnesses_of(tmp_path, people) as addresses:
        said = await refilling.refill(home, RelayConfig(), Sources(addresses), system)
    assert said == {
        "format": "koerier-relay-refill/1",
        "logs": {
            "key": {"kept": 0, "size": len(people.leaves)},
            "message": {"kept": 0, "size": 2},
        },
    }
    lose(tmp_path)
    (home.path / "data" / "relay.sqlite").rename(tmp_path / "relay.sqlite")
    async with running(tmp_path, people) as again:
        assert not again.parts.checkpoints.behind


async def test_refill_leaves_a_relay_alone_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answers(*_: object) -> tuple[int, str]:
        return 200, "{}"

    monkeypatch.setattr(refilling, "call", answers)
    with pytest.raises(RefillError, match="runs"):
        await refilling.refill(Home(tmp_path), RelayConfig(), Sources({}), system)


def test_witness_check_names_what_does_not_agree(tmp_path: Path) -> None:
    path = tmp_path / "w"
    made = witness("init", "--home", path, "--name", "w")
    assert made.exit_code == 0
    people = ministry()
    root = people.directory.root.document
    (path / "root.cbor").write_bytes(
        encode(read_signed(read_leaf(people.leaves[0]).body))
    )
    sound = witness("check", "--home", path)
    assert (sound.exit_code, sound.stdout) == (0, "ok\n")
    files = files_of(root.message_log, path / "data")
    lie = Remembered(
        v=1,
        origin=root.message_log.origin,
        size=3,
        root=root_of(people.leaves),
        note=b"",
    )
    files.seen.write_bytes(encode(lie))
    hurt = witness("check", "--home", path)
    assert hurt.exit_code == 6
    assert "message log: the remembered checkpoint does not verify" in hurt.stderr
