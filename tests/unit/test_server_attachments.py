"""Attachments at the relay: taken in parts, checked by name, for whom they are."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crypto.digest import H
from tests.support.blobs import Mover
from tests.support.keys import stretched
from tests.support.ministry import ministry
from tests.support.relay import RunningRelay, own, running

BLOB = stretched("blob", 300_000)
NAME = H(BLOB)


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[RunningRelay]:
    async with running(tmp_path, ministry()) as relay:
        yield relay


async def test_a_blob_comes_to_whom_it_is_for(relay: RunningRelay) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as receiver:
        up, down = Mover(sender), Mover(receiver)
        waiting = await down.fetch(NAME)  # before anybody spoke of it
        assert await up.announce(BLOB, [tfc.mailbox]) == 0
        await up.upload(BLOB)
        assert await up.announce(BLOB, [tfc.mailbox]) == len(BLOB)
        await waiting
        assert down.have[NAME[:16]] == BLOB
