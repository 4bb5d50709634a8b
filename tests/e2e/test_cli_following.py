"""``sync``, ``watch``, ``export`` and ``import``, through real processes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from client.demo.ministry import POST
from tests.support.live import BOUND, PASSPHRASE, PROGRAM, Live, koerier, said
from tests.support.watching import PATIENCE, watching


def test_what_happens_is_told_as_it_happens(live: Live) -> None:
    with (
        watching(live.tfc, "--json") as machine,
        watching(live.tfc, lang="nl") as person,
        watching(live.tfc, "--notify", lang="nl") as bell,
    ):
        assert json.loads(machine.line())["what"] == "watching"
        assert "Kijkt mee." in person.line()
        message = live.send("Nu.", "--precedence", "FLASH")
        came = machine.until("received")
        assert (came["id"], came["post"], came["notification"]) == (
            message,
            "post",
            "now",
        )
        person.told(f"{message}: binnengekomen van post")
        assert bell.line() == "Koerier: nu nodig."
        routine = live.send("Ooit.")
        assert machine.until("received")["id"] == routine
        assert bell.line() == "Koerier: er is iets voor u."
        machine.process.send_signal(signal.SIGINT)
        assert machine.process.wait(PATIENCE) == 0
    with watching(live.tfc, "--json", "--after", str(came["number"] - 1)) as again:
        json.loads(again.line())
        assert json.loads(again.line()) == came


def test_one_round_says_what_changed(live: Live) -> None:
    live.send("Rond.")
    found = said(live.post, "sync")
    assert (found["online"], found["synchronised"], found["alarms"]) == (True, True, 0)
    assert found["waiting"] == 0
    shown = koerier(live.post, "sync", lang="nl")
    assert shown.returncode == 0, shown.stderr
    assert "Adresgids: 0 nieuwe regels." in shown.stdout


def grades(done: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    return {line["check"]: line["grade"] for line in json.loads(done.stdout)}


def test_the_doctor_finds_a_healthy_terminal_healthy(live: Live) -> None:
    done = koerier(live.tfc, "doctor", "--json")
    assert done.returncode == 0, done.stdout
    found = grades(done)
    assert found.pop("disk") in {"ok", "warn"}  # of whatever machine this is
    assert set(found.values()) == {"ok"}
    assert {"relay", "agent", "clock", "witnesses", "prekeys"} <= found.keys()
    shown = koerier(live.tfc, "doctor", lang="nl")
    assert "Relais: verbonden." in shown.stdout
    key = live.tfc / "keys" / "vault.key"
    key.chmod(0o644)
    done = koerier(live.tfc, "doctor", lang="nl")
    key.chmod(0o600)
    assert done.returncode == 1
    assert f"anderen op deze machine kunnen {key} lezen" in done.stdout


def test_a_message_is_withdrawn_and_nothing_is_wrong(live: Live) -> None:
    message = live.send("Te vroeg.")
    live.follow(message, "delivered")
    post = live.post
    done = koerier(post, "withdraw", message, "--reason", "te vroeg", "--json")
    assert done.returncode == 0, done.stderr
    with watching(live.tfc, "--json", "--after", "0") as events:
        assert events.until("withdrawn")["id"] == message
    assert said(live.tfc, "alarms") == []
    assert koerier(live.tfc, "alarms", lang="nl").stdout == "Geen alarmen.\n"
    checked = koerier(post, "terminal", "check")
    assert checked.returncode == 0, checked.stderr
    unknown = koerier(post, "withdraw", "ffffffffffff", "--reason", "x")
    assert unknown.returncode == 2


def unlocked(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command that unlocks for itself."""
    reading, writing = os.pipe()
    os.write(writing, PASSPHRASE.encode() + b"\n")
    os.close(writing)
    try:
        return subprocess.run(  # noqa: S603 -- our own program
            [
                *(sys.executable, "-c", PROGRAM, "--home", str(home), "--lang", "en"),
                *("--passphrase-fd", str(reading), *words),
            ],
            input="Per koerier.",
            pass_fds=(reading,),
            capture_output=True,
            text=True,
            check=False,
            timeout=BOUND,
        )
    finally:
        os.close(reading)


def test_without_a_line_a_message_goes_by_courier(live: Live, tmp_path: Path) -> None:
    post = live.post
    live.follow(live.send("Eerst."), "delivered")
    assert said(post, "sync")["synchronised"]  # keys are kept of whom it wrote to
    said(post, "sync")
    with watching(post, "--json") as last:
        last.line()
        live.lock(POST)
        assert last.process.wait(PATIENCE) == 5
    locked = koerier(post, "sync")
    assert locked.returncode == 5
    outside = koerier(post, "doctor", "--json")  # it looks at the relay by itself
    assert outside.returncode == 0, outside.stdout
    assert grades(outside)["agent"] == "warn"
    assert grades(outside)["relay"] == "ok"
    assert "prekeys" not in grades(outside)
    inside = unlocked(post, "doctor", "--json")
    assert grades(inside)["prekeys"] == "ok"
    sent = unlocked(
        post,
        *("send", "--to", "tfc", "--subject", "Koerier", "--level", "Dep.V"),
        *("--until", "31-01-2031", "--json"),
    )
    assert sent.returncode == 4, sent.stderr
    message = json.loads(sent.stdout)["id"]
    file = tmp_path / "post.koerier"
    made = unlocked(post, "export", message, "--out", str(file))
    assert made.returncode == 0, made.stderr
    assert "without a current directory" in made.stderr
    assert "tfc" in made.stdout
    taken = unlocked(post, "export", message, "--out", str(file))
    assert taken.returncode == 2

    came = koerier(live.tfc, "import", file)
    assert came.returncode == 0, came.stderr
    assert message in came.stdout
    shown = koerier(live.tfc, "read", message)
    assert "Came by courier" in shown.stdout
    assert "Per koerier." in shown.stdout
    again = said(live.tfc, "import", str(file))
    assert (again["known"], again["id"]) == (True, message)

    round_ = unlocked(post, "sync", "--json", "--wait", "60")  # without an agent
    assert round_.returncode == 0, round_.stderr
    found = json.loads(round_.stdout)
    assert found["synchronised"]
    receipts = unlocked(post, "receipts", message, "--json")
    states = json.loads(receipts.stdout)["to"][0]["states"]
    assert states["delivered"]
    assert states["read"]


def test_a_file_that_is_no_bundle_is_refused_in_one_sentence(
    live: Live, tmp_path: Path
) -> None:
    hostile = {
        "leeg": b"",
        "tekst": b"Geachte collega,\n",
        "groot": bytes(9_000_000),
        "nest": b"\x81" * 5_000,
    }
    for name, data in hostile.items():
        (tmp_path / name).write_bytes(data)
        done = koerier(live.tfc, "import", tmp_path / name, lang="nl")
        assert (done.returncode, done.stdout) == (2, ""), name
        assert len(done.stderr.splitlines()) == 1
    missing = koerier(live.tfc, "import", tmp_path / "weg", lang="nl")
    assert missing.returncode == 2
    assert "is er niet" in missing.stderr
    assert koerier(live.tfc, "export", "ffffffffffff", "--out", "x").returncode == 2


def test_a_relay_that_is_away_is_said_and_queues(live: Live) -> None:
    live.kill_relay()
    with watching(live.tfc, "--json") as last:
        last.line()
        done = koerier(live.tfc, "sync", "--wait", "30", lang="nl")
    assert done.returncode == 4, done.stderr
    assert "niet bereikbaar" in done.stderr
    doctor = koerier(live.tfc, "doctor", "--json")
    assert doctor.returncode == 1
    assert grades(doctor)["relay"] == "fail"
    sent = koerier(
        live.tfc,
        *("send", "--to", "post", "--subject", "Later", "--level", "Dep.V"),
        *("--until", "2031-01-31"),
        text="Straks.",
    )
    assert sent.returncode == 4
    assert "In the outbox" in sent.stdout
    assert "leaves by itself" in sent.stderr
