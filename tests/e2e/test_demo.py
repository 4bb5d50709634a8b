"""The main job as people start it: ``koerier demo``."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
SAMPLE = SAMPLES / "alert-coathanger-2024.json"
STATES = ("sealed", "stored", "accepted", "delivered", "read", "acknowledged")
PROGRAM = "from client.cli.main import main; main()"


def demo(
    folder: Path, report: Path, *options: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 -- our own program
        [
            *(sys.executable, "-c", PROGRAM, "--lang", "en", "demo", "--once"),
            *("--json", "--report", report.name, "--folder", str(folder), *options),
        ],
        cwd=report.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,  # a bound for a broken run: a loaded machine takes minutes
    )


def texts(value: Any) -> list[str]:  # noqa: ANN401 -- JSON
    if isinstance(value, dict):
        return [text for part in value.values() for text in texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    return [value] if isinstance(value, str) and len(value) > 20 else []


def test_messages_go_through_a_whole_ministry_and_leave_nothing_at_the_relay(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("d") / "m"  # short: sockets have 100 bytes
    done = demo(folder, SAMPLE)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert set(summary) == {
        *("format", "ok", "ministry", "messages", "relay_leak", "seconds")
    }
    assert (summary["format"], summary["ok"]) == ("koerier-demo/1", True)
    assert summary["seconds"] > 0
    described = [
        (m["type"], m["precedence"], m["from"], [target["post"] for target in m["to"]])
        for m in summary["messages"]
    ]
    assert described == [
        ("cable", "ROUTINE", "bern", ["tfc"]),
        ("incident", "FLASH", "nairobi", ["tfc"]),
        ("cable", "IMMEDIATE", "tfc", ["bern", "nairobi", "jakarta"]),
    ]
    for message in summary["messages"]:
        went_through(message)
    sizes = [message["size"]["attachments"] for message in summary["messages"]]
    assert sizes[0] > 200_000
    assert sizes[1:] == [0, 0]
    leaves = [message["proof"]["leaf"] for message in summary["messages"]]
    assert leaves == sorted(set(leaves))
    assert summary["relay_leak"]["canaries"] > 10
    assert summary["relay_leak"]["found"] == 0
    nothing_kept(folder, texts(json.loads(SAMPLE.read_bytes())))
    told(done.stderr)


def went_through(message: dict[str, Any]) -> None:
    assert set(message) == {
        *("id", "type", "precedence", "from", "to", "size", "proof")
    }
    for target in message["to"]:
        assert tuple(target["states"]) == STATES
        times = [target["states"][state] for state in STATES]
        assert all(times)
        assert times[:2] == sorted(times[:2])
        assert times[3:] == sorted(times[3:])
    assert message["size"]["sealed"] > message["size"]["plain"] > 0
    proof = message["proof"]
    assert proof["verified"] is True
    assert proof["checkpoint"] > proof["leaf"] >= 0
    assert proof["witnesses"] >= 2


def nothing_kept(folder: Path, pieces: list[str]) -> None:
    for home in ("relay", "witness-1", "witness-2", "witness-3"):
        files = [file for file in (folder / home).rglob("*") if file.is_file()]
        assert files
        kept = b"".join(file.read_bytes() for file in files)
        assert [piece for piece in pieces if piece.encode() in kept] == []


def told(lines: str) -> None:
    """A person saw each message on its way, and who has it since when."""
    assert "nairobi → tfc  FLASH  sealed" in lines
    assert "tfc → jakarta  IMMEDIATE  acknowledged" in lines
    assert "saved the attachment" in lines
    assert len(re.findall(r"sealed +at relay", lines)) == 3  # the head of each matrix


def _changed(**changes: object) -> str:
    report = json.loads(SAMPLE.read_bytes())
    report.update(changes)
    return json.dumps({k: v for k, v in report.items() if v is not None})


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (_changed(title=None), "title"),
        (_changed(title=5), "title"),
        (_changed(unheard_of="x"), "unheard_of"),
        ("not a report", ""),
        (_changed(assessment="word " * 400), ""),
        ('{"format": "koerier-incident/1", "stage": "alert", "stage": "alert"}', ""),
    ],
    ids=["missing", "wrong-type", "unknown", "not-json", "too-long", "twice"],
)
def test_a_bad_report_says_where_and_what_and_starts_nothing(
    tmp_path: Path, text: str, field: str
) -> None:
    report = tmp_path / "bad.json"
    report.write_text(text)
    done = demo(tmp_path / "ministry", report)
    assert done.returncode == 2
    assert done.stdout == ""
    first = done.stderr.splitlines()[0]
    file, where, what = first.split(": ", 2)
    assert file == "bad.json"
    assert field in where
    assert what
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "ministry").exists()


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "ministry" / "kept"
    kept.parent.mkdir()
    kept.write_text("mine")
    done = demo(kept.parent, SAMPLE)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--fresh" in done.stderr
    assert kept.read_text() == "mine"


def test_a_report_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = demo(tmp_path / "ministry", tmp_path / "nowhere.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nowhere.json" in done.stderr
