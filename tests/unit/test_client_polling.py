"""Which witness is asked when, and what counts as an answer."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from client.agent import polling
from client.agent.polling import LONGEST, SHORTEST, Polling
from client.core.witnesses import Said
from client.home import Config, Home, HomeError
from client.net import witness as net
from client.net.witness import SilentError, ask_witness
from crypto.entropy import system
from protocol.bulletins import Bulletins
from protocol.codec import decode
from protocol.requests import LogName
from protocol.root import RootDocument
from server.witness.web import witness_app
from tests.support.ministry import ministry
from tests.support.relay import board_of, served, witness_of
from tests.support.restrictions import restriction
from tests.support.told_log import ORIGIN, Log
from tests.support.witnesses import WITNESS_POLICY

NAMES = [one.name for one in WITNESS_POLICY.witnesses]
ORIGINS = {LogName.KEY: "relay.example/key", LogName.MESSAGE: ORIGIN}


def root() -> RootDocument:
    return ministry().directory.root.document


def home_of(folder: Path, witnesses: dict[str, str]) -> Home:
    home = Home(folder / "home")
    home.create(Config(witnesses=witnesses))
    return home


async def test_a_real_witness_says_what_it_cosigned_and_what_it_was_told(
    tmp_path: Path,
) -> None:
    people = ministry()
    witness = witness_of(people, "w1", tmp_path)
    notices = board_of(people, witness, tmp_path)
    log = Log()
    log.grow(3)
    async with served(witness_app(witness, notices, asyncio.Future())) as url:
        silent = await ask_witness("w1", url, ORIGINS)
        assert silent.notes == {}
        await witness.mirror(log.push(0))
        await witness.add_checkpoint(log.request(0))
        cut = restriction(people, by="anna")
        await notices.post(cut)
        said = await ask_witness("w1", url + "/", ORIGINS)
    assert said.notes == {LogName.MESSAGE: witness.latest(ORIGIN)}
    assert decode(said.bulletins, Bulletins).bulletins == (cut,)
    witness.close()
    with pytest.raises(SilentError):
        await ask_witness("w1", url, ORIGINS)


@pytest.mark.parametrize(
    "address", ["http://witness.example", "ftp://127.0.0.1", "http://127.0.0.1.evil"]
)
async def test_plain_http_goes_nowhere_but_to_this_machine(address: str) -> None:
    with pytest.raises(SilentError, match="this machine"):
        await ask_witness("w1", address, ORIGINS)


async def endless(_: web.Request) -> web.Response:
    return web.Response(body=bytes(200_000))


async def broken(_: web.Request) -> web.Response:
    return web.Response(status=500)


async def elsewhere(_: web.Request) -> web.Response:
    raise web.HTTPFound("http://127.0.0.1:1/")


@pytest.mark.parametrize("handler", [endless, broken, elsewhere])
async def test_an_answer_without_end_or_of_another_kind_is_none(
    handler: Callable[[web.Request], Awaitable[web.Response]],
) -> None:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    async with served(app) as url:
        with pytest.raises(SilentError):
            await ask_witness("w1", url, ORIGINS)


async def test_a_witness_that_hangs_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(net, "TIMEOUT", 0.05)
    never = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/{path:.*}", hang)
    async with served(app) as url:
        with pytest.raises(SilentError):
            await ask_witness("w1", url, ORIGINS)
        never.set()


# --- when


async def test_every_witness_has_its_turn_in_each_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    async def ask(name: str, address: str, _: object) -> Said:
        asked.append((name, address))
        if name == NAMES[0]:
            raise SilentError("no answer")
        return Said(name, {}, b"")

    monkeypatch.setattr(polling, "ask_witness", ask)
    heard: list[Said] = []
    home = home_of(tmp_path, {NAMES[1]: "https://elsewhere.example"})
    poll = Polling(home, root, heard.append, system)
    for _ in range(6):
        await poll.once()
    for turn in (asked[:3], asked[3:]):
        assert sorted(name for name, _ in turn) == sorted(NAMES)
    addresses = dict(asked)
    assert addresses[NAMES[1]] == "https://elsewhere.example"
    assert addresses[NAMES[2]] == WITNESS_POLICY.witnesses[2].address
    assert len(heard) == 4  # the silent one was asked in its turn, and that is all


class Script:
    """Time that goes by itself, and how long each wait was."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pauses: list[float] = []
        monkeypatch.setattr(Polling, "_wait", self.wait)
        monkeypatch.setattr(Polling, "once", self.once)
        self.polls = itertools.count()

    async def wait(self, pause: float) -> None:
        self.pauses.append(pause)
        if len(self.pauses) > 40:
            raise asyncio.CancelledError

    async def once(self) -> None:
        next(self.polls)


async def test_polls_come_at_random_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script(monkeypatch)
    poll = Polling(home_of(tmp_path, {}), root, lambda _: None, system)
    with pytest.raises(asyncio.CancelledError):
        await poll.run()
    first, *rest = script.pauses
    assert 0 <= first <= polling.SOON
    assert all(SHORTEST <= pause <= LONGEST for pause in rest)
    assert max(rest) - min(rest) > (LONGEST - SHORTEST) / 4
    assert next(script.polls) == 40


async def test_a_person_who_asks_hears_all_of_them_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, together = [], asyncio.Barrier(len(NAMES))

    async def ask(name: str, *_: object) -> Said:
        asked.append(name)
        await together.wait()  # nobody waits for the one before
        if name == NAMES[0]:
            raise SilentError("no answer")
        return Said(name, {}, b"")

    monkeypatch.setattr(polling, "ask_witness", ask)
    heard: list[Said] = []
    poll = Polling(home_of(tmp_path, {}), root, heard.append, system)
    async with asyncio.timeout(30):
        await poll.everybody()
    assert sorted(asked) == sorted(NAMES)
    assert {said.witness for said in heard} == {*NAMES[1:]}


async def test_a_witness_that_never_answers_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(name: str, *_: object) -> Said:
        if name == NAMES[0]:
            await asyncio.Event().wait()
        return Said(name, {}, b"")

    monkeypatch.setattr(polling, "ask_witness", ask)
    monkeypatch.setattr(polling, "PATIENCE", 0.01)
    heard: list[Said] = []
    poll = Polling(home_of(tmp_path, {}), root, heard.append, system)
    async with asyncio.timeout(30):
        await poll.everybody()
    assert {said.witness for said in heard} == {*NAMES[1:]}


# --- where


def test_the_witnesses_addresses_are_read_back_as_they_were_written(
    tmp_path: Path,
) -> None:
    witnesses = {"w1.example/witness": "http://127.0.0.1:8444", "w2": "https://a.b"}
    home = home_of(tmp_path, witnesses)
    assert home.config().witnesses == witnesses
    (home.path / "koerier.toml").write_text("[witnesses]\nw1 = 3\n")
    with pytest.raises(HomeError):
        home.config()
