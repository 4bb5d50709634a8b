"""Delivery, mailbox and stream under any events: the promises that always hold."""

import hypothesis.strategies as st
from hypothesis import given

from crypto.digest import H
from crypto.types import ZERO_DIGEST, Digest, PrekeyId, StreamId
from protocol import delivery, mailbox, streams
from protocol.delivery import State
from protocol.errors import UnexpectedMessageError
from protocol.limits import MAX_RESEALS
from protocol.slip import Place

KIDS = [PrekeyId(bytes([n]) * 16) for n in range(6)]
NAMES = [H(bytes([n])) for n in range(6)]
kids, names = st.sampled_from(KIDS), st.sampled_from(NAMES)

delivery_events: st.SearchStrategy[delivery.Event] = st.one_of(
    st.builds(delivery.Sealed, names, kids),
    st.builds(delivery.Stored, names),
    st.builds(delivery.Proven, names),
    st.builds(delivery.Delivered, st.booleans()),
    st.builds(delivery.Read),
    st.builds(delivery.Acknowledged),
    st.builds(delivery.Refused),
    st.builds(delivery.Nacked, kids),
    st.builds(delivery.Missed),
    st.builds(delivery.Voided),
    st.builds(delivery.Doubt, st.booleans()),
    st.builds(delivery.Tick, st.integers(0, 200)),
)


@given(st.lists(delivery_events, max_size=40), st.booleans())
def test_a_delivery_moves_along_its_edges_and_releases_once(
    events: list[delivery.Event],
    archive: bool,  # noqa: FBT001 -- hypothesis passes it
) -> None:
    one, _ = delivery.begin(100, archive=archive)
    released = raised = seals = 0
    for event in events:
        try:
            after, effects = delivery.step(one, event)
        except UnexpectedMessageError:
            continue  # and nothing changed: the old value is still the state
        edge = delivery.EDGES[one.state].get(type(event), one.state)
        assert after.state in (one.state, edge)
        for effect in effects:
            match effect:
                case delivery.Release():
                    released += 1
                    assert (after.archive and after.proven) or after.state >= 5
                case delivery.Deposit(envelope):
                    assert envelope == after.envelope
                    assert after.state is State.SEALED
                case delivery.Seal(avoid):
                    seals += not isinstance(event, delivery.Voided)
                    assert avoid == after.kids
                case delivery.Raise():
                    raised += 1
        assert len(set(after.kids)) == len(after.kids) <= MAX_RESEALS + 1
        one = after
    assert released <= 1
    assert seals <= MAX_RESEALS
    assert raised <= 1
    assert one.released == bool(released)


@given(st.lists(delivery_events, max_size=40))
def test_a_terminals_receipt_is_never_taken_back(events: list[delivery.Event]) -> None:
    one, _ = delivery.begin(100)
    for event in events:
        try:
            after, _ = delivery.step(one, event)
        except UnexpectedMessageError:
            continue
        if one.state >= State.DELIVERED:
            assert after.state >= one.state
        one = after


mailbox_events: st.SearchStrategy[mailbox.Event] = st.one_of(
    st.builds(mailbox.Submitted, names, st.integers(0, 3), st.integers(0, 10**7)),
    st.builds(mailbox.Collect),
    st.builds(
        mailbox.Confirmed,
        st.lists(st.integers(0, 8), max_size=3).map(tuple),
        st.integers(0, 10**7),
    ),
    st.builds(mailbox.Expire, st.integers(0, 10**7)),
)


@given(st.lists(mailbox_events, max_size=40))
def test_a_mailbox_loses_nothing_and_repeats_no_cursor(
    events: list[mailbox.Event],
) -> None:
    box = mailbox.Mailbox()
    stored: dict[int, Digest] = {}
    confirmed: set[int] = set()
    for event in events:
        box, effects = mailbox.step(box, event)
        for effect in effects:
            match effect:
                case mailbox.Answer(key, cursor):
                    assert stored.setdefault(cursor, key) == key
                case mailbox.Offer(cursor, key):
                    assert cursor not in confirmed
                    assert stored.setdefault(cursor, key) == key
                case mailbox.Drop(cursor, key):
                    assert isinstance(event, mailbox.Confirmed)
                    assert cursor in event.cursors
                    assert stored[cursor] == key
                    confirmed.add(cursor)
    _, offers = mailbox.step(box, mailbox.Collect())
    waiting = {offer.cursor for offer in offers if isinstance(offer, mailbox.Offer)}
    assert waiting == stored.keys() - confirmed
    assert box.waiting == len(waiting)


STREAM = StreamId(bytes(16))
HONEST = [ZERO_DIGEST, *(H(bytes([n, 1])) for n in range(1, 30))]


def honest(seq: int, *, known: bool, lane: int = 3) -> streams.Arrived:
    place = Place(STREAM, seq, HONEST[seq - 1])
    return streams.Arrived(place, HONEST[seq], known, lane, 0)


@given(st.data())
def test_whatever_the_order_each_record_is_accepted_once_and_the_floor_is_right(
    data: st.DataObject,
) -> None:
    count = data.draw(st.integers(1, 25))
    once = data.draw(st.permutations(range(1, count + 1)))
    again = data.draw(st.lists(st.integers(1, count), max_size=20))
    stream, accepted = streams.Stream(STREAM), list[int]()
    for seq in (*once, *again):
        stream, (effect,) = streams.step(stream, honest(seq, known=seq in accepted))
        if isinstance(effect, streams.Accept):
            accepted.append(seq)
        else:
            assert effect == streams.Duplicate()
        present = set(accepted)
        assert stream.floor == next(n for n in range(count + 2) if n + 1 not in present)
        missing = {n for low, high in stream.holes() for n in range(low, high + 1)}
        assert missing == set(range(1, max(present) + 1)) - present
    assert accepted == once
    assert stream.floor_name == HONEST[count]


stream_events: st.SearchStrategy[streams.Event] = st.one_of(
    st.builds(
        streams.Arrived,
        st.builds(Place, st.just(STREAM), st.integers(0, 6), st.sampled_from(HONEST)),
        st.sampled_from(HONEST[1:8]),
        st.booleans(),
        st.integers(0, 3),
        st.integers(0, 10**6),
    ),
    st.builds(streams.Claimed, st.integers(0, 9), st.integers(0, 10**6)),
    st.builds(streams.Tick, st.integers(0, 10**6)),
    st.builds(honest, st.integers(1, 6), known=st.booleans()),
)


@given(st.lists(stream_events, max_size=30))
def test_a_stream_moves_along_its_edges_and_its_floor_never_falls(
    events: list[streams.Event],
) -> None:
    stream = streams.Stream(STREAM)
    for event in events:
        try:
            after, effects = streams.step(stream, event)
        except UnexpectedMessageError:
            continue
        assert after.state in streams.EDGES[stream.state][type(event)]
        assert after.floor >= stream.floor
        if any(isinstance(effect, streams.Fork) for effect in effects):
            assert after.state is streams.State.FROZEN
        if stream.state is streams.State.FROZEN:
            assert after == stream
        stream = after
