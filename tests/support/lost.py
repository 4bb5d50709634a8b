"""A relay that lives, loses its disk, and witnesses that are asked afterwards."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from protocol.key_log_entry import read_leaf, read_signed
from protocol.requests import LogName
from protocol.root_chain import founding_root
from protocol.trusted_root import TrustedRoot
from server.witness.web import witness_app
from tests.support.ministry import Ministry
from tests.support.relay import (
    NOWHERE,
    RunningRelay,
    board_of,
    own,
    running,
    served,
    submit_to,
    witness_of,
)
from tests.support.witnesses import WITNESS_POLICY

NAMES = {one.name: one.name.partition(".")[0] for one in WITNESS_POLICY.witnesses}


async def deposit(relay: RunningRelay, *names: str) -> None:
    services = relay.parts.relay
    bern = services.directory.terminal(own(relay, "bern").key.id, services.clock.wall())
    for name in names:
        submit = submit_to(own(relay, "tfc").mailbox, name=name)
        await services.mailbox.submit(bern, 2, submit)


async def lived(folder: Path, people: Ministry, *names: str) -> bytes:
    """Let a relay take these deposits and publish them; return its incarnation."""
    async with running(folder, people) as relay:
        await deposit(relay, *names)
        size = relay.parts.relay.logs.size(LogName.MESSAGE)
        await relay.published(LogName.MESSAGE, size)
        await relay.published(LogName.KEY, len(people.leaves))
        return relay.parts.relay.incarnation


def lose(folder: Path) -> None:
    for path in folder.glob("relay.sqlite*"):
        path.unlink()


def trusted(people: Ministry) -> TrustedRoot:
    first = people.leaves[:1]
    pin = read_signed(read_leaf(first[0]).body).digest
    return founding_root(first, pin=pin, realm=people.realm)


@asynccontextmanager
async def witnesses_of(
    folder: Path, people: Ministry, names: Sequence[str] = ("w1", "w2", "w3")
) -> AsyncIterator[Mapping[str, str]]:
    """Serve the witnesses as they are on disk; the others are nowhere."""
    addresses = dict.fromkeys(NAMES, NOWHERE)
    async with AsyncExitStack() as stack:
        for name in names:
            witness = witness_of(people, name, folder / name)
            stack.callback(witness.close)
            board = board_of(people, witness, folder / name)
            app = witness_app(witness, board, asyncio.Future())
            url = await stack.enter_async_context(served(app))
            addresses[f"{name}.example/witness"] = url
        yield addresses
