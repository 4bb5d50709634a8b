"""Rotation of what the root document names, when something is amiss.

Keys that the relay lacks, a terminal that was away, a crash, the end of the old keys.
Each kind by itself, during a running exchange: ``test_nine_kinds.py``.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.demo.ministry import POST, TFC, Unit
from client.demo.processes import command, run, run_json
from tests.support.live import BOUND, Live, founded, koerier
from tests.support.live_root import Ceremony, checked


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with founded(tmp_path_factory.mktemp("rotations")) as ministry:
        yield ministry


@pytest.fixture(scope="module")
def ceremony(live: Live) -> Ceremony:
    return Ceremony(live)


def rotated(ceremony: Ceremony, leaf: Path) -> None:
    """Log the leaf while a message is on its way; all arrives, nothing alarms."""
    live = ceremony.live
    before = [live.send("Onderweg."), live.send("Terug.", sender=TFC, to="post")]
    ceremony.logged(leaf)
    ceremony.followed()
    after = [live.send("Erna."), live.send("Terug.", sender=TFC, to="post")]
    for sent, answer in (before, after):
        live.follow(sent, "delivered", "accepted")
        live.follow(answer, "delivered", "accepted", sender=TFC)
        assert readable(live, TFC, sent)
        assert "Terug." in readable(live, POST, answer)
    quiet(live)


def readable(live: Live, unit: Unit, message: str) -> str:
    """Return what the member of a unit reads when they open a message."""
    done = koerier(live.home(unit), "read", message)
    assert done.returncode == 0, done.stderr
    return done.stdout


def quiet(live: Live) -> None:
    """Return if no terminal tells its people anything."""
    for unit in (TFC, POST):
        assert live.ask(unit, "alarms") == []


def test_a_root_with_keys_that_the_relay_lacks_is_not_logged(
    live: Live, ceremony: Ceremony
) -> None:
    leaf = ceremony.new_relay("log")
    newest = max((live.ministry.relay / "keys").glob("relay-*.seeds"))
    away = newest.rename(newest.with_suffix(".away"))
    line = command("koerier-relay", "append", "--home", live.ministry.relay, leaf)
    refused = subprocess.run(  # noqa: S603 -- our own program
        line, capture_output=True, text=True, check=False, timeout=BOUND
    )
    assert refused.returncode == 3
    assert "does not have" in refused.stderr
    away.rename(newest)
    rotated(ceremony, leaf)  # found without a restart


def test_a_terminal_that_was_away_for_all_of_it_comes_back_by_itself(
    live: Live, ceremony: Ceremony
) -> None:
    """Its relay has another certificate, identity and log keys, and all witnesses."""
    live.lock(POST)
    sent = live.send("Terwijl u weg was.", sender=TFC, to="post")
    leaf = ceremony.new_relay("identity", "log", "tls")
    ceremony.logged(leaf)
    ceremony.followed(TFC)
    ceremony.logged(ceremony.new_witnesses())
    ceremony.followed(TFC)
    live.unlock(POST)
    ceremony.followed(POST)
    live.reachable((POST,))
    live.follow(sent, "delivered", "accepted", sender=TFC)
    answer = live.send("Terug.")
    live.follow(answer, "delivered", "accepted")
    quiet(live)


def test_after_a_crash_everybody_goes_on_with_what_the_log_names(live: Live) -> None:
    live.kill_relay()
    live.start_relay()
    live.reachable((TFC, POST))
    sent = live.send("Na de stroomuitval.")
    live.follow(sent, "delivered", "accepted")
    checked(live)


def test_old_keys_are_put_away(live: Live, ceremony: Ceremony) -> None:
    relay, root = live.ministry.relay, ceremony.root
    assert len(list((relay / "keys").glob("relay*.seeds"))) > 1
    done = run_json(
        command("koerier-relay", "rotate", "--home", relay, "--finish", "--root", root)
    )
    assert done["forgotten"] >= 1
    (left,) = (relay / "keys").glob("relay*.seeds")
    for home in live.ministry.witnesses:
        finish = ("rotate", "--home", home, "--finish", "--root", root)
        run(command("koerier-witness", *finish))
        assert len(list((home / "keys").glob("witness*.seeds"))) == 1
    live.kill_relay()
    live.start_relay()
    live.reachable((TFC, POST))
    sent = live.send("Met de laatste sleutels.")
    live.follow(sent, "delivered", "accepted")
    assert left.exists()
    early = subprocess.run(  # noqa: S603 -- our own program
        command("koerier-relay", "rotate", "--home", relay, "--finish"),
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )
    assert early.returncode == 2


def test_every_version_stands_in_the_key_log(live: Live, ceremony: Ceremony) -> None:
    for unit in (TFC, POST):
        kept = run_json(
            command("koerier", "root", "show", live.home(unit) / "root.cbor", "--json")
        )
        assert [one["version"] for one in kept] == [*range(1, ceremony.version + 1)]
