"""A record by courier: sealed without a line, opened as if the relay had brought it."""

from pathlib import Path

import pytest
from msgspec import structs

from client.core.courier import CourierError, Trouble
from client.core.kept_keys import BULK, KEPT
from client.core.questions import CourierKeysWanted, Question
from crypto.types import Digest
from protocol.codec import decode
from protocol.courier import MAX_BUNDLE, Bundle
from protocol.delivery import State
from protocol.errors import ExpiredError, FreshnessError, PolicyError
from protocol.manifest import PrekeyKind
from protocol.receipt import Kind, Statement
from protocol.requests import LogName, Offer
from tests.support.courier import apart, packed, written
from tests.support.desk import Desk, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry, ministry

DAY = 86_400
SPEC = Path(__file__).parents[2] / "docs/spec/courier-bundle.md"


@pytest.fixture
def desks(hague: Ministry) -> tuple[Desk, Desk]:
    return apart(hague)


def kept(desk: Desk) -> dict[str, Offer]:
    """Return the offers that a terminal keeps, by terminal."""
    found = {}
    for key_id in desk.store.recent_terminals(KEPT):
        offer = desk.store.get(f"courier.key.{key_id.hex()}")
        if offer is not None:
            found[key_id.hex()] = decode(offer, Offer, limit=1 << 20)
    return found


# --- the chapter


def block(name: str) -> list[str]:
    _, _, rest = SPEC.read_text().partition(f"```{name}\n")
    return rest.partition("```")[0].splitlines()


def test_the_chapter_has_the_fields_the_troubles_and_the_bound() -> None:
    fields = " ".join(field.name for field in structs.fields(Bundle))
    assert block("bundle") == [f"Bundle: {fields}"]
    here = {Trouble.NO_KEY, Trouble.ARRIVED}  # the sender's own
    assert set(block("troubles")) == {t.value for t in set(Trouble) - here}
    assert f"at most {MAX_BUNDLE:,} bytes" in SPEC.read_text()
    assert KEPT == 8


# --- there and back


def test_a_record_goes_by_courier_and_its_receipt_comes_by_the_relay(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    row = written(bern)
    made = bern.machine.courier.pack(row, (), bern.now)
    assert (made.posts, made.without) == (("tfc",), ())
    assert made.view == bern.machine.beliefs.witnessed
    came = tfc.machine.courier.unpack(made.data, tfc.now)
    assert (came.name, came.known, came.shown) == (row.name, False, True)
    assert came.view == bern.machine.beliefs.key_log.witnessed
    inbox = tfc.inbox()[0]
    assert (inbox.document, inbox.log_index) == (row.document, None)
    (owed,) = tfc.store.owed_receipts("bern", 64)
    said = decode(owed[1], Statement)
    assert (said.kind, said.record, said.index) == (Kind.DELIVERED, row.name, None)
    # The record still waits for the relay at the sender, where nothing moved.
    (target,) = bern.store.targets(row.name)
    assert (target.delivery.state, target.delivery.kids) == (State.COMPOSED, ())

    tfc.connect()
    exchange(tfc)
    bern.connect()
    exchange(bern, tfc)
    (target,) = bern.store.targets(row.name)
    assert target.delivery.state is State.DELIVERED


def test_it_comes_by_the_relay_too_is_shown_once_and_becomes_evidence(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    row = written(bern)
    tfc.machine.courier.unpack(packed(bern, row), tfc.now)
    bern.connect()  # before any receipt: the relay gets its own sealing
    exchange(bern)
    before = len(tfc.inbox())
    tfc.connect()
    exchange(bern, tfc)
    assert len(tfc.inbox()) == before
    logged = tfc.store.record(row.name)
    assert logged is not None
    assert logged.log_index is not None
    assert logged.proof is not None
    assert "fork" not in tfc.happened()
    assert "hole" not in tfc.happened()


def test_a_bundle_after_the_relays_delivery_says_that_it_is_known(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    row = written(bern)
    data = packed(bern, row)
    for desk in (bern, tfc):
        desk.connect()
    exchange(bern, tfc)
    before = tfc.store.record(row.name)
    came = tfc.machine.courier.unpack(data, tfc.now)
    assert came.known
    assert tfc.store.record(row.name) == before
    again = tfc.machine.courier.unpack(data, tfc.now)
    assert again.known


def test_bundles_may_come_in_any_order_beside_the_relay(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    first, second = written(bern, text="Een."), written(bern, text="Twee.")
    one, two = packed(bern, first), packed(bern, second)
    tfc.machine.courier.unpack(two, tfc.now)
    tfc.machine.courier.unpack(one, tfc.now)
    written(bern, text="Drie.")
    for desk in (bern, tfc):
        desk.connect()
    exchange(bern, tfc)
    texts = {row.document for row in tfc.inbox()}
    assert {first.document, second.document} <= texts
    assert "fork" not in tfc.happened()


def test_two_bundles_of_one_record_have_one_place(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    row = written(bern)
    one = packed(bern, row)
    places = [target.place for target in bern.store.targets(row.name)]
    two = packed(bern, row)
    assert one != two
    assert None not in places
    assert [target.place for target in bern.store.targets(row.name)] == places
    assert not tfc.machine.courier.unpack(two, tfc.now).known
    assert tfc.machine.courier.unpack(one, tfc.now).known


# --- the keys that are kept


def test_one_epoch_key_is_kept_of_those_written_to_and_none_is_spent(
    hague: Ministry,
) -> None:
    relay = FakeRelay(hague)
    bern, tfc = pair(hague, relay)
    assert kept(bern) == {}
    bern.write("tfc")
    exchange(bern, tfc)
    spent = relay.published[tfc.post.terminal.key.id].next_once
    bern.connect()
    exchange(bern, tfc)
    (offer,) = kept(bern).values()
    assert relay.published[tfc.post.terminal.key.id].next_once == spent
    prekey = bern.machine._kept.key(tfc.post.terminal.key.id)  # noqa: SLF001 -- looked into
    assert prekey is not None
    assert prekey.window.kind is PrekeyKind.EPOCH
    assert prekey.public == offer.key


def asked(desk: Desk) -> int:
    """Return how often keys are asked for in a new session."""
    effects = desk.machine.connected(desk.now)
    count = 0
    while effects:
        effect = effects.pop(0)
        if isinstance(effect, Question) and isinstance(effect.tag, CourierKeysWanted):
            assert effect.lane == BULK
            count += 1
        if isinstance(effect, Question):
            answer = desk.relay.answer(effect.ask, effect.body)
            effects += desk.machine.answered(effect.tag, answer, desk.now)
    return count


def test_a_key_is_asked_for_again_when_its_day_is_over_and_not_before(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    assert asked(bern) == 0
    bern.restart()
    assert asked(bern) == 0
    before = kept(bern)
    bern.relay.now += DAY
    assert asked(bern) == 1
    assert kept(bern).keys() == before.keys()
    assert kept(bern) != before
    del tfc


def test_a_key_of_an_older_manifest_is_replaced_and_not_used(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    row = written(bern)
    old = bern.store.get(f"courier.key.{tfc.post.terminal.key.id.hex()}")
    assert old is not None
    tfc.store.put("manifest.published", Digest(bytes(32)))  # it publishes anew
    tfc.connect()
    exchange(tfc)
    bern.connect()
    exchange(bern)
    new = bern.store.get(f"courier.key.{tfc.post.terminal.key.id.hex()}")
    assert new != old
    bern.store.put(f"courier.key.{tfc.post.terminal.key.id.hex()}", old)
    with pytest.raises(CourierError) as refused:
        bern.machine.courier.pack(row, (), bern.now)
    assert refused.value.trouble in {Trouble.NO_KEY, Trouble.ARRIVED}


def test_a_relay_that_offers_another_key_has_offered_nothing(
    hague: Ministry,
) -> None:
    relay = FakeRelay(hague)
    bern, tfc = pair(hague, relay)
    published = relay.published[tfc.post.terminal.key.id]
    keys = published.body.keys
    published.body = structs.replace(published.body, keys=(keys[1], *keys[1:]))
    bern.write("tfc")
    exchange(bern, tfc)
    bern.connect()
    exchange(bern)
    assert kept(bern) == {}


def test_without_a_key_for_now_nothing_is_sealed(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    row = written(bern)
    bern.machine.beliefs.witnessed += DAY
    with pytest.raises(CourierError) as refused:
        bern.machine.courier.pack(row, (), bern.now)
    assert refused.value.trouble is Trouble.NO_KEY
    (target,) = bern.store.targets(row.name)
    assert target.place is None
    del tfc


# --- who may


def test_a_stale_view_seals_where_the_relays_way_waits(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.relay.now += 30 * DAY  # the wall clock goes on, witnessed time stands still
    row = written(bern)
    assert bern.machine.pump(bern.now) == []
    came = tfc.machine.courier.unpack(packed(bern, row), tfc.now)
    assert came.shown


def test_only_the_named_posts_get_it_and_the_others_are_told_of(
    desks: tuple[Desk, Desk],
) -> None:
    bern, _ = desks
    row = written(bern)
    made = bern.machine.courier.pack(row, ("tfc", "oslo"), bern.now)
    assert made.posts == ("tfc",)
    with pytest.raises(CourierError) as refused:
        bern.machine.courier.pack(row, ("oslo",), bern.now)
    assert refused.value.trouble is Trouble.ARRIVED


def test_what_everybody_has_is_not_packed(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    row = bern.store.records(1, 100)[-1]
    assert {t.delivery.state for t in bern.store.targets(row.name)} == {State.DELIVERED}
    with pytest.raises(CourierError) as refused:
        bern.machine.courier.pack(row, (), bern.now)
    assert refused.value.trouble is Trouble.ARRIVED
    del tfc


def test_an_expired_root_and_an_unsynchronised_terminal_seal_nothing(
    desks: tuple[Desk, Desk], hague: Ministry
) -> None:
    bern, _ = desks
    row = written(bern)
    bern.machine.beliefs.witnessed = hague.directory.root.document.expires + 1
    with pytest.raises(ExpiredError):
        bern.machine.courier.pack(row, (), bern.now)
    fresh = Desk(hague, hague.posts["bern"], FakeRelay(hague))
    with pytest.raises(FreshnessError):
        fresh.machine.courier.pack(row, (), bern.now)
    with pytest.raises(FreshnessError):
        fresh.machine.courier.unpack(packed_by_anyone(), bern.now)


def packed_by_anyone() -> bytes:
    bern, tfc = pair(hague := ministry(), FakeRelay(hague))
    bern.write("tfc")
    exchange(bern, tfc)
    bern.connect()
    exchange(bern, tfc)
    return packed(bern, written(bern))


def suspend(hague: Ministry, desk: Desk, post: str) -> None:
    """Log the suspension of a post's terminal, and let the desk see it."""
    key = hague.posts[post].terminal.key.id
    leaf = hague.restriction(key, by=hague.operators["anna"])
    desk.relay.logs[LogName.KEY].append(leaf)
    desk.connect()
    desk.machine.disconnected()


def test_a_suspended_sender_packs_nothing(
    desks: tuple[Desk, Desk], hague: Ministry
) -> None:
    bern, _ = desks
    row = written(bern)
    suspend(hague, bern, "bern")
    with pytest.raises(PolicyError):
        bern.machine.courier.pack(row, (), bern.now)


def test_nothing_is_packed_for_a_suspended_addressee(
    desks: tuple[Desk, Desk], hague: Ministry
) -> None:
    bern, _ = desks
    row = written(bern)
    suspend(hague, bern, "tfc")
    with pytest.raises(CourierError) as refused:
        bern.machine.courier.pack(row, (), bern.now)
    assert refused.value.trouble is Trouble.NO_KEY
