"""kill -9 of a relay under submissions: nothing acknowledged is ever lost.

A real process on a real file.  After each kill the shipped checker must be green; after
the last start the addressee gets every acknowledged envelope, and each once, whatever
was in doubt and was deposited again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import aiohttp
import pytest
from msgspec import structs

from crypto.digest import H
from protocol.requests import Submit
from server.config import Quotas, RelayConfig, dump, load
from server.storage.opening import check_store
from tests.support.campaign import Campaign
from tests.support.processes import RELAY, WITNESS, Homes, Serving, made, run, serving
from tests.support.relay import (
    RefusedError,
    TestTerminal,
    connected,
    submit_to,
    unpinned,
)

MANY = 10_000_000
LOAD = 200  # new submissions in a round
WINDOW = 16  # submissions in flight: the commit that the kill hits has several


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
) -> tuple[set[bytes], set[bytes]]:
    """Deposit ``todo`` and kill the relay in the midst of it.

    The moment is a number of answers and a few milliseconds, so that a fast machine is
    hit at work too.  Returns the names that were sent, and those that were answered.
    """
    sent: set[bytes] = set()
    answered: set[bytes] = set()
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
        relay.kill()

    with suppress(BaseExceptionGroup, RefusedError, aiohttp.ClientError):
        async with (
            session(homes, relay, "bern") as sender,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(killer())
            for _ in range(WINDOW):
                group.create_task(worker(sender))
    return sent, answered


@pytest.mark.campaign
async def test_kill_9_under_submissions_loses_nothing_that_was_acknowledged(
    homes: Homes, tmp_path: Path, campaign: Campaign
) -> None:
    mailbox = homes.ministry.posts["tfc"].terminal.mailbox
    everything: list[Submit] = []
    answered: set[bytes] = set()
    cut = 0  # submissions under way when the relay was killed
    with serving(WITNESS, homes.witness) as witness:
        for number, chance in campaign.rounds(quick=4, ci=30, deep=500):
            new = [submit_to(mailbox, name=f"{number}/{n}") for n in range(LOAD)]
            doubtful = [s for s in everything if H(s.envelope) not in answered]
            everything += new
            with homes.relay_up(witness) as relay:
                if not answered:
                    homes.append(tmp_path)
                sent, came = await deposit_until_killed(
                    homes, relay, doubtful + new, chance
                )
            answered |= came
            cut += len(sent - came)
            # The checker itself, without a process: a second less in each round.
            faults = await check_store(RelayConfig().database, homes.relay)
            assert faults == [], (campaign.seed, number)
        assert cut, "no kill hit the work"
        with homes.relay_up(witness) as relay:
            async with session(homes, relay, "bern") as sender:
                for submit in everything:
                    if H(submit.envelope) not in answered:
                        await sender.submit(submit)
            async with session(homes, relay, "tfc") as receiver:
                got = [H((await receiver.delivered()).envelope) for _ in everything]
            assert sorted(got) == sorted(H(s.envelope) for s in everything)
    assert run(RELAY, "check", "--home", homes.relay).returncode == 0
