"""The operators' lists of operations.md, by records between terminals of `beheer`.

One ministry lives through all of them in the order in which they stand here; the
commands are the document's own.
"""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.drills import LIMIT, Desktop
from tests.support.live import PASSPHRASE, Live, founded

OPERATORS = ("anna", "bram")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Desktop]]:
    folder = tmp_path_factory.mktemp("operators")
    for name in ("anna", "bram", "chris"):
        (folder / f"{name}.word").write_text(f"{PASSPHRASE}\n")
    with founded(folder) as live:
        desktop = Desktop(folder)
        yield live, desktop
        for name in OPERATORS:
            desktop.type(f"koerier --home operators/{name} terminal lock || true")


def until(found: Callable[[], Any], what: str = "") -> Any:  # noqa: ANN401 -- what was found
    limit = time.monotonic() + LIMIT
    while not (value := found()):
        assert time.monotonic() < limit, what
        time.sleep(0.2)
    return value


def proposals(desktop: Desktop, who: str) -> Any:  # noqa: ANN401 -- JSON
    return desktop.json(f"koerier --home operators/{who} operator list --json")


def standing(desktop: Desktop, who: str, state: str) -> Callable[[], object]:
    """Return what waits until the newest proposal stands so at an operator's."""

    def newest() -> bool:
        found = proposals(desktop, who)
        return bool(found) and found[0]["standing"] == state

    return lambda: until(newest, f"{who}: {state}")


def post_at(desktop: Desktop, home: str) -> Any:  # noqa: ANN401 -- JSON
    return desktop.json(f"koerier --home {home} directory show post --json")


def holder(desktop: Desktop, home: str, kind: str) -> Any:  # noqa: ANN401 -- JSON
    return next(h for h in post_at(desktop, home)["holders"] if h["kind"] == kind)


def test_two_operators_come_to_sit_at_terminals(town: tuple[Live, Desktop]) -> None:
    _, desktop = town

    def two() -> bool:
        found = desktop.json("koerier --home operators/bram directory list --json")
        beheer = next(post for post in found if post["post"] == "beheer")
        return (beheer["terminals"], beheer["members"]) == (2, 2)

    said = desktop.drill("operators-at-terminals")
    spoken = re.search(r"reads you the same: (.*)", said[1])
    assert spoken is not None
    assert spoken[1] in said[2]  # who proposes sees what the terminal said
    until(two)
    for name in OPERATORS:
        line = f"koerier --home operators/{name} terminal status --json"
        until(lambda line=line: desktop.json(line)["reachable"])  # type: ignore[misc]


def test_a_change_is_proposed_approved_and_in_effect(
    town: tuple[Live, Desktop],
) -> None:
    _, desktop = town
    said = desktop.drill(
        "change-by-two",
        {
            1: standing(desktop, "bram", "open"),
            4: standing(desktop, "bram", "logged"),
            7: standing(desktop, "bram", "open"),
            8: standing(desktop, "anna", "rejected"),
        },
    )
    proposed, _, approved, _, logged, shown, *_, rejected = said
    for screen in (proposed, approved):
        assert "SET_RIGHTS" in screen
        assert "A. de Vries" in screen
        assert "Stg.G (Stg.C) -> Stg.C (Dep.V)" in screen
    assert "in effect since" in logged
    assert "member A. de Vries" in shown
    assert "rejected" in rejected
    for home in ("operators/anna", "terminals/post", "terminals/tfc"):
        found = until(
            lambda home=home: next(  # type: ignore[misc]
                h
                for h in post_at(desktop, home)["holders"]
                if h["kind"] == "member" and h["rights"] == "Stg.C"
            )
        )
        assert found["release"] == "Dep.V"


def test_a_restriction_is_at_once_and_lifting_needs_two(
    town: tuple[Live, Desktop],
) -> None:
    live, desktop = town
    said = desktop.drill(
        "restrict-and-lift",
        {
            4: standing(desktop, "anna", "open"),
            6: standing(desktop, "anna", "logged"),
        },
    )
    restricted, _, shown, lifting, *_, history, ending = said
    assert "NOTHING any more" in restricted
    assert "logged at position" in restricted
    assert "3 of 3" in restricted
    assert "machine left unattended" in shown
    assert "nothing -> " in lifting
    assert "LIFT post" in history
    assert "A. de Vries" in ending
    assert live.relay_up


def heard(desktop: Desktop, home: str) -> list[Any]:
    """Return what stands at the post after a round that no relay answers."""
    desktop.type(f"koerier --home {home} sync", status=4)
    found: list[Any] = post_at(desktop, home)["restrictions"]
    return found


def test_a_relay_that_does_not_log_it_stops_no_restriction(
    town: tuple[Live, Desktop],
) -> None:
    live, desktop = town
    live.kill_relay()
    line = (
        "koerier --home operators/anna operator restrict post --terminal 1"
        " --reason vermist --wait 1 --json --passphrase-fd 3 3< anna.word"
    )
    found = desktop.type(line, status=4)
    assert '"kept"' in found
    assert '"waiting"' in found
    for home in ("operators/bram", "terminals/tfc"):  # past the relay, by the witnesses
        (cut,) = until(lambda home=home: heard(desktop, home))  # type: ignore[misc]
        assert cut["index"] is None
        assert cut["reason"] == "vermist"
    live.start_relay()

    def carried() -> list[Any]:
        """Let both try again now; the leaf goes as soon as somebody takes it."""
        for name in OPERATORS:
            desktop.type(f"koerier --home operators/{name} sync || true")
        return [
            cut
            for cut in post_at(desktop, "operators/bram")["restrictions"]
            if cut["index"] is not None
        ]

    (logged,) = until(carried)
    assert logged["reason"] == "vermist"
    until(
        lambda: (
            not desktop.json("koerier --home terminals/post terminal status --json")[
                "online"
            ]
        )
    )


def test_what_a_paper_key_and_a_terminal_say_of_themselves(
    town: tuple[Live, Desktop],
) -> None:
    _, desktop = town
    desktop.type("koerier --home terminals/tfc sync || true")
    paper = desktop.type(
        "koerier --home terminals/tfc terminal restrict --paper --reason oefening"
        " --sheet-fd 3 3< terminals/tfc/paper-key.txt || test $? = 4"
    )
    assert "NOTHING any more" in paper
    until(
        lambda: desktop.json("koerier --home operators/bram directory show tfc --json")[
            "restrictions"
        ]
    )


@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_refusal_is_one_sentence(
    town: tuple[Live, Desktop], language: str, tmp_path: Path
) -> None:
    _, desktop = town
    koerier = f"koerier --lang {language} --home operators/bram"
    for line, status in (
        (("operator", "approve"), 2),
        (("operator", "show", "ffff"), 2),
        (("operator", "reject", "ffff", "--reason", "x"), 2),
        (("operator", "propose", "enrol", "nowhere", "--level", "Dep.V"), 2),
        (("operator", "propose", "rights", "post", "--level=Dep.V", "--reason=x"), 2),
        (("operator", "propose", "lift", "beheer", "--reason", "x"), 3),
        (("operator", "propose", "details", "post", "--reason", "x"), 2),
        (("operator", "revoke", "post", "--reason", "x"), 2),
        (("operator", "revoke", "post", "--terminal", "9", "--reason", "x"), 3),
        (("operator", "restrict", "--reason", "x"), 2),
        (("operator", "rotate", tmp_path / "none"), 2),
        (("directory", "show", "nowhere"), 3),
    ):
        said = desktop.type(f"{koerier} {' '.join(map(str, line))}", status=status)
        (sentence,) = [one for one in said.splitlines() if one.startswith("koerier: ")]
        assert sentence.endswith((".", "list", "show", "post", "nowhere", "beheer"))
        assert "Traceback" not in said
