"""Retention: what was delivered goes; what was not is told before it goes."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from crypto.types import Digest
from protocol.codec import decode
from protocol.requests import Ask, Expiring, Undelivered
from server.clock import WitnessedClock
from tests.support.ministry import ministry
from tests.support.relay import envelope_to, own, running, submit_to
from tests.support.virtual_relay import Running, relay_in

HOUR, DAY = 3_600, 86_400
EXPIRED = 45 * DAY + 1
DATABASES = pytest.mark.usefixtures("either_database")


async def round_after(relay: Running, seconds: int) -> tuple[int, int, int]:
    """Move the clock and let a round pass; return what has gone since the start."""
    relay.clock.now += seconds
    retention = relay.parts.relay.retention
    await retention.round()
    gone = retention.gone
    return gone.delivered, gone.undelivered, gone.orphaned


async def untold(
    relay: Running, *told: Digest, by: str = "bern"
) -> Sequence[tuple[Digest, str]]:
    """Tell the relay what is noted; return what it still has to tell."""
    retention = relay.parts.relay.retention
    asked = Undelivered(told=told)
    found = await retention.undelivered(relay.terminal(by), asked)
    boxes = {relay.box(post): post for post in ("tfc", "bern")}
    return [(one.envelope, boxes[one.mailbox]) for one in found.expiries]


@DATABASES
async def test_what_is_acknowledged_goes_after_its_time_and_not_before(
    tmp_path: Path,
) -> None:
    async with relay_in(tmp_path) as relay:
        first = await relay.deposit()
        await relay.deposit()
        await relay.acknowledge(1)
        assert await round_after(relay, 24 * HOUR) == (0, 0, 0)
        assert await round_after(relay, 1) == (1, 0, 0)
        assert await relay.owed() == [2]
        relay.sent = 0
        assert await relay.deposit() == first  # asked again, the same answer
        assert await relay.owed() == [2]


@DATABASES
async def test_a_cursor_is_never_given_again(tmp_path: Path) -> None:
    async with relay_in(tmp_path) as relay:
        await relay.deposit()
        await relay.deposit()
        await relay.acknowledge(1, 2)
        assert await round_after(relay, 25 * HOUR) == (2, 0, 0)
    async with relay_in(tmp_path) as relay:
        relay.sent = 2
        await relay.deposit()
        assert await relay.owed() == [3]


@DATABASES
async def test_a_shared_body_stays_until_the_last_has_it(tmp_path: Path) -> None:
    async with relay_in(tmp_path) as relay:
        await relay.deposit("tfc", "bern")
        await relay.acknowledge(1)
        assert await round_after(relay, 25 * HOUR) == (1, 0, 0)
        (owed,) = await relay.parts.relay.mailbox.owed(
            relay.terminal("bern"), skip=(), lane=4, limit=9
        )
        assert len(owed.body) == 100
        await relay.acknowledge(1, by="bern")
        assert await round_after(relay, 25 * HOUR) == (2, 0, 0)


@DATABASES
async def test_what_nobody_fetched_goes_only_after_its_depositor_noted_it(
    tmp_path: Path,
) -> None:
    async with relay_in(tmp_path) as relay:
        await relay.deposit("tfc", "bern")
        await relay.acknowledge(1, by="bern")
        assert await round_after(relay, 44 * DAY) == (1, 0, 0)
        assert await untold(relay) == []
        for _ in range(2):  # however long it takes, it stays
            assert await round_after(relay, EXPIRED) == (1, 0, 0)
            assert relay.parts.relay.retention.untold == 1
        ((name, post),) = await untold(relay)
        assert post == "tfc"
        assert await untold(relay, name, by="tfc") == []  # not its depositor's word
        assert await round_after(relay, 25 * HOUR) == (1, 0, 0)
        assert await untold(relay, name) == []
        assert await round_after(relay, 24 * HOUR) == (1, 0, 0)
        assert relay.parts.relay.retention.untold == 0
        assert await relay.owed() == [1]
        assert await round_after(relay, 1) == (1, 1, 0)
        assert await relay.owed() == []


@DATABASES
async def test_what_was_dropped_can_be_deposited_again(tmp_path: Path) -> None:
    async with relay_in(tmp_path) as relay:
        first = await relay.deposit("tfc", "bern")
        await relay.acknowledge(1, by="bern")
        await round_after(relay, EXPIRED)
        ((name, _),) = await untold(relay)
        await untold(relay, name)
        assert await round_after(relay, 25 * HOUR) == (1, 1, 0)
        for _ in range(2):  # the second time it is there already
            relay.sent = 0
            assert await relay.deposit("tfc", "bern") == first
        assert (await relay.owed(), relay.logged) == ([2], 1)
        # Bern's was erased with the body: it gets it again, and knows it by its record.
        assert await relay.owed("bern") == [2]


@DATABASES
async def test_one_of_two_that_is_dropped_is_all_that_comes_again(
    tmp_path: Path,
) -> None:
    async with relay_in(tmp_path) as relay:
        first = await relay.deposit("tfc", "bern")
        await round_after(relay, EXPIRED)
        ((name, _), _) = await untold(relay)
        await untold(relay, name)
        relay.clock.now += 2 * HOUR
        await relay.acknowledge(1, by="bern")
        assert await round_after(relay, 22 * HOUR + 1) == (0, 1, 0)
        relay.sent = 0
        assert await relay.deposit("tfc", "bern") == first
        assert (await relay.owed(), await relay.owed("bern")) == ([2], [])


@DATABASES
async def test_what_is_fetched_in_time_is_not_dropped(tmp_path: Path) -> None:
    async with relay_in(tmp_path) as relay:
        await relay.deposit()
        await round_after(relay, EXPIRED)
        ((name, _),) = await untold(relay)
        await untold(relay, name)
        await relay.acknowledge(1)
        assert await round_after(relay, 23 * HOUR) == (0, 0, 0)
        assert await round_after(relay, 2 * HOUR) == (1, 0, 0)


async def test_what_nobody_can_be_told_of_is_dropped_and_counted_apart(
    tmp_path: Path,
) -> None:
    async with relay_in(tmp_path) as relay:
        await relay.deposit()
        leaf = relay.people.restriction(
            relay.terminal("bern").key_id, by=relay.people.operators["anna"]
        )
        await relay.parts.relay.logs.append(leaf)
        assert await round_after(relay, EXPIRED) == (0, 0, 1)
        assert await relay.owed() == []


async def test_a_round_goes_through_more_than_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.services.retention.PAGE", 2)
    async with relay_in(tmp_path) as relay:
        for _ in range(5):
            await relay.deposit("tfc", "bern")
        await round_after(relay, EXPIRED)
        assert relay.parts.relay.retention.untold == 10
        await relay.acknowledge(1, 2, 3, 4, 5)
        assert await round_after(relay, 25 * HOUR) == (5, 0, 0)
        assert relay.parts.relay.retention.untold == 5


async def test_what_is_erased_leaves_the_file_and_its_log(tmp_path: Path) -> None:
    canary = envelope_to(
        ministry().posts["tfc"].terminal.mailbox, name="1", size=3_000
    )[-600:]

    def found() -> list[str]:
        return [
            path.name
            for path in tmp_path.glob("relay.sqlite*")
            if canary[:64] in path.read_bytes() or canary[-64:] in path.read_bytes()
        ]

    async with relay_in(tmp_path) as relay:
        await relay.deposit(size=3_000)
        assert found()
        await relay.acknowledge(1)
        assert await round_after(relay, 25 * HOUR) == (1, 0, 0)
        assert found() == []
        await relay.deposit()
    assert found() == []


async def test_a_terminal_is_told_in_its_session(tmp_path: Path) -> None:
    async with running(tmp_path, ministry()) as relay:
        services = relay.parts.relay
        bern, tfc = own(relay, "bern"), own(relay, "tfc")
        caller = services.directory.terminal(bern.key.id, services.clock.wall())
        await services.mailbox.submit(caller, 2, submit_to(tfc.mailbox))
        assert isinstance(services.clock, WitnessedClock)
        services.clock.saw(services.clock.wall() + EXPIRED)
        async with relay.terminal(bern) as terminal:
            await services.retention.round()
            notice = await terminal.noticed()
            while notice.undelivered is None:
                notice = await terminal.noticed()
            assert notice.undelivered == 1
            body = await terminal.ask(Ask.UNDELIVERED, Undelivered())
            (expiry,) = decode(body, Expiring).expiries
            assert expiry.mailbox == tfc.mailbox
            body = await terminal.ask(
                Ask.UNDELIVERED, Undelivered(told=(expiry.envelope,))
            )
            assert decode(body, Expiring).expiries == ()
            await services.retention.round()
            assert services.retention.untold == 0
