"""One round of synchronising asks the witnesses too, past a relay that is silent."""

import itertools
from types import SimpleNamespace
from typing import Any

from client.agent.bell import Bell
from client.agent.rounds import Rounds
from client.core.beliefs import Beliefs
from tests.support.ministry import ministry


async def test_a_round_without_a_relay_hears_every_witness() -> None:
    beliefs = Beliefs.of_root(ministry().directory.root)
    machine = SimpleNamespace(online=False, synced=False, beliefs=beliefs)
    store = SimpleNamespace(
        last_event=lambda: 0, events=lambda *_: [], waiting=lambda _: [], unstored=list
    )
    terminal: Any = SimpleNamespace(machine=machine, vault=SimpleNamespace(store=store))
    heard: list[str] = []

    async def witnesses() -> None:
        heard.append("all")

    failures = itertools.count()
    session: Any = SimpleNamespace(asking=False)
    rounds = Rounds(terminal, session, Bell(), lambda: next(failures), witnesses)
    found = await rounds.run(30.0)
    assert heard == ["all"]
    assert (found["online"], found["synchronised"]) == (False, False)
