"""Staff rotates: the list `hand-over` of operations.md, on a ministry that lives."""

from collections.abc import Iterator
from typing import Any

import pytest

from client.demo.ministry import POST as POST_UNIT
from client.demo.ministry import TFC
from tests.support.drills import Desktop
from tests.support.live import PASSPHRASE, Live, founded, until

WORDS = {
    **dict.fromkeys(("anna", "bram", "vries"), PASSPHRASE),
    "smit": "een heel andere zin, van Smit",
}
POST = "koerier --home terminals/post"
LEAVES, COMES = "A. de Vries", "D. Smit"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Desktop]]:
    folder = tmp_path_factory.mktemp("people")
    for name, word in WORDS.items():
        (folder / f"{name}.word").write_text(f"{word}\n")
    with founded(folder) as live:
        yield live, Desktop(folder)


def members(desktop: Desktop) -> dict[str, Any]:
    lines = desktop.json(f"{POST} terminal member list --json")
    return {line["name"]: line for line in lines}


def test_a_member_leaves_and_nothing_of_the_post_goes_with_them(
    town: tuple[Live, Desktop],
) -> None:
    live, desktop = town
    before = live.send("Voor De Vries.", "--subject", "Oud", sender=TFC, to="post")
    live.follow(before, "delivered", sender=TFC)
    desktop.type(f"{POST} read {before}")
    written = live.send("Van De Vries.", "--subject", "Van de oude")

    def leave() -> None:
        """What De Vries wrote is there; the key that goes is known by its name."""
        live.follow(written, "delivered")
        live.follow(before, "read", sender=TFC)
        until(lambda: members(desktop)[LEAVES]["waiting"] == 0, "nothing waits")
        shown = desktop.json(f"{POST} directory show post --json")
        (key,) = [m["key_id"] for m in shown["holders"] if m["name"] == LEAVES]
        (desktop.folder / "leaving.key").write_text(key)

    said = desktop.drill("hand-over", {7: leave})
    assert f"{COMES}  " in said[7]
    assert "on their way" not in said[7]
    assert "backup" in said[12]

    desktop.type(f"{POST} terminal lock")
    unlock = f"{POST} terminal unlock --passphrase-fd 3"
    desktop.type(f"{unlock} 3< vries.word", status=2)
    used = "--sheet-fd 4 4< terminals/post/recovery-sheet.txt"
    desktop.type(
        f"{POST} terminal recover {used} --passphrase-fd 3 3< vries.word", status=2
    )
    desktop.type(f"{unlock} 3< smit.word")
    live.reachable([POST_UNIT, TFC])
    assert members(desktop).keys() == {COMES}

    # The archive is the post's, and work goes on where it was.
    assert "Voor De Vries." in desktop.type(f"{POST} read {before}")
    outbox = desktop.json(f"{POST} outbox --json")
    assert written in {line["id"] for line in outbox}
    after = live.send("Voor Smit.", sender=TFC, to="post")
    live.follow(after, "delivered", sender=TFC)
    desktop.type(f"{POST} ack {after}")
    live.follow(after, "acknowledged", sender=TFC)
    new = live.send("Van Smit.")
    live.follow(new, "delivered")
    desktop.type(f"{POST} terminal check")
