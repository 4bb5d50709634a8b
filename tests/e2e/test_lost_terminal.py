"""The list `lost-terminal` of operations.md on a ministry that lives.

The lost terminal is switched on all the while: its agent runs, and hears its witnesses.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from client.demo.ministry import TFC
from tests.support.drills import LIMIT, Desktop
from tests.support.live import PASSPHRASE, Live, founded

OPERATORS = ("anna", "bram")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Desktop]]:
    folder = tmp_path_factory.mktemp("lost")
    for name in (*OPERATORS, "chris"):
        (folder / f"{name}.word").write_text(f"{PASSPHRASE}\n")
    with founded(folder) as live:
        desktop = Desktop(folder)
        desktop.drill("operators-at-terminals")
        yield live, desktop
        for name in OPERATORS:
            desktop.type(f"koerier --home operators/{name} terminal lock || true")


def until(found: Callable[[], Any], what: str) -> Any:  # noqa: ANN401 -- what was found
    limit = time.monotonic() + LIMIT
    while not (value := found()):
        assert time.monotonic() < limit, what
        time.sleep(0.2)
    return value


def newest(
    desktop: Desktop, who: str, subject: str, state: str
) -> Callable[[], object]:
    """Return what waits until the newest proposal at an operator's stands so."""

    def found() -> bool:
        lines = desktop.json(f"koerier --home operators/{who} operator list --json")
        return bool(lines) and (lines[0]["subject"], lines[0]["standing"]) == (
            subject,
            state,
        )

    return lambda: until(found, f"{who}: {subject} {state}")


def ended(desktop: Desktop) -> Callable[[], object]:
    """Return what waits until TFC knows that the terminal was revoked."""
    line = "koerier --home terminals/tfc exposure post --terminal 1 --json"

    def found() -> bool:
        (lost,) = desktop.json(line)["terminals"]
        return [end["reason"] for end in lost["ends"]] == ["restricted", "revoked"]

    return lambda: until(found, "revoked")


def test_a_lost_terminal_is_cut_off_reported_and_destroyed(
    town: tuple[Live, Desktop],
) -> None:
    live, desktop = town
    for name in OPERATORS:
        line = f"koerier --home operators/{name} terminal status --json"
        until(lambda line=line: desktop.json(line)["reachable"], name)  # type: ignore[misc]
    sent = live.send("Aangekomen.", sender=TFC, to="post")
    live.follow(sent, "delivered", sender=TFC)
    written = live.send("Van de post.")
    live.follow(written, "delivered")
    said = desktop.drill(
        "lost-terminal",
        {
            2: newest(desktop, "anna", "directory_entry", "open"),
            3: ended(desktop),
            5: newest(desktop, "bram", "zeroise", "open"),
        },
    )
    restricted, _, revoked, report, ordered, destroyed = said
    assert "3 of 3" in restricted
    assert "ends for good" in revoked
    assert "restricted to nothing" in report
    assert "revoked, by position" in report
    assert f"{sent}  " in report
    assert "IT HAS IT" in report
    assert f"{written}  " in report
    assert "post: 1 message(s), up to Dep.V" in report
    assert "tfc: 1 message(s), up to Dep.V" in report
    for screen in (ordered, destroyed):
        assert "DESTROYS ITS VAULT" in screen
        assert "everything in its vault -> nothing" in screen
    assert "terminal: 3 of 3" in destroyed
    # It asks its witnesses at moments of its own; whoever presses sync asks them now.
    desktop.type("koerier --home terminals/post sync || true")
    key = live.post / "keys" / "vault.key"
    until(lambda: not key.exists(), "destroyed")
    until(lambda: not (live.post / "run" / "agent.pid").exists(), "ended")
    for folder in (live.post / "keys", live.post / "data"):
        assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert "zeroised" in desktop.type("koerier --home terminals/post inbox", status=2)
