"""Every daily command, through real processes of one small ministry."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from client.demo.ministry import POST, TFC
from tests.support.live import BOUND, PASSPHRASE, PROGRAM, Live, koerier

SAMPLE = Path(__file__).parents[2] / "docs/samples/alert-kasat-2022.json"


def delivered(live: Live, message: str) -> Any:  # noqa: ANN401 -- JSON
    return live.follow(message, "delivered", "accepted")


def sent(live: Live, subject: str, *options: object) -> str:
    done = koerier(
        live.post,
        *("send", "--to", "tfc", "--subject", subject, "--level", "Dep.V"),
        *("--until", "2031-01-31", "--json", *options),
        text="Eerste alinea.\n\nTweede alinea.\n",
    )
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["id"])


def test_a_message_is_written_read_and_acknowledged(live: Live) -> None:
    message = sent(live, "Overleg", "--precedence", "IMMEDIATE")
    delivered(live, message)
    listed = koerier(live.tfc, "inbox")
    assert message in listed.stdout
    assert "IMMEDIATE" in listed.stdout
    shown = koerier(live.tfc, "read", message)
    lines = shown.stdout.splitlines()
    assert lines[0] == lines[-1] == "=== Dep.V ==="
    assert "Tweede alinea." in shown.stdout
    assert koerier(live.tfc, "ack", message).returncode == 0
    through = live.follow(message, "read", "acknowledged")
    assert through["proof"]["verified"] is True
    assert message in koerier(live.post, "outbox").stdout
    told = koerier(live.post, "receipts", message).stdout
    assert "acknowledged" in told


def test_each_listing_is_json_when_asked(live: Live) -> None:
    message = sent(live, "JSON")
    delivered(live, message)
    (found,) = [
        line
        for line in json.loads(koerier(live.tfc, "inbox", "--json").stdout)
        if line["id"] == message
    ]
    assert found["subject"] == "JSON"
    opened = json.loads(koerier(live.tfc, "read", message, "--json").stdout)
    assert ["subject", "JSON"] in opened["parts"]
    assert json.loads(koerier(live.tfc, "ack", message, "--json").stdout)["id"]
    outbox = json.loads(koerier(live.post, "outbox", "--json").stdout)
    assert message in [line["id"] for line in outbox]
    receipts = json.loads(koerier(live.post, "receipts", message, "--json").stdout)
    assert receipts["id"] == message


def test_a_report_is_sent_and_shown_by_its_own_command(live: Live) -> None:
    done = koerier(live.post, "incident", "send", SAMPLE)
    assert done.returncode == 0, done.stderr
    message = done.stdout.split()[-1]
    delivered(live, message)
    shown = koerier(live.tfc, "incident", "show", message, lang="nl")
    assert "Onderwerp" in shown.stdout


def test_what_is_wrong_with_a_command_ends_in_its_own_status(live: Live) -> None:
    common = ("send", "--to", "tfc", "--subject", "x", "--until", "2031-01-31")
    above = koerier(live.post, *common, "--level", "Stg.ZG", text="x")
    assert (above.returncode, above.stdout) == (3, "")
    unknown = koerier(
        live.post,
        *("send", "--to", "nergens", "--subject", "x", "--level", "Dep.V"),
        *("--until", "2031-01-31"),
        text="x",
        lang="nl",
    )
    assert unknown.returncode == 3
    assert "nergens" in unknown.stderr
    assert koerier(live.tfc, "read", "ffffffffffff").returncode == 2
    assert koerier(live.post, *common, "--level", "Dep.X", text="x").returncode == 2
    wrong = koerier(live.post, *common[:-1], "gisteren", "--level", "Dep.V", text="x")
    assert wrong.returncode == 2
    long = koerier(live.post, *common, "--level", "Dep.V", "--subject", "x" * 5_000)
    assert long.returncode == 2
    for done in (above, unknown, wrong, long):
        assert "Traceback" not in done.stderr


def test_a_terminal_says_where_it_stands(live: Live) -> None:
    said = koerier(live.post, "terminal", "status").stdout
    assert "post" in said
    assert "connected" in said
    found = json.loads(koerier(live.post, "terminal", "status", "--json").stdout)
    assert found["online"] is True
    assert found["enrolled"] is True


def test_no_passphrase_stands_in_arguments_or_environment(live: Live) -> None:
    for unit in (TFC, POST):
        process = Path(f"/proc/{live.agent(unit).read_text().strip()}")
        for part in ("cmdline", "environ"):
            assert PASSPHRASE.encode() not in (process / part).read_bytes()
    for file in live.ministry.folder.rglob("*"):
        if file.is_file() and not file.is_socket():
            assert PASSPHRASE.encode() not in file.read_bytes(), file


def test_a_message_that_met_a_kill_of_the_relay_arrives_once(live: Live) -> None:
    relay = live.services.pid(live.relay)
    os.kill(relay, signal.SIGSTOP)  # it takes the bytes and answers nothing
    message = sent(live, "Onderweg")
    time.sleep(0.5)
    live.kill_relay()
    live.start_relay()
    through = delivered(live, message)
    assert through["to"][0]["states"]["delivered"]
    inbox = json.loads(koerier(live.tfc, "inbox", "--json").stdout)
    assert [line["subject"] for line in inbox].count("Onderweg") == 1


def test_a_member_who_fears_a_copy_goes_on_in_new_streams(live: Live) -> None:
    assert (
        "in nieuwe reeksen"
        in koerier(live.post, "terminal", "renew-streams", lang="nl").stdout
    )
    again = json.loads(koerier(live.post, "terminal", "renew-streams", "--json").stdout)
    assert again["terminals"] >= 1
    delivered(live, sent(live, "In een nieuwe reeks"))


def test_a_terminal_is_locked_and_unlocked_again(live: Live) -> None:
    live.lock(POST)
    locked = koerier(live.post, "inbox", lang="nl")
    assert (locked.returncode, locked.stdout) == (5, "")
    assert "terminal unlock" in locked.stderr

    for word, status in ((PASSPHRASE + "!", 2), (PASSPHRASE, 0), (PASSPHRASE, 2)):
        reading, writing = os.pipe()
        os.write(writing, word.encode() + b"\n")
        os.close(writing)
        done = subprocess.run(  # noqa: S603 -- our own program
            [
                *(sys.executable, "-c", PROGRAM, "--home", str(live.post)),
                *("terminal", "unlock", "--passphrase-fd", str(reading)),
            ],
            pass_fds=(reading,),
            capture_output=True,
            text=True,
            check=False,
            timeout=BOUND,
        )
        os.close(reading)
        assert done.returncode == status, done.stderr
        assert word not in done.stdout + done.stderr
    live.lock(POST)
