"""Quotas: what is over is BUSY and nothing of it is kept; in virtual time."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
import pytest

from protocol.codec import decode
from protocol.errors import BusyError
from protocol.manifest import Manifest
from protocol.requests import LogName, Offer, Publish
from server.config import Quotas
from server.rate_limit import MAX_KEYS, Buckets, Rate
from server.services.logs import Published
from tests.support import relay as support
from tests.support.virtual_relay import Running, relay_in

DATABASES = pytest.mark.usefixtures("either_database")


Run = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    def relay(**quotas: int) -> AbstractAsyncContextManager[Running]:
        changed = msgspec.structs.replace(Quotas(), **quotas)
        monkeypatch.setattr(support, "QUOTAS", changed)
        return relay_in(tmp_path)

    return relay


@DATABASES
async def test_a_post_has_so_many_outstanding_and_an_acknowledgement_frees_one(
    run: Run,
) -> None:
    async with run(post_messages=3) as relay:
        await relay.deposit("tfc", "bern")  # two deliveries
        await relay.deposit("tfc")
        with pytest.raises(BusyError):
            await relay.deposit("tfc")
        with pytest.raises(BusyError):
            await relay.deposit("bern")
        assert (relay.logged, await relay.owed()) == (2, [1, 2])
        await relay.deposit("bern", by="tfc")  # another post's are its own
        mailbox = relay.parts.relay.mailbox
        for _ in range(2):  # the second time it frees nothing
            await mailbox.acknowledge(relay.terminal("tfc"), [1])
        await relay.deposit("tfc")
        with pytest.raises(BusyError):
            await relay.deposit("tfc")
        assert await relay.owed() == [2, 3]


@DATABASES
async def test_a_pair_has_so_many_outstanding_and_other_pairs_go_on(run: Run) -> None:
    async with run(pair_messages=2) as relay:
        for _ in range(2):
            await relay.deposit("tfc")
        with pytest.raises(BusyError):
            await relay.deposit("tfc", "bern")  # whole or not at all
        assert await relay.owed("bern") == []
        await relay.deposit("bern")
        await relay.deposit("tfc", by="tfc")


@DATABASES
@pytest.mark.parametrize("quota", ["post_mib", "pair_mib"])
async def test_bytes_are_bounded_too(run: Run, quota: str) -> None:
    async with run(**{quota: 1}) as relay:
        for _ in range(3):
            await relay.deposit(size=300_000)
        with pytest.raises(BusyError):
            await relay.deposit(size=200_000)
        await relay.deposit(size=100_000)


@DATABASES
async def test_a_restart_forgets_nothing_of_what_is_outstanding(run: Run) -> None:
    async with run(pair_messages=2) as relay:
        await relay.deposit()
        await relay.deposit()
    async with run(pair_messages=2) as relay:
        relay.sent = 2
        with pytest.raises(BusyError):
            await relay.deposit()
        await relay.parts.relay.mailbox.acknowledge(relay.terminal("tfc"), [2])
        await relay.deposit()


async def test_an_acknowledgement_before_the_first_deposit_counts_too(run: Run) -> None:
    async with run() as relay:
        await relay.deposit()
        await relay.deposit()
    async with run(pair_messages=1) as relay:
        relay.sent = 2
        await relay.parts.relay.mailbox.acknowledge(relay.terminal("tfc"), [1, 2])
        await relay.deposit()
        with pytest.raises(BusyError):
            await relay.deposit()


@pytest.mark.parametrize("quota", ["post_per_minute", "pair_per_minute"])
async def test_a_post_deposits_so_often_and_later_again(run: Run, quota: str) -> None:
    async with run(**{quota: 2}) as relay:
        await relay.deposit()
        await relay.deposit()
        with pytest.raises(BusyError):
            await relay.deposit()
        relay.clock.now += 29
        with pytest.raises(BusyError):
            await relay.deposit()
        relay.clock.now += 1
        await relay.deposit()
        with pytest.raises(BusyError):
            await relay.deposit()
        assert relay.logged == 3
        if quota == "pair_per_minute":
            await relay.deposit("bern")


async def test_one_time_keys_of_a_pair_run_out_towards_the_epoch_key(
    run: Run,
) -> None:
    async with run(one_time_per_hour=1) as relay:
        own = relay.people.posts["tfc"].terminal
        relay.people.publish(own, number=2)
        assert own.manifest is not None
        keys = tuple(key.public for key in own.prekeys)
        signed = own.manifest
        publish = Publish(
            manifest=signed.manifest, signature=signed.signature, keys=keys
        )
        prekeys = relay.parts.relay.prekeys
        await prekeys.publish(relay.terminal("tfc"), publish)
        size = relay.parts.relay.logs.size(LogName.KEY)
        relay.parts.relay.logs.publish(LogName.KEY, Published(size, b"note"))

        async def handed(by: str) -> bool:
            """Say whether the key that ``by`` gets is a one-time key."""
            found = await prekeys.hand_out(relay.terminal(by), [own.key.id])
            (offer,) = found.offers
            return once(offer)

        assert [await handed("bern"), await handed("bern")] == [True, False]
        assert await handed("tfc")  # who asks too often uses up its own share only
        assert not await handed("tfc")
        relay.clock.now += 3_600
        assert not await handed("bern")  # and now there are none left


def once(offer: Offer) -> bool:
    return offer.index >= decode(offer.manifest, Manifest).epochs


def test_a_bucket_is_full_again_after_its_time_and_never_fuller() -> None:
    buckets = Buckets(Rate(burst=2, per_second=0.5))
    assert [buckets.take("a", 0) for _ in range(3)] == [True, True, False]
    assert [buckets.take("a", 1.9), buckets.take("a", 2)] == [False, True]
    assert [buckets.take("a", 1_000) for _ in range(3)] == [True, True, False]
    assert not buckets.has("a", 990)  # a clock that goes back gives nothing
    assert buckets.has("b", 0)


def test_buckets_are_bounded_and_the_one_used_longest_ago_is_forgotten() -> None:
    buckets = Buckets(Rate(burst=1, per_second=0))
    for key in range(MAX_KEYS):
        buckets.take(key, 0)
    assert not buckets.has(0, 0)
    buckets.take("one more", 0)
    assert buckets.has(0, 0)
    assert not buckets.has(1, 0)
