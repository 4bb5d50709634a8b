"""The drills of operations.md: members, recovery, backup, second and lost terminals.

One ministry lives through all of them in the order in which they stand here; the
commands are the document's own.
"""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.drills import LIMIT, Desktop, drills
from tests.support.live import PASSPHRASE, founded

WORDS = {
    **dict.fromkeys(("anna", "bram", "vries"), PASSPHRASE),
    "jansen": "een eigen wachtzin van Jansen",
    "bakker": "nog een andere zin, van Bakker",
    "vries-new": "vergeten, en opnieuw bedacht",
}


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    folder = tmp_path_factory.mktemp("life")
    for name, word in WORDS.items():
        (folder / f"{name}.word").write_text(f"{word}\n")
    (folder / "later.txt").write_text("Geschreven zonder agent.\n")
    with founded(folder):
        found = Desktop(folder)
        yield found
        for terminal in found.terminals():
            found.type(f"koerier --home terminals/{terminal} terminal lock || true")


def until(found: Callable[[], Any]) -> Any:  # noqa: ANN401 -- what was found
    limit = time.monotonic() + LIMIT
    while not (value := found()):
        assert time.monotonic() < limit
        time.sleep(0.2)
    return value


def send(desktop: Desktop, sender: str, to: str, subject: str) -> str:
    found = desktop.json(
        f"printf 'Tekst.\\n' | koerier --home terminals/{sender} send --to {to}"
        f" --subject '{subject}' --level Dep.V --until 2031-01-31 --json"
    )
    return str(found["id"])


def inbox(desktop: Desktop, terminal: str) -> list[Any]:
    found: list[Any] = desktop.json(f"koerier --home terminals/{terminal} inbox --json")
    return found


def came(desktop: Desktop, terminal: str, subject: str) -> str:
    def look() -> list[str]:
        return [m["id"] for m in inbox(desktop, terminal) if m["subject"] == subject]

    return str(until(look)[0])


def states(desktop: Desktop, terminal: str, message: str) -> dict[str, Any]:
    found = desktop.json(
        f"koerier --home terminals/{terminal} receipts {message} --json"
    )
    states: dict[str, Any] = found["to"][0]["states"]
    return states


def reached(desktop: Desktop, terminal: str, message: str, state: str) -> None:
    until(lambda: states(desktop, terminal, message)[state])


def seated(desktop: Desktop, terminal: str) -> list[Any]:
    found: list[Any] = desktop.json(
        f"koerier --home terminals/{terminal} terminal member list --json"
    )
    return found


def test_every_drill_of_the_document_is_typed() -> None:
    here = Path(__file__).parent
    source = "".join(
        file.read_text(encoding="utf-8") for file in here.glob("test_*.py")
    )
    typed = {name for name in drills() if re.search(rf'drill\(\s*"{name}"', source)}
    assert typed == drills().keys()
    assert len(typed) >= 9


def test_a_second_member_signs_what_they_read(desktop: Desktop) -> None:
    first = send(desktop, "tfc", "post", "Voor De Vries")
    id_ = came(desktop, "post", "Voor De Vries")
    desktop.type(f"koerier --home terminals/post read {id_}")
    reached(desktop, "tfc", first, "read")

    said = desktop.drill("second-member")
    assert "B. Jansen" in said[-1]
    (jansen,) = [m for m in seated(desktop, "post") if m["seated"]]
    assert (jansen["name"], jansen["enrolled"]) == ("B. Jansen", True)
    (vries,) = [m for m in seated(desktop, "post") if not m["seated"]]
    assert vries["key"] != jansen["key"]

    second = send(desktop, "tfc", "post", "Voor Jansen")
    id_ = came(desktop, "post", "Voor Jansen")
    desktop.type(f"koerier --home terminals/post read {id_}")
    desktop.type(f"koerier --home terminals/post ack {id_}")
    reached(desktop, "tfc", second, "acknowledged")
    for word, status in (("vries", 2), ("jansen", 0)):  # nobody sits for another
        desktop.type(
            "koerier --home terminals/post terminal unlock --member 'B. Jansen'"
            f" --passphrase-fd 3 3< {word}.word",
            status=status,
        )


def test_a_forgotten_passphrase_has_a_way_back(desktop: Desktop) -> None:
    paper = "koerier --home terminals/post terminal recover --sheet-fd 4"
    wrong = desktop.type(
        f"{paper} --passphrase-fd 3 4< terminals/post/paper-key.txt 3< vries-new.word",
        status=2,
    )
    assert "Row 1" in wrong
    desktop.drill("forgotten-passphrase")
    (vries,) = [m for m in seated(desktop, "post") if m["seated"]]
    assert vries["name"] == "A. de Vries"
    used = desktop.type(  # the sheet that was used opens nothing any more
        f"{paper} --passphrase-fd 3"
        " 4< terminals/post/recovery-sheet.txt 3< vries-new.word",
        status=2,
    )
    assert "Not unlocked" in used


def test_a_damaged_vault_is_named_and_restored(desktop: Desktop) -> None:
    vault = desktop.folder / "terminals/post/data/vault.db"

    def damage() -> None:
        whole = vault.read_bytes()
        vault.write_bytes(bytes(4096) + whole[4096:])
        unlock = "koerier --home terminals/post terminal unlock --passphrase-fd 3"
        assert "vault.db" in desktop.type(f"{unlock} 3< vries.word", status=6)
        assert vault.read_bytes()[4096:] == whole[4096:]  # nothing was touched

    desktop.drill("backup-and-restore", {3: damage})
    assert {m["subject"] for m in inbox(desktop, "post")} >= {"Voor De Vries"}
    message = send(desktop, "post", "tfc", "Na het terugzetten")
    reached(desktop, "post", message, "delivered")
    message = send(desktop, "tfc", "post", "Aan de teruggezette")
    reached(desktop, "tfc", message, "delivered")
    kept = list((desktop.folder / "terminals/post/data").glob("before-restore-1/*"))
    assert kept


def test_a_second_terminal_reads_what_comes_in_too(desktop: Desktop) -> None:
    desktop.drill("second-terminal")
    desktop.wait_for("post-2", lambda s: s["reachable"] and s["terminal"] == 2)
    desktop.wait_for_entries(
        desktop.json("koerier --home terminals/post-2 terminal status --json")[
            "entries"
        ]
    )
    message = send(desktop, "tfc", "post", "Aan twee terminals")
    came(desktop, "post", "Aan twee terminals")
    id_ = came(desktop, "post-2", "Aan twee terminals")
    desktop.type(f"koerier --home terminals/post-2 read {id_}")
    reached(desktop, "tfc", message, "read")
    (bakker,) = seated(desktop, "post-2")
    assert (bakker["name"], bakker["enrolled"]) == ("C. Bakker", True)


def test_a_command_without_an_agent_composes_and_reads(desktop: Desktop) -> None:
    said = desktop.drill("without-an-agent", statuses={2: 4})
    assert "Voor De Vries" in said[1]
    came(desktop, "tfc", "Later")
    both = desktop.type(
        "koerier --home terminals/post --passphrase-fd 3 inbox 3< vries.word"
    )
    assert "Voor De Vries" in both  # the agent answers; no second owner
    desktop.type("koerier --home terminals/post terminal lock")
    locked = desktop.type("koerier --home terminals/post inbox", status=5)
    assert "terminal unlock" in locked


def test_a_killed_agent_leaves_nothing_in_the_way(desktop: Desktop) -> None:
    unlock = "koerier --home terminals/post terminal unlock --passphrase-fd 3"
    desktop.type(f"{unlock} 3< vries.word")
    pid = desktop.folder / "terminals/post/run/agent.pid"
    os.kill(int(pid.read_text()), signal.SIGKILL)
    desktop.type(f"{unlock} 3< vries.word")
    assert "Voor De Vries" in json.dumps(inbox(desktop, "post"))


def test_a_lost_machine_goes_on_as_a_new_terminal(desktop: Desktop) -> None:
    desktop.type("koerier --home terminals/post terminal lock")
    desktop.drill("lost-machine")
    desktop.wait_for("post-3", lambda s: s["reachable"] and s["terminal"] == 3)
    assert {m["subject"] for m in inbox(desktop, "post-3")} >= {"Voor De Vries"}
    desktop.wait_for_entries(
        desktop.json("koerier --home terminals/post-3 terminal status --json")[
            "entries"
        ]
    )
    send(desktop, "tfc", "post", "Aan de nieuwe")
    id_ = came(desktop, "post-3", "Aan de nieuwe")
    desktop.type(f"koerier --home terminals/post-3 read {id_}")
    message = send(desktop, "post-3", "tfc", "Van de nieuwe")
    reached(desktop, "post-3", message, "delivered")
