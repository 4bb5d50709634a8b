"""Prekeys: a manifest that holds, its entry in the log, and a key once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import structs

from crypto.digest import H
from crypto.merkle import root_of, verify_inclusion
from crypto.sign import Usage
from crypto.suite import SuiteId
from crypto.types import KeyId, Mailbox, PublicKey, Signature
from protocol.codec import decode, encode
from protocol.directory_view import Terminal
from protocol.errors import (
    BindingError,
    MalformedError,
    RollbackError,
    VerificationError,
)
from protocol.key_log_entry import LeafKind, read_leaf
from protocol.manifest import Manifest, leaves_of, prekey_leaf, window
from protocol.requests import LogName, Offer, Publish
from server.app import Parts
from server.services.logs import Published
from server.services.prekeys import all_paths
from tests.support.ministry import START, Ministry, OwnTerminal, ministry
from tests.support.relay import working

pytestmark = pytest.mark.usefixtures("either_database")


class StoppedClock:
    """Reads the ministry's own time: its prekeys are of those days."""

    def wall(self) -> int:
        return START + 600

    def monotonic(self) -> float:
        return 1.0


def publication(own: OwnTerminal) -> Publish:
    assert own.manifest is not None
    return Publish(
        manifest=own.manifest.manifest,
        signature=own.manifest.signature,
        keys=tuple(key.public for key in own.prekeys),
    )


def show(parts: Parts) -> None:
    """Let what is logged count as published."""
    size = parts.relay.logs.size(LogName.KEY)
    parts.relay.logs.publish(LogName.KEY, Published(size, b"note"))


@asynccontextmanager
async def ready(folder: Path) -> AsyncIterator[tuple[Parts, Ministry, Terminal]]:
    """Run a relay that knows the posts but has no manifest yet."""
    people = ministry()
    bare = [
        leaf for leaf in people.leaves if read_leaf(leaf).kind is not LeafKind.MANIFEST
    ]
    async with working(folder, people, clock=StoppedClock(), leaves=bare) as parts:
        key = people.posts["tfc"].terminal.key.id
        yield parts, people, parts.relay.directory.terminal(key, START + 600)


def proven(offer: Offer) -> bool:
    """Check the offer's path; say whether its key is a one-time key."""
    manifest = decode(offer.manifest, Manifest)
    when = window(manifest, offer.index)
    leaf = prekey_leaf(offer.index, when, offer.key)
    verify_inclusion(leaf, offer.index, manifest.n, offer.path, manifest.root)
    return offer.index >= manifest.epochs


async def test_a_published_manifest_is_named_in_the_key_log(tmp_path: Path) -> None:
    async with ready(tmp_path) as (parts, people, tfc):
        own = people.posts["tfc"].terminal
        first = await parts.relay.prekeys.publish(tfc, publication(own))
        again = await parts.relay.prekeys.publish(tfc, publication(own))
        assert first == again
        entries = await parts.relay.logs.entries(first.index)
        assert [read_leaf(leaf).kind for leaf in entries.entries] == [LeafKind.MANIFEST]
        assert own.manifest is not None
        notice = parts.relay.directory.trusted.state.notices[tfc.key_id].notice
        assert notice.manifest == H(own.manifest.manifest)


async def test_one_time_keys_go_out_once_then_todays_epoch_key(tmp_path: Path) -> None:
    async with ready(tmp_path) as (parts, people, tfc):
        own = people.posts["tfc"].terminal
        await parts.relay.prekeys.publish(tfc, publication(own))
        show(parts)
        asked = [parts.relay.prekeys.hand_out(tfc, [tfc.key_id]) for _ in range(4)]
        offers = [found.offers[0] for found in await asyncio.gather(*asked)]
        once = [offer.index for offer in offers if proven(offer)]
        daily = [offer.index for offer in offers if not proven(offer)]
        assert sorted(once) == [3, 4]
        assert daily == [0, 0]


async def test_an_epoch_key_is_handed_out_without_spending_a_one_time_key(
    tmp_path: Path,
) -> None:
    async with ready(tmp_path) as (parts, people, tfc):
        own = people.posts["tfc"].terminal
        await parts.relay.prekeys.publish(tfc, publication(own))
        show(parts)
        kept = [
            await parts.relay.prekeys.hand_out(tfc, [tfc.key_id], epoch=True)
            for _ in range(3)
        ]
        assert not any(proven(found.offers[0]) for found in kept)
        once = await parts.relay.prekeys.hand_out(tfc, [tfc.key_id])
        assert once.offers[0].index == 3


async def test_a_key_is_not_handed_out_again_after_a_restart(tmp_path: Path) -> None:
    indexes = []
    async with ready(tmp_path) as (parts, people, tfc):
        own = people.posts["tfc"].terminal
        await parts.relay.prekeys.publish(tfc, publication(own))
        show(parts)
        found = await parts.relay.prekeys.hand_out(tfc, [tfc.key_id])
        indexes.append(found.offers[0].index)
    async with ready(tmp_path) as (parts, _, tfc):
        show(parts)
        found = await parts.relay.prekeys.hand_out(tfc, [tfc.key_id])
        indexes.append(found.offers[0].index)
    assert indexes == [3, 4]


async def test_a_manifest_is_offered_once_senders_can_see_its_entry(
    tmp_path: Path,
) -> None:
    async with ready(tmp_path) as (parts, people, tfc):
        own = people.posts["tfc"].terminal
        await parts.relay.prekeys.publish(tfc, publication(own))
        assert (await parts.relay.prekeys.hand_out(tfc, [tfc.key_id])).missing == (
            tfc.key_id,
        )
        show(parts)
        old = own.manifest
        people.publish(own, number=2)
        await parts.relay.prekeys.publish(tfc, publication(own))
        found = await parts.relay.prekeys.hand_out(tfc, [tfc.key_id])
        assert old is not None
        assert found.offers[0].manifest == old.manifest
        show(parts)
        found = await parts.relay.prekeys.hand_out(tfc, [tfc.key_id])
        assert found.offers[0].manifest != old.manifest


async def test_terminals_without_keys_are_missing_and_the_others_come_in_order(
    tmp_path: Path,
) -> None:
    async with ready(tmp_path) as (parts, people, tfc):
        await parts.relay.prekeys.publish(
            tfc, publication(people.posts["tfc"].terminal)
        )
        show(parts)
        stranger = KeyId(b"?" * 32)
        bern = people.posts["bern"].terminal.key.id
        found = await parts.relay.prekeys.hand_out(tfc, [stranger, tfc.key_id, bern])
        assert found.missing == (stranger, bern)
        assert len(found.offers) == 1


async def test_a_manifest_of_other_days_has_no_key_for_now(tmp_path: Path) -> None:
    async with ready(tmp_path) as (parts, people, tfc):
        own = people.posts["tfc"].terminal
        people.now += 30 * 86_400
        people.publish(own, number=2)
        await parts.relay.prekeys.publish(tfc, publication(own))
        show(parts)
        found = await parts.relay.prekeys.hand_out(tfc, [tfc.key_id])
        assert found.missing == (tfc.key_id,)


async def test_a_manifest_that_does_not_hold_is_refused(tmp_path: Path) -> None:
    async with ready(tmp_path) as (parts, people, tfc):
        own = people.posts["tfc"].terminal
        good = publication(own)
        publish = parts.relay.prekeys.publish
        bern = parts.relay.directory.terminal(
            people.posts["bern"].terminal.key.id, START + 600
        )
        swapped = (good.keys[1], good.keys[0], *good.keys[2:])
        short = (PublicKey(good.keys[0][:-1]), *good.keys[1:])
        bad = [
            (
                structs.replace(good, signature=Signature(bytes(3373))),
                VerificationError,
            ),
            (structs.replace(good, keys=swapped), BindingError),
            (structs.replace(good, keys=good.keys[:-1]), BindingError),
            (structs.replace(good, keys=short), BindingError),
        ]
        for changed, refusal in bad:
            with pytest.raises(refusal):
                await publish(tfc, changed)
        with pytest.raises(VerificationError):
            await publish(bern, good)
        assert parts.relay.logs.size(LogName.KEY) == 3  # the root and two posts


async def test_a_signed_manifest_for_another_mailbox_or_suite_is_refused(
    tmp_path: Path,
) -> None:
    async with ready(tmp_path) as (parts, people, tfc):
        own = people.posts["tfc"].terminal
        good = publication(own)
        manifest = decode(good.manifest, Manifest)
        lies: list[tuple[bytes, type[Exception]]] = [
            (
                encode(structs.replace(manifest, mailbox=Mailbox(bytes(16)))),
                BindingError,
            ),
            (encode(structs.replace(manifest, suite=SuiteId.S2)), BindingError),
            (b"junk", MalformedError),
        ]
        for document, refusal in lies:
            signature = own.key.sign(Usage.PREKEYS, document, realm=people.realm)
            lie = structs.replace(good, manifest=document, signature=signature)
            with pytest.raises(refusal):
                await parts.relay.prekeys.publish(tfc, lie)


async def test_the_number_of_a_manifest_rises(tmp_path: Path) -> None:
    async with ready(tmp_path) as (parts, people, tfc):
        own = people.posts["tfc"].terminal
        older = publication(own)
        people.publish(own, number=2)
        await parts.relay.prekeys.publish(tfc, publication(own))
        with pytest.raises(RollbackError):
            await parts.relay.prekeys.publish(tfc, older)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 100])
def test_all_paths_at_once_are_the_paths_of_each(count: int) -> None:
    leaves = [b"%d" % n for n in range(count)]
    for index, path in enumerate(all_paths(leaves)):
        verify_inclusion(leaves[index], index, count, path, root_of(leaves))


def test_the_helper_of_this_test_signs_what_the_relay_checks() -> None:
    own = ministry().posts["tfc"].terminal
    good = publication(own)
    manifest = decode(good.manifest, Manifest)
    assert root_of(leaves_of(manifest, good.keys)) == manifest.root
