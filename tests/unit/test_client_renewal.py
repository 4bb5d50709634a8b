"""A stream that a peer froze is left, and what waited arrives in a new one."""

from dataclasses import replace

import pytest

from client.core.compose import Wish, action
from client.core.rows import OUT
from crypto.types import ZERO_DIGEST, KeyId, StreamId
from protocol.delivery import State
from protocol.label import Precedence
from protocol.limits import MAX_RESEALS
from protocol.machine_bodies import Alarm as Told
from protocol.machine_bodies import AlarmBody
from protocol.record_type import RecordType
from protocol.slip import Place
from tests.support.desk import Desk, exchange


def of(desk: Desk) -> KeyId:
    return desk.post.terminal.key.id


def stream(bern: Desk, tfc: Desk) -> StreamId:
    place = bern.store.stream_out(of(tfc))
    assert place is not None
    return place.stream


def rolled_back(bern: Desk, tfc: Desk) -> None:
    """Let Bern's vault forget the last place that it gave to TFC."""
    place = bern.store.stream_out(of(tfc))
    assert place is not None
    before = place._replace(seq=place.seq - 1, prev=ZERO_DIGEST)
    with bern.store.transaction():
        bern.store.set_stream_out(of(tfc), before)


def subjects(desk: Desk) -> int:
    return len(desk.inbox())


@pytest.fixture
def frozen(desks: tuple[Desk, Desk]) -> tuple[Desk, Desk]:
    """Return desks where TFC froze Bern's stream, and has told Bern so."""
    bern, tfc = desks
    bern.write("tfc", "de eerste")
    exchange(bern, tfc)
    rolled_back(bern, tfc)
    bern.write("tfc", "op dezelfde plaats")
    exchange(bern, tfc)
    return desks


def test_what_met_a_frozen_stream_arrives_in_a_new_one(
    frozen: tuple[Desk, Desk],
) -> None:
    bern, tfc = frozen
    assert subjects(tfc) == 2
    assert "fork" in tfc.alarms()
    assert "stream-odd" in bern.alarms()
    assert "stream-renewed" in bern.happened()
    states = [
        target.delivery.state
        for row in bern.store.records(OUT, 10)
        if row.type == RecordType.CABLE
        for target in bern.store.targets(row.name)
    ]
    assert states == [State.DELIVERED, State.DELIVERED]


def test_the_next_message_goes_in_the_new_stream(frozen: tuple[Desk, Desk]) -> None:
    bern, tfc = frozen
    before = stream(bern, tfc)
    bern.write("tfc", "de volgende")
    exchange(bern, tfc)
    assert subjects(tfc) == 3
    assert stream(bern, tfc) == before
    assert "two-streams" not in tfc.alarms()


def told_frozen(bern: Desk, tfc: Desk, which: StreamId) -> None:
    """Let TFC say that it froze a stream of Bern."""
    wish = Wish(
        type=RecordType.ALARM,
        body=AlarmBody(alarm=Told.FORK, stream=which),
        to=action(("bern",), Precedence.IMMEDIATE),
    )
    tfc.machine.compose(wish, tfc.now)
    tfc.effects.extend(tfc.machine.pump(tfc.now))
    tfc.run()
    bern.fetch()


def test_the_word_about_a_stream_that_was_left_changes_nothing(
    frozen: tuple[Desk, Desk],
) -> None:
    bern, tfc = frozen
    now = stream(bern, tfc)
    told_frozen(bern, tfc, StreamId(bytes(16)))
    assert stream(bern, tfc) == now
    told_frozen(bern, tfc, now)
    assert stream(bern, tfc) != now


def test_a_peer_that_freezes_each_stream_has_a_record_sealed_anew_three_times(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    exchange(bern, tfc)
    sent = bern.write("tfc", "steeds weer")
    bern.run()
    for _ in range(MAX_RESEALS + 2):
        told_frozen(bern, tfc, stream(bern, tfc))
        bern.run()
    (target,) = bern.store.targets(sent.name)
    assert len(target.delivery.kids) == MAX_RESEALS + 1
    assert "reseals-spent" in bern.alarms()


def test_a_member_may_ask_for_new_streams_with_everybody(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.write("tfc", "de eerste")
    exchange(bern, tfc)
    before = stream(bern, tfc)
    waiting = bern.write("tfc", "die wacht")
    bern.run()
    assert bern.machine.renewal.renew(bern.now) == 1
    assert stream(bern, tfc) != before
    assert bern.store.targets(waiting.name)[0].place is None
    exchange(bern, tfc)
    assert subjects(tfc) == 2  # not twice: it came in the old stream too
    bern.write("tfc", "in de nieuwe")
    exchange(bern, tfc)
    assert tfc.alarms() == {"restored"}
    assert "streams-renewed" in bern.happened()


def test_a_place_that_only_a_bundle_has_is_given_anew(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.write("tfc", "de eerste")
    exchange(bern, tfc)
    row = bern.write("tfc", "per koerier")
    place = bern.store.stream_out(of(tfc))
    assert place is not None
    (target,) = bern.store.targets(row.name)
    taken = Place(place.stream, place.seq + 1, place.prev)
    with bern.store.transaction():  # as a bundle's sealing leaves it
        bern.store.set_target(replace(target, place=taken))
        bern.store.set_stream_out(of(tfc), Place(place.stream, taken.seq, row.name))
    bern.machine.renewal.renew(bern.now)
    assert bern.store.targets(row.name)[0].place is None
