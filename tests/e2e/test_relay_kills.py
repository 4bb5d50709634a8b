"""kill -9 of a relay under submissions: nothing acknowledged is ever lost.

A real process on a real file.  After each kill the shipped checker must be green; after
the last start the addressee gets every acknowledged envelope, and each once, whatever
was in doubt and was deposited again.
"""

import asyncio
import os
import select
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import aiohttp
import pytest
from msgspec import structs

from crypto.digest import H
from protocol.requests import Submit
from server.command import Exit
from server.config import Quotas, RelayConfig, dump, load
from server.storage.opening import check_store
from tests.support.campaign import Campaign
from tests.support.processes import (
    PATIENCE,
    RELAY,
    WITNESS,
    Homes,
    Serving,
    files_of,
    made,
    run,
    scribe_of,
    serving,
    wrote,
)
from tests.support.relay import (
    RefusedError,
    TestTerminal,
    connected,
    submit_to,
    unpinned,
)

MANY = 10_000_000
LOAD = 200  # new submissions in a round
WINDOW = 60  # submissions in flight: enough that the scribe commits most of them


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    homes = made(tmp_path_factory.mktemp("kills"))
    path = homes.relay / "relay.toml"
    # One post does the work of a thousand here.
    plenty = Quotas(
        **dict.fromkeys(("post_messages", "pair_messages"), MANY),
        **dict.fromkeys(("post_per_minute", "pair_per_minute"), MANY),
    )
    config = structs.replace(load(path, RelayConfig), quotas=plenty)
    path.write_bytes(dump(config))
    return homes


@asynccontextmanager
async def session(
    homes: Homes, relay: Serving, post: str
) -> AsyncIterator[TestTerminal]:
    key = homes.ministry.posts[post].terminal.key
    url = f"https://{relay.address}"
    async with connected(url, homes.ministry, key, unpinned()) as terminal:
        yield terminal


async def deposit_until_killed(
    homes: Homes, relay: Serving, todo: list[Submit], chance: Random
) -> tuple[set[bytes], set[bytes], int]:
    """Deposit ``todo`` and kill the relay in the midst of it.

    The moment is a number of answers and a few milliseconds, so that a fast machine is
    hit at work too.  The kill hits the relay or its scribe; either ends the other.
    Returns the names that were sent, those that were answered, and the bytes that the
    scribe wrote.
    """
    scribe = scribe_of(relay.child.pid)
    victim = chance.choice((relay.child.pid, scribe))
    sent: set[bytes] = set()
    answered: set[bytes] = set()
    dictated: list[int] = []
    queue = list(reversed(todo))
    enough = asyncio.Event()
    answers = chance.randrange(1, LOAD // 2)

    async def worker(sender: TestTerminal) -> None:
        while queue:
            submit = queue.pop()
            sent.add(H(submit.envelope))
            await sender.submit(submit)
            answered.add(H(submit.envelope))
            if len(answered) >= answers:
                enough.set()

    async def killer() -> None:
        await enough.wait()
        await asyncio.sleep(chance.uniform(0, 0.005))
        dictated.append(wrote(scribe))
        os.kill(victim, signal.SIGKILL)

    with suppress(BaseExceptionGroup, RefusedError, aiohttp.ClientError):
        async with (
            session(homes, relay, "bern") as sender,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(killer())
            for _ in range(WINDOW):
                group.create_task(worker(sender))
    ended = await asyncio.to_thread(relay.child.wait, PATIENCE)
    assert ended == (Exit.ALARM if victim == scribe else -signal.SIGKILL)
    return sent, answered, sum(dictated)


@pytest.mark.campaign
async def test_kill_9_under_submissions_loses_nothing_that_was_acknowledged(
    homes: Homes, tmp_path: Path, campaign: Campaign
) -> None:
    mailbox = homes.ministry.posts["tfc"].terminal.mailbox
    everything: list[Submit] = []
    answered: set[bytes] = set()
    cut = 0  # submissions under way when the relay was killed
    dictated = 0  # bytes that its scribes wrote until then
    with serving(WITNESS, homes.witness) as witness:
        for number, chance in campaign.rounds(quick=4, ci=30, deep=500):
            new = [submit_to(mailbox, name=f"{number}/{n}") for n in range(LOAD)]
            doubtful = [s for s in everything if H(s.envelope) not in answered]
            everything += new
            with homes.relay_up(witness) as relay:
                if not answered:
                    homes.append(tmp_path)
                sent, came, wrote_now = await deposit_until_killed(
                    homes, relay, doubtful + new, chance
                )
            answered |= came
            cut += len(sent - came)
            dictated += wrote_now
            # The checker itself, without a process: a second less in each round.
            faults = await check_store(RelayConfig().database, homes.relay)
            assert faults == [], (campaign.seed, number)
        assert cut, "no kill hit the work"
        assert dictated, "no scribe wrote"
        with homes.relay_up(witness) as relay:
            async with session(homes, relay, "bern") as sender:
                for submit in everything:
                    if H(submit.envelope) not in answered:
                        await sender.submit(submit)
            async with session(homes, relay, "tfc") as receiver:
                got = [H((await receiver.delivered()).envelope) for _ in everything]
            assert sorted(got) == sorted(H(s.envelope) for s in everything)
    assert run(RELAY, "check", "--home", homes.relay).returncode == 0


async def test_a_relay_ends_with_its_scribe_though_nobody_deposits(
    homes: Homes,
) -> None:
    path = homes.relay / "relay.toml"
    config = load(path, RelayConfig)
    path.write_bytes(dump(structs.replace(config, checkpoint_seconds=600)))
    with homes.up() as relay:
        # By then it has written what every start writes.
        assert (await asyncio.to_thread(relay.status))["sessions"] == 0
        os.kill(scribe_of(relay.child.pid), signal.SIGKILL)
        # Long before it would find out by writing anything more.
        assert await asyncio.to_thread(relay.child.wait, PATIENCE / 2) == Exit.ALARM
        assert "the scribe is gone" in (homes.relay / "log").read_text()
    path.write_bytes(dump(config))
    with homes.up():
        pass


async def test_a_scribe_ends_with_its_relay_and_holds_the_home_until_then(
    homes: Homes,
) -> None:
    with homes.up() as relay:
        scribe = scribe_of(relay.child.pid)
        assert homes.relay / "run" / "lock" in files_of(scribe)
        gone = os.pidfd_open(scribe)
        os.kill(scribe, signal.SIGSTOP)  # it hears nobody hang up
        relay.kill()
        assert select.select([gone], [], [], PATIENCE) == ([gone], [], [])
        os.close(gone)
