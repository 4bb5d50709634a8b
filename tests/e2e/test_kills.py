"""A real ministry loses processes, and then its relay's whole disk; no message.

Agents, relay and witnesses are killed (-9) at random moments while messages go from
Bern to the Taskforce.  After each kill the shipped checkers are green; in the end every
message whose number a person saw is there, and each once.  Then the relay loses
everything but its keys.
"""

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import aiohttp
import pytest

from client.demo.ministry import BERN, TFC
from client.demo.processes import command, run
from client.door.asking import ask
from client.exits import AgentRefusal
from client.home import Home
from client.operator.documents import Request, read_document
from client.operator.keyfile import open_key
from client.operator.rootfile import read_root
from crypto.sign import Usage
from crypto.types import KeyId
from protocol.codec import encode
from protocol.restriction import Restriction
from protocol.signed import sign_document
from server.storage.opening import check_store
from tests.support.campaign import Campaign
from tests.support.killing import DATABASE, Killer, compose, subjects
from tests.support.live import Live, founded

MESSAGES = 4  # written in a round
VICTIMS = {"relay": 4, "witness-1": 2, "witness-2": 2, "witness-3": 1}
AGENTS = {"bern": 1, "tfc": 1}
PATIENCE = 120.0  # seconds for anything; a loaded machine needs a few


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with founded(tmp_path_factory.mktemp("kills"), (TFC, BERN)) as ministry:
        yield ministry


@pytest.fixture(scope="module")
def killer(live: Live) -> Killer:
    return Killer(live)


def until(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.2)


def checked(live: Live, victim: str) -> None:
    """Run the checker of whoever was killed."""
    if victim == "relay":
        assert asyncio.run(check_store(DATABASE, live.ministry.relay)) == []
    elif victim in VICTIMS:
        home = live.ministry.folder / victim
        assert run(command("koerier-witness", "check", "--home", home)) == "ok\n"


@pytest.mark.campaign
def test_nothing_is_lost_or_shown_twice_whoever_is_killed(
    live: Live, killer: Killer, campaign: Campaign
) -> None:
    bern, tfc = live.home(BERN), live.home(TFC)
    promised: set[str] = set()
    doubtful: set[str] = set()
    chances = {**VICTIMS, **AGENTS}
    for number, chance in campaign.rounds(quick=4, ci=30, deep=500):
        (victim,) = chance.choices([*chances], weights=[*chances.values()])
        names = [f"{campaign.seed}/{number}/{n}" for n in range(MESSAGES)]

        def write(names: list[str] = names) -> None:
            for name in names:
                (promised if compose(bern, name) else doubtful).add(name)

        writing = Thread(target=write)
        writing.start()
        time.sleep(chance.uniform(0.0, 0.8))
        killer.kill(victim)
        checked(live, victim)
        killer.start(victim)
        writing.join()
    until(lambda: promised <= set(subjects(tfc)), "not everything arrived")
    came = subjects(tfc)
    assert len(came) == len(set(came))
    assert set(came) <= promised | doubtful
    assert promised
    assert live.check().stdout == "ok\n"


def strip(live: Live) -> Path:
    """Lose the relay's whole disk; return the copies that lay in a safe."""
    home, safe = live.ministry.relay, live.ministry.folder / "safe"
    safe.mkdir(mode=0o700)
    for name in ("keys/relay.seeds", "relay.toml", "root.cbor"):
        shutil.copy2(home / name, safe / Path(name).name)
    shutil.rmtree(home)
    return safe


def test_a_relay_without_its_disk_comes_back_from_its_keys_and_a_mirror(
    live: Live, killer: Killer
) -> None:
    bern, tfc, relay = live.home(BERN), live.home(TFC), live.ministry.relay
    killer.kill("tfc")
    waiting = [f"niemand thuis {n}" for n in range(3)]
    for subject in waiting:
        assert compose(bern, subject)

    def accepted() -> bool:
        rows = ask(Home(bern), "outbox")[:3]
        return all(row["to"][0]["states"]["accepted"] for row in rows)

    until(accepted, "not accepted")
    killer.kill("relay")
    safe = strip(live)
    run(
        command(
            *("koerier-relay", "init", "--home", relay, "--name", "demo.koerier"),
            *("--seeds", safe / "relay.seeds"),
        )
    )
    for name in ("relay.toml", "root.cbor"):
        shutil.copy2(safe / name, relay / name)
    said = json.loads(
        run(
            command(
                *("koerier-relay", "refill", "--home", relay),
                *live.ministry.elsewhere,
            )
        )
    )
    assert said["format"] == "koerier-relay-refill/1"
    assert said["logs"]["message"]["size"] >= 3
    assert said["logs"]["message"]["kept"] == 0
    assert live.check().stdout == "ok\n"
    killer.start("relay")
    killer.unlock(TFC)
    until(lambda: set(waiting) <= set(subjects(tfc)), "not delivered again")
    came = subjects(tfc)
    assert len(came) == len(set(came))
    assert compose(bern, "na de brand")  # to prekeys that were published again
    until(lambda: "na de brand" in subjects(tfc), "nothing new arrives")
    assert live.check().stdout == "ok\n"
    status = run(command("koerier-relay", "status", "--home", relay))
    assert json.loads(status)["behind"] is False


async def test_a_restriction_that_the_relay_does_not_log_stops_seals(
    live: Live, killer: Killer
) -> None:
    """Last in this file: Taskforce is suspended when it ends."""
    ministry, bern = live.ministry, live.home(BERN)
    root = read_root(ministry.folder / "root.cbor")
    suite = root.document.suite
    anna = Home(ministry.folder / "operators" / "anna")
    key = open_key(anna, "operator", suite, ministry.passphrase("anna"))
    document = Restriction(
        v=1, key=terminal_of(live), time=1_790_000_000, reason="gestolen"
    )
    signed = sign_document(
        encode(document), [key], usage=Usage.SUSPEND, realm=root.realm
    )
    addresses = [pair.partition("=")[2] for pair in ministry.elsewhere[1::2]]
    async with aiohttp.ClientSession() as http:
        for address in addresses:
            url = address + "/bulletins"
            async with http.post(url, data=encode(signed)) as response:
                assert response.status == 204
    killer.kill("bern")
    killer.start("bern")  # a terminal asks a witness soon after it was unlocked

    def refused() -> bool:
        try:
            compose(bern, "te laat")
        except AgentRefusal as refusal:
            return refusal.exit_code == 3
        return False

    until(refused, "the bulletin was not heard")


def terminal_of(live: Live) -> KeyId:
    """Return the key id of Taskforce's terminal, from its own enrolment."""
    path = live.ministry.folder / "papers" / "tfc.request"
    return read_document(path, Request, "request").terminal.key.parsed().id
