"""Courier bundles that are broken, hostile, or for somebody else."""

import pytest
from msgspec import structs

from client.core.courier import CourierError, Trouble
from client.core.rows import IN
from crypto.types import Digest
from protocol.codec import decode, encode
from protocol.courier import MAX_BUNDLE, Bundle, make_bundle, read_bundle
from protocol.errors import MalformedError
from protocol.manifest import PrekeyKind
from tests.support.courier import apart, packed, written
from tests.support.desk import Desk, exchange
from tests.support.ministry import ministry


@pytest.fixture
def desks() -> tuple[Desk, Desk]:
    return apart(ministry())


def trouble(desk: Desk, data: bytes) -> Trouble:
    before = len(desk.store.records(IN, 1000))
    with pytest.raises(CourierError) as refused:
        desk.machine.courier.unpack(data, desk.now)
    assert len(desk.store.records(IN, 1000)) == before
    return refused.value.trouble


def test_a_file_of_another_kind_is_refused(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    data = packed(bern, written(bern))
    for wrong in (b"", b"\x00", data[:-1], data + b"\x00", data[1:], bytes(1000)):
        assert trouble(tfc, wrong) is Trouble.NO_BUNDLE
    bundle = decode(data, Bundle, limit=MAX_BUNDLE)
    other = encode(structs.replace(bundle, envelope=b"\xa0"))
    assert trouble(tfc, other) is Trouble.NO_BUNDLE


def test_a_file_over_the_bound_is_not_looked_at() -> None:
    with pytest.raises(MalformedError):
        read_bundle(bytes(MAX_BUNDLE + 1))


def test_somebody_elses_bundle_is_not_for_us(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    assert trouble(bern, packed(bern, written(bern))) is Trouble.NOT_FOR_US
    del tfc


def test_a_bundle_that_was_too_long_on_its_way_says_so(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    data = packed(bern, written(bern))
    tfc.seeds.held.clear()
    assert trouble(tfc, data) is Trouble.KEY_GONE


def test_each_changed_byte_of_the_envelope_is_found(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    data = packed(bern, written(bern))
    carried = read_bundle(data)
    body = bytearray(carried.envelope.body)
    body[len(body) // 2] ^= 1
    changed = carried.envelope._replace(body=bytes(body)).encoded()
    assert trouble(tfc, make_bundle(changed, carried.note)) is Trouble.UNREADABLE


def test_another_view_beside_the_envelope_is_found_out(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    old = bern.machine.beliefs.key_log.note
    data = packed(bern, written(bern))
    carried = read_bundle(data)
    tfc.store.put("manifest.published", Digest(bytes(32)))
    tfc.connect()  # the key log grows
    exchange(tfc)
    for note in (tfc.machine.beliefs.key_log.note, b"x", old[:-30] + b"\n"):
        assert note != carried.note
        swapped = make_bundle(carried.envelope.encoded(), note)
        assert trouble(tfc, swapped) is Trouble.UNREADABLE
    assert not tfc.machine.courier.unpack(data, tfc.now).known


def test_a_view_without_our_witnesses_vouches_for_no_time(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    data = packed(bern, written(bern))
    carried = read_bundle(data)
    log_line = carried.note.split(b"\n\n")[1].splitlines(keepends=True)[0]
    bare = carried.note.split(b"\n\n")[0] + b"\n\n" + log_line
    came = tfc.machine.courier.unpack(
        make_bundle(carried.envelope.encoded(), bare), tfc.now
    )
    assert (came.shown, came.view) == (True, 0)


def test_a_one_time_key_is_of_the_relays_way_only(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    data = packed(bern, written(bern))
    for kid, seed in list(tfc.seeds.held.items()):
        tfc.seeds.held[kid] = structs.replace(seed, kind=PrekeyKind.ONE_TIME)
    assert trouble(tfc, data) is Trouble.UNREADABLE


def test_a_signer_that_we_do_not_know_asks_for_news_first(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    data = packed(bern, written(bern))
    view = tfc.machine.beliefs.view()
    own = view.terminal(bern.post.terminal.key.id)
    assert own is not None
    snapshot = type(view)
    original = snapshot.terminal

    def unknown(self: object, key_id: object) -> object:
        return None if key_id == own.key_id else original(self, key_id)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot, "terminal", unknown)
        assert trouble(tfc, data) is Trouble.STRANGER
