"""An auditor's commands on a ministry of real processes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from client.demo.ministry import POST, TFC, Unit
from client.operator.rootfile import read_root
from tests.support.live import BOUND, PROGRAM, Live, koerier, said, until


def root_hash(live: Live) -> str:
    return read_root(live.post / "root.cbor").digest.hex()


SENT: dict[int, str] = {}  # by ministry: one message serves all of this file


@pytest.fixture
def message(live: Live) -> str:
    """Return a message that was read, acknowledged and logged with its receipts."""
    if id(live) in SENT:
        return SENT[id(live)]
    found = live.send("Voor de auditor.", "--subject", "Bewijs")
    live.follow(found, "delivered", "accepted")
    until(lambda: found in live.inbox(TFC))
    assert koerier(live.tfc, "read", found).returncode == 0
    assert koerier(live.tfc, "ack", found).returncode == 0
    live.follow(found, "acknowledged")
    SENT[id(live)] = found
    return found


def nowhere(folder: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run the command line on a machine that has the package and nothing else."""
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    return subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", PROGRAM, "--lang", "en", *map(str, arguments)],
        env={"HOME": str(empty), "PATH": os.defpath},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )


def written(home: Path, message: str, out: Path) -> Any:  # noqa: ANN401 -- JSON
    """Write evidence once every receipt is in the log; what the command says."""

    def complete() -> Any:  # noqa: ANN401 -- JSON
        out.unlink(missing_ok=True)
        answer = said(home, "audit", "evidence", message, "--out", out)
        return None if answer["unproven"] or answer["receipts"] < 3 else answer

    return until(complete, "evidence")


@pytest.mark.parametrize("unit", [POST, TFC], ids=lambda unit: unit.post)
def test_evidence_holds_on_a_machine_with_the_root_hash_and_the_package(
    live: Live, message: str, tmp_path: Path, unit: Unit
) -> None:
    out = tmp_path / "bundle.evidence"
    answer = written(live.home(unit), message, out)
    assert answer["bytes"] == out.stat().st_size
    check = ("audit", "evidence", "--check", out, "--realm", "koerier-demo")
    done = nowhere(tmp_path, *check, "--root-hash", root_hash(live), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["from"], found["to"], found["subject"]) == ("post", ["tfc"], "Bewijs")
    assert found["sha256"] == answer["sha256"]
    assert {one["kind"] for one in found["receipts"]} == {
        "delivered",
        "read",
        "acknowledged",
    }
    read = next(one for one in found["receipts"] if one["kind"] == "read")
    assert (read["post"], read["member"]) == ("tfc", "Wachthebbende TFC")
    assert found["written"] <= read["said"]
    assert not (tmp_path / "empty" / ".koerier").exists()
    shown = nowhere(tmp_path, *check, "--root-hash", root_hash(live))
    assert shown.returncode == 0
    assert "Every signature and every proof in this file holds." in shown.stdout
    assert "cosigned by" in shown.stdout


def test_what_does_not_hold_ends_with_6(
    live: Live, message: str, tmp_path: Path
) -> None:
    out = tmp_path / "bundle.evidence"
    written(live.post, message, out)
    changed = tmp_path / "changed.evidence"
    data = bytearray(out.read_bytes())
    data[-100] ^= 1
    changed.write_bytes(data)
    check = ("audit", "evidence", "--realm", "koerier-demo", "--check")
    paper = ("--root-hash", root_hash(live))
    assert nowhere(tmp_path, *check, changed, *paper).returncode == 6
    assert nowhere(tmp_path, *check, out, "--root-hash", "00" * 32).returncode == 6
    assert nowhere(tmp_path, *check, out, *paper, "--realm", "koerier").returncode == 6
    assert nowhere(tmp_path, *check, out).returncode == 2
    again = koerier(live.post, "audit", "evidence", message, "--out", out)
    assert again.returncode == 2  # what is there is not replaced
    assert koerier(live.post, "audit", "evidence", message).returncode == 2


def test_a_proof_is_printed_in_the_form_that_others_read(
    live: Live, message: str
) -> None:
    done = koerier(live.post, "audit", "prove", message)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("c2sp.org/tlog-proof@v1\nindex ")
    assert "Leaf: 01" in done.stderr


@pytest.mark.usefixtures("message")
def test_both_logs_are_computed_online_and_from_a_copy(
    live: Live, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    found = said(live.tfc, "audit", "verify", "--save", copy)
    key, log = found
    assert key["wrong"] == log["wrong"] == []
    assert [entry["verdict"] for entry in key["entries"]].count("refused") == 0
    assert key["entries"][0]["kind"] == "root"
    assert {e["action"] for e in key["entries"]} >= {"enrol"}
    alone = ("audit", "verify", "--root", live.post / "root.cbor", "--json")
    offline = nowhere(tmp_path, *alone, "--copy", copy)
    assert offline.returncode == 0, offline.stderr
    again = json.loads(offline.stdout)
    assert [one["root"] for one in again] == [one["root"] for one in found]
    assert again[0]["entries"] == key["entries"]
    relay = ("--relay", live.ministry.address)
    online = nowhere(tmp_path, *alone, *relay)
    assert online.returncode == 0, online.stderr
    assert json.loads(online.stdout)[0]["unread"] > 0
    status = said(live.tfc, "audit", "status")
    assert status["message"]["computed"] == log["size"]
    assert {bool(w["cosigned"]) for w in status["key"]["witnesses"]} == {True}


def test_a_copy_that_was_changed_is_found_out(live: Live, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    said(live.tfc, "audit", "verify", "--save", copy)
    (tile,) = (copy / "message-log" / "tile" / "0").rglob("*.p/*")
    data = bytearray(tile.read_bytes())
    data[3] ^= 1
    tile.write_bytes(data)
    root = ("--root", live.post / "root.cbor")
    done = nowhere(tmp_path, "audit", "verify", *root, "--copy", copy)
    assert done.returncode == 6
    assert "ALARM" in done.stdout


@pytest.mark.usefixtures("message")
def test_a_watch_over_an_honest_ministry_sees_nothing_wrong(live: Live) -> None:
    for _ in range(2):
        found = said(live.tfc, "audit", "watch", "--once")
        assert found["alarms"] == []
        assert [log["log"] for log in found["logs"]] == ["key-log", "message-log"]
    live.send("Nog een.")
    grown = until(
        lambda: said(live.tfc, "audit", "watch", "--once")["logs"][1]["grown"]
    )
    assert grown > 0
