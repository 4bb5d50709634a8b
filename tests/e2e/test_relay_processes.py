"""Relay and witness as processes, made by their own commands, over TLS."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from crypto.certificate import pin_of
from tests.support.postgres import Server
from tests.support.processes import RELAY, WITNESS, Homes, made, run
from tests.support.relay import PATIENCE, connected, ended, submit_to, unpinned
from tests.support.template import set_value
from tests.support.uncommitted import file_locked, leaves_locked

ENGINES = [pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.pg)]
Held = Callable[[], AbstractContextManager[None]]


@pytest.fixture(scope="module", params=ENGINES)
def placed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Homes, Held]:
    """Return homes, and what holds back their relay's commits."""
    homes = made(tmp_path_factory.mktemp("ministry"))
    if request.param == "sqlite":
        return homes, partial(file_locked, homes.relay / "data" / "relay.sqlite")
    server: Server = request.getfixturevalue("pg_server")
    set_value(homes.relay / "relay.toml", "database", server.url("processes"))
    return homes, partial(leaves_locked, server, "processes")


@pytest.fixture
def homes(placed: tuple[Homes, Held]) -> Homes:
    return placed[0]


@pytest.fixture
def held(placed: tuple[Homes, Held]) -> Held:
    return placed[1]


async def test_a_founded_ministry_sends_through_real_processes(
    homes: Homes, tmp_path: Path
) -> None:
    posts = homes.ministry.posts
    tfc, bern = posts["tfc"].terminal, posts["bern"].terminal
    with homes.up() as relay:
        homes.append(tmp_path)
        url = f"https://{relay.address}"
        async with (
            connected(url, homes.ministry, bern.key, unpinned()) as sender,
            connected(url, homes.ministry, tfc.key, unpinned()) as receiver,
        ):
            transport = sender.socket.get_extra_info("ssl_object")
            assert pin_of(transport.getpeercert(binary_form=True)) == homes.pin
            assert transport.version() == "TLSv1.3"
            submit = submit_to(tfc.mailbox)
            await sender.submit(submit)
            assert (await receiver.delivered()).envelope == submit.envelope
            notice = await sender.noticed()
            while notice.message_log < 1:
                notice = await sender.noticed()
        status = relay.status()
        assert status["logs"]["message"] == {"size": 1, "published": 1}
    done = run(RELAY, "check", "--home", homes.relay)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


async def said(http: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    async with http.get(url) as answer:
        return answer.status, await answer.text()


async def test_a_relay_that_is_told_to_stop_answers_what_it_took_and_says_so(
    homes: Homes, held: Held
) -> None:
    posts = homes.ministry.posts
    with homes.up() as relay:
        health = "http://" + (homes.relay / "run" / "health").read_text().strip()
        url = f"https://{relay.address}"
        async with (
            aiohttp.ClientSession() as http,
            connected(url, homes.ministry, posts["bern"].terminal.key, unpinned()) as s,
            asyncio.TaskGroup() as group,
        ):
            assert await said(http, health + "/livez") == (200, "ok\n")
            with held():
                submit = submit_to(posts["tfc"].terminal.mailbox, name="the last one")
                answer = group.create_task(s.submit(submit))
                # Whoever answered this has read what had come before it.
                assert await said(http, health + "/livez") == (200, "ok\n")
                os.kill(relay.child.pid, signal.SIGTERM)
                async with asyncio.timeout(PATIENCE):
                    while (await said(http, health + "/readyz"))[0] == 200:  # noqa: ASYNC110 -- no event says so
                        await asyncio.sleep(0.01)
                assert await said(http, health + "/readyz") == (503, "draining\n")
                assert not answer.done()
            assert (await answer).index >= 0
            assert await ended(s) == aiohttp.WSCloseCode.GOING_AWAY
        assert await asyncio.to_thread(relay.child.wait, PATIENCE) == 0
    with homes.up() as again:
        status = again.status()["logs"]["message"]
        assert status["size"] == 1 + answer.result().index


async def test_one_process_works_in_a_home_and_no_second_one(homes: Homes) -> None:
    with homes.up() as relay:
        address = (homes.relay / "run" / "address").read_text()
        for program, home, words in (
            (RELAY, homes.relay, ("serve", "--listen", "127.0.0.1:0")),
            (RELAY, homes.relay, ("migrate",)),
            (WITNESS, homes.witness, ("serve", "--listen", "127.0.0.1:0")),
        ):
            done = await asyncio.to_thread(run, program, *words, "--home", home)
            assert done.returncode == 2, done.stderr
            assert "another process works in this home" in done.stderr
        assert (homes.relay / "run" / "address").read_text() == address
        assert relay.status()["logs"]["key"]["size"] > 0
