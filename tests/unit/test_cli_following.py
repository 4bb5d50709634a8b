"""What ``sync`` and ``watch`` say of an agent's answers, and their statuses."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from client.cli.main import main
from client.door import asking
from client.exits import Exit
from client.lists import PAGE

ROUND: dict[str, Any] = {
    "online": True,
    "synchronised": True,
    "entries": 2,
    "log": 5,
    "received": 1,
    "stored": 1,
    "receipts": 3,
    "alarms": 0,
    "waiting": 0,
}


def koerier(home: Path, *words: str, lang: str = "en") -> Result:
    return CliRunner().invoke(main, ["--home", str(home), "--lang", lang, *words])


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({}, Exit.DONE, ""),
        ({"online": False, "waiting": 3}, Exit.QUEUED, "3 waiting in the outbox"),
        ({"alarms": 1}, Exit.INTEGRITY, "koerier alarms"),
        ({"synchronised": False}, Exit.FAILED, "Not synchronised in 20 seconds"),
    ],
)
def test_a_round_ends_in_its_status(
    changes: dict[str, Any],
    status: Exit,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    def ask(_home: object, method: str, **arguments: object) -> Any:  # noqa: ANN401 -- JSON
        asked.append((method, arguments))
        return {**ROUND, **changes}

    monkeypatch.setattr(asking, "ask", ask)
    for options in ((), ("--json",)):
        done = koerier(tmp_path, "sync", *options)
        assert done.exit_code == status
        assert said in done.stderr
    assert asked == [("sync", {"wait": 20})] * 2


def event(what: str, **changes: object) -> dict[str, object]:
    return {
        "number": 7,
        "at": "2026-11-23T15:30:00Z",
        "what": what,
        "id": "3f2a91",
        "post": "bern",
        "notification": None,
        **changes,
    }


def watched(
    monkeypatch: pytest.MonkeyPatch, home: Path, *events: object, options: str = ""
) -> list[str]:
    def stream(*_: object, **__: object) -> Iterator[object]:
        yield from events
        raise KeyboardInterrupt

    monkeypatch.setattr(asking, "stream", stream)
    done = koerier(home, "watch", *options.split())
    assert done.exit_code == Exit.DONE
    return done.stdout.splitlines()


def test_events_and_alarms_are_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received, fork, over, newer = watched(
        monkeypatch,
        tmp_path,
        event("received"),
        event("fork", id=None),
        event("fork-over", id=None),
        event("of-a-newer-agent"),
    )
    assert received.endswith("3f2a91: came in from bern")
    assert "ALARM: Stream of bern forked" in fork
    assert "Call the post and an operator." in fork
    assert "Over: ALARM: Stream of bern forked" in over
    assert newer.endswith("has no words for.")


def test_a_notification_says_nothing_of_the_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = watched(
        monkeypatch,
        tmp_path,
        event("stored"),
        event("received", notification="something"),
        event("received", notification="now"),
        event("fork", notification="alarm"),
        options="--notify",
    )
    assert lines == [
        "Koerier: there is something for you.",
        "Koerier: needed now.",
        "Koerier: alarm.",
    ]


def test_what_a_peer_wrote_is_not_obeyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = event("received", post="bern\x1b[2J\u202e\x9b")
    (shown,) = watched(monkeypatch, tmp_path, odd)
    assert "bern<U+001B>[2J<U+202E><U+009B>" in shown
    (line,) = watched(monkeypatch, tmp_path, odd, options="--json")
    assert "bern\\u001b[2J\\u202e\\u009b" in line


def test_a_watch_without_an_agent_or_after_its_end_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert koerier(tmp_path, "watch").exit_code == Exit.LOCKED
    monkeypatch.setattr(asking, "stream", lambda *_, **__: iter(()))
    done = koerier(tmp_path, "watch")
    assert done.exit_code == Exit.LOCKED
    assert "terminal unlock" in done.stderr


@pytest.mark.parametrize("method", ["inbox", "outbox"])
def test_a_whole_page_says_how_the_list_goes_on(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = {
        "id": "3f2a91",
        "received": "2026-11-23T15:30:00Z",
        "post": "bern",
        "precedence": "ROUTINE",
        "level": "Dep.V",
        "subject": "Overleg",
        "logged": True,
        "attachments": 0,
        "withdrawn": None,
        "withdraws": None,
        "to": [],
    }
    asked: list[Any] = []

    def ask(_home: object, method: str, **arguments: object) -> Any:  # noqa: ANN401 -- JSON
        asked.append((method, arguments))
        return [line] * (PAGE if arguments["older"] is None else 1)

    monkeypatch.setattr(asking, "ask", ask)
    first = koerier(tmp_path, method)
    assert "--older 3f2a91" in first.stderr
    last = koerier(tmp_path, method, "--older", "3f2a91")
    assert last.exit_code == first.exit_code == Exit.DONE
    assert last.stderr == ""
    assert asked == [(method, {"older": None}), (method, {"older": "3f2a91"})]
