"""Keys that follow one another while messages run, on a ministry of real processes.

The commands are those of operations.md.  Nobody but the operators does anything: the
terminals go over by themselves, and every message is read and acknowledged.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from client.demo.ministry import POST, TFC, Unit
from tests.support.drills import Desktop
from tests.support.killing import Killer
from tests.support.live import PASSPHRASE, Live, founded, until

MESSAGES = 20  # each way
WORDS = ("anna", "bram", "vries")
Town = tuple[Live, Desktop, Killer]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("rotation")
    for name in WORDS:
        (folder / f"{name}.word").write_text(f"{PASSPHRASE}\n")
    with founded(folder) as live:
        yield live, Desktop(folder), Killer(live)


def keys(desktop: Desktop, post: str) -> dict[str, str]:
    """Return the current keys of a post as the directory at the other end has them."""
    other = "post" if post == "tfc" else "tfc"
    found = desktop.json(
        f"koerier --home terminals/{other} directory show {post} --json"
    )
    return {holder["kind"]: holder["key"] for holder in found["holders"]}


def sending(live: Live, sender: Unit, to: str) -> list[str]:
    return [live.send(f"bericht {n}", sender=sender, to=to) for n in range(MESSAGES)]


def acknowledged(live: Live, ids: list[str], sender: Unit, receiver: Unit) -> None:
    """Everything comes, is acknowledged by who sits there, and is known to be."""
    for message in ids:
        live.follow(message, "delivered", sender=sender)
    for message in ids:
        live.ask(receiver, "read", id=message)
        live.ask(receiver, "acknowledge", id=message)
    for message in ids:
        live.follow(message, "acknowledged", sender=sender)


def one_each_way(live: Live) -> None:
    for sender, receiver in ((TFC, POST), (POST, TFC)):
        message = live.send("nog een", sender=sender, to=receiver.post)
        acknowledged(live, [message], sender, receiver)


def alarms(live: Live, unit: Unit) -> Any:  # noqa: ANN401 -- JSON
    return live.ask(unit, "alarms")


def test_keys_rotate_while_messages_run(town: Town) -> None:
    live, desktop, _ = town
    before = keys(desktop, "post")
    with ThreadPoolExecutor(2) as pool:
        ways: list[tuple[Future[list[str]], Unit, Unit]] = [
            (pool.submit(sending, live, one, other.post), one, other)
            for one, other in ((TFC, POST), (POST, TFC))
        ]
        desktop.drill("new-keys")
    for sent, sender, receiver in ways:
        acknowledged(live, sent.result(), sender, receiver)
    after = keys(desktop, "post")
    assert after.keys() == before.keys() == {"terminal", "member"}
    assert not set(after.values()) & set(before.values())
    one_each_way(live)
    until(lambda: not waits(live, POST))
    assert [alarms(live, unit) for unit in (TFC, POST)] == [[], []]


# --- the agent is killed


def waits(live: Live, unit: Unit) -> bool:
    """Tell whether a key waits to take the place of the old one."""
    return (live.home(unit) / "keys" / "terminal-next.key").exists()


def asked(_: Live, desktop: Desktop) -> None:
    """The new key is drawn and asked for."""
    desktop.type("koerier --home terminals/tfc terminal rotate --out tfc.rotation")


def approved(_: Live, desktop: Desktop) -> None:
    """Two operators agree."""
    root, file = "--root root.cbor", "tfc-rotation"
    for line in (
        f"anna operator rotate tfc.rotation {root} --out {file}.proposal",
        f"bram operator approve {file}.proposal {root} --out {file}.entry",
    ):
        who = line.split()[0]
        word = f"--passphrase-fd 3 3< {who}.word"
        desktop.type(f"koerier --home operators/{line} {word}")


def logged(_: Live, desktop: Desktop) -> None:
    """The relay has the entry, ends the session, and takes the old key no more."""
    desktop.type("koerier-relay append --home relay tfc-rotation.entry")


def gone_over(live: Live, _: Desktop) -> None:
    """The terminal has adopted its entry."""
    until(lambda: changed(live), "gone over")


def changed(live: Live) -> bool:
    status = live.ask(TFC, "status")
    return bool(status["online"] and status["reachable"] and not waits(live, TFC))


STEPS: tuple[Callable[[Live, Desktop], None], ...] = (
    *(asked, approved, logged, gone_over),
)


@pytest.mark.parametrize("step", range(len(STEPS)), ids=lambda n: STEPS[n].__name__)
def test_an_agent_killed_at_a_step_of_it_goes_over_all_the_same(
    town: Town, step: int
) -> None:
    live, desktop, killer = town
    before = keys(desktop, "tfc")["terminal"]
    for act in STEPS[: step + 1]:
        act(live, desktop)
    killer.kill("tfc")
    message = live.send("onderweg", sender=POST, to="tfc")
    killer.start("tfc")
    for act in STEPS[step + 1 :]:
        act(live, desktop)
    until(lambda: keys(desktop, "tfc")["terminal"] != before)
    acknowledged(live, [message], POST, TFC)
    one_each_way(live)
    assert [alarms(live, unit) for unit in (TFC, POST)] == [[], []]
