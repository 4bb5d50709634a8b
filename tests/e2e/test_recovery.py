"""The lists `all-terminals-lost` and `history-refused` of operations.md, typed.

Everything of the post burns, its vault and its keys; in the safe is its paper key.
"""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from client.demo.ministry import POST, TFC
from tests.support.drills import Desktop
from tests.support.live import PASSPHRASE, Live, founded, until

AGAIN = "koerier --home terminals/again"
AT_TFC = "koerier --home terminals/tfc"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Desktop]]:
    folder = tmp_path_factory.mktemp("recovery")
    for name in ("anna", "bram", "vries"):
        (folder / f"{name}.word").write_text(f"{PASSPHRASE}\n")
    with founded(folder) as live:
        desktop = Desktop(folder)
        yield live, desktop
        desktop.type(f"{AGAIN} terminal lock || true")


def burn(live: Live, desktop: Desktop) -> None:
    """Lose the post's one machine; what lies in the safe is elsewhere."""
    shown = desktop.json(f"{AT_TFC} directory show post --json")
    for holder in shown["holders"]:
        name = "terminal" if holder["kind"] == "terminal" else "vries"
        (desktop.folder / f"{name}.key").write_text(holder["key_id"])
    safe = desktop.folder / "safe"
    safe.mkdir()
    shutil.copy(live.post / "paper-key.txt", safe)
    live.lock(POST)
    shutil.rmtree(live.post)


def requested(desktop: Desktop, reason: str) -> Callable[[], object]:
    """Return what waits for a request at TFC, and writes down how it is named."""

    def found() -> bool:
        for one in desktop.json(f"{AT_TFC} history requests --json"):
            if one["reason"] == reason and one["standing"] == "open":
                (desktop.folder / "asked.id").write_text(one["id"])
                return True
        return False

    return lambda: until(found, reason)


def standing(desktop: Desktop, state: str) -> Any:  # noqa: ANN401 -- JSON
    def found() -> Any:  # noqa: ANN401 -- JSON
        newest = desktop.json(f"{AGAIN} history requests --json")[0]
        return newest if newest["standing"] == state else None

    return until(found, state)


def test_a_post_that_lost_everything_reads_on_and_back(
    town: tuple[Live, Desktop],
) -> None:
    live, desktop = town
    mine = live.send("Van de post.", "--subject", "Oud, van ons")
    live.follow(mine, "accepted", "delivered")
    theirs = live.send(
        "Aan de post.", "--subject", "Oud, van TFC", sender=TFC, to="post"
    )
    live.follow(theirs, "accepted", "delivered", sender=TFC)
    receipts = live.ask(TFC, "receipts", id=theirs)
    burn(live, desktop)
    waiting = live.send(
        "Ja.", "--subject", "Terwijl het brandde.", sender=TFC, to="post"
    )

    def enrolled() -> None:
        """What waited reaches the new terminal; its member is known."""

        def found() -> bool:
            (line,) = desktop.json(f"{AGAIN} terminal member list --json")
            return bool(line["enrolled"])

        until(found, "enrolled")
        live.follow(waiting, "delivered", sender=TFC)

    def all_there() -> None:
        found = standing(desktop, "done")
        assert (found["sent"], found["left_out"]) == (3, 0)
        (desktop.folder / "old.id").write_text(theirs)

    said = desktop.drill(
        "all-terminals-lost",
        {
            23: enrolled,
            24: requested(desktop, "fire, everything lost"),
            27: all_there,
        },
    )
    requests, shown, agreed, done, listed, opened = said[24:]
    assert "post asks since" in requests
    assert "Terminal 2 of post" in shown
    assert "3 message(s)" in shown
    assert "up to Dep.V" in shown
    assert "3 message(s) go to post again" in agreed
    assert "3 are here" in done
    for subject in ("Oud, van ons", "Oud, van TFC"):
        assert subject in listed
    assert "Terwijl het brandde." not in listed  # it came as it was sent
    assert "HISTORY: sent again by tfc" in opened
    assert "at terminal 1 of tfc" in opened
    assert "Aan de post." in opened
    assert "In the witnessed log not later than" in opened

    inbox = {m["subject"] for m in desktop.json(f"{AGAIN} inbox --json")}
    assert not inbox & {"Oud, van ons", "Oud, van TFC"}
    assert live.ask(TFC, "receipts", id=theirs) == receipts
    (old,) = [
        line
        for line in desktop.json(f"{AGAIN} history list --json")
        if line["id"] == mine
    ]
    assert old["post"] == "post"
    assert old["worth"] in {"before", "doubted"}
    new = desktop.json(
        f"printf 'Weer hier.\\n' | {AGAIN} send --to tfc --subject Weer"
        " --level Dep.V --until 2031-01-31 --json"
    )["id"]
    line = f"{AGAIN} receipts {new} --json"
    until(lambda: desktop.json(line)["to"][0]["states"]["delivered"], "delivered")


def test_a_member_may_refuse_and_says_why(town: tuple[Live, Desktop]) -> None:
    _, desktop = town
    said = desktop.drill(
        "history-refused",
        {
            1: requested(desktop, "once more"),
            2: lambda: standing(desktop, "refused"),
        },
    )
    assert "refused" in said[1]
    assert "tfc said no" in said[2]
    assert "nobody answers your telephone" in said[2]
