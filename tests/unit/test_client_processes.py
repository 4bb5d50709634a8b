"""The demonstration's processes: one that dies, one that never gets ready."""

import sys
from pathlib import Path

import pytest

from client.demo import ministry, processes, scenes
from client.demo.processes import Services, StepFailedError, command, run, run_json, say


def test_a_command_that_fails_says_its_last_words() -> None:
    with pytest.raises(StepFailedError, match=r"\(3\) the last"):
        run([sys.executable, "-c", "import sys; print('a\\nthe last'); sys.exit(3)"])


def test_a_passphrase_comes_through_a_descriptor_and_nowhere_else() -> None:
    code = (
        "import json, os, sys; fd = int(sys.argv[2]);"
        " print(json.dumps([sys.argv[1:], os.read(fd, 99).decode()]))"
    )
    arguments, read = run_json([sys.executable, "-c", code], passphrase="geheim")  # noqa: S106
    assert arguments[0] == "--passphrase-fd"
    assert len(arguments) == 2
    assert read == "geheim\n"


def test_a_program_that_is_not_installed_is_told() -> None:
    with pytest.raises(StepFailedError, match="koerier-nothing is not installed"):
        command("koerier-nothing")


def test_a_service_that_dies_is_told_with_its_last_line(tmp_path: Path) -> None:
    with (
        Services(tmp_path) as services,
        pytest.raises(StepFailedError, match="bad did not start: oh no"),
    ):
        services.start(
            "bad", [sys.executable, "-c", "print('oh no')"], tmp_path / "ready"
        )


def test_a_service_that_never_gets_ready_is_given_up_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "START_LIMIT", 0.3)
    monkeypatch.setattr(processes, "STOP_LIMIT", 0.3)
    code = (
        "import signal, time, pathlib, sys;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "time.sleep(60)"
    )
    services = Services(tmp_path)
    with pytest.raises(StepFailedError, match="slow did not start"):
        services.start("slow", [sys.executable, "-c", code], tmp_path / "ready")
    pid = services.pid("slow")
    services.stop()
    assert not Path(f"/proc/{pid}").exists()


def test_progress_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    say("hallo")
    assert capsys.readouterr() == ("", "hallo\n")


def test_a_state_that_never_comes_ends_the_story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "LIMIT", -1.0)
    monkeypatch.setattr(scenes, "run_json", lambda _: NOTHING)
    with Services(tmp_path) as services:
        told: list[scenes.News] = []
        tale = scenes.Scenes(
            ministry.Ministry(tmp_path, services, lambda: "x"), told.append
        )
        with pytest.raises(StepFailedError, match=r"tfc|post"):
            tale.wait_until_reachable((ministry.TFC, ministry.POST))
        sent = scenes.Sent("x", ministry.POST, (ministry.TFC,))
        with pytest.raises(StepFailedError, match="tfc: read, tfc: acknowledged"):
            tale.follow(sent, "sealed", "read", "acknowledged")
        assert [news.state for news in told] == ["sealed"]


NOTHING = {
    "precedence": "FLASH",
    "reachable": False,
    "online": False,
    "to": [
        {
            "post": "tfc",
            "complete": None,
            "states": {
                "sealed": "now",
                **dict.fromkeys(
                    ("stored", "delivered", "accepted", "read", "acknowledged")
                ),
            },
        }
    ],
    "size": {"sealed": 1, "attachments": 0},
}


def test_a_service_that_ended_is_named(tmp_path: Path) -> None:
    with Services(tmp_path) as services:
        touch = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch()"
        wait = f"{touch}; time.sleep(60)"
        ready = tmp_path / "ready"
        with pytest.raises(StepFailedError):
            services.start("bad", [sys.executable, "-c", ""], tmp_path / "never")
        services.start("good", [sys.executable, "-c", wait, str(ready)], ready)
        assert services.ended() == ["bad"]
