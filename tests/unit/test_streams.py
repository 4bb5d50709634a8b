from dataclasses import replace
from types import MappingProxyType

import pytest

from crypto.digest import H
from crypto.types import ZERO_DIGEST, Digest, StreamId
from protocol.errors import BusyError, MalformedError, UnexpectedMessageError
from protocol.limits import MAX_STREAM_HOLES
from protocol.slip import Place
from protocol.stream_store import dump, load
from protocol.streams import (
    MAX_RANGES,
    Accept,
    Arrived,
    AskResend,
    Claimed,
    Duplicate,
    Effect,
    Fork,
    Held,
    HoleOverdue,
    Patience,
    State,
    Stream,
    Tick,
    step,
)

ID = StreamId(bytes(range(16)))
NAMES = [ZERO_DIGEST, *(H(bytes([n])) for n in range(1, 60))]


def arrived(
    seq: int,
    *,
    name: Digest | None = None,
    prev: Digest | None = None,
    known: bool = False,
    lane: int = 3,
) -> Arrived:
    place = Place(ID, seq, NAMES[seq - 1] if prev is None else prev)
    return Arrived(place, NAMES[seq] if name is None else name, known, lane, 0)


def at(now: int, event: Arrived) -> Arrived:
    return replace(event, now=now)


def after(*seqs: int, lane: int = 3, now: int = 0) -> Stream:
    stream = Stream(ID)
    for seq in seqs:
        stream, _ = step(stream, at(now, arrived(seq, lane=lane)))
    return stream


def test_records_in_order_raise_the_floor() -> None:
    stream = after(1, 2, 3)
    assert (stream.floor, stream.floor_name, stream.above) == (3, NAMES[3], {})
    assert stream.state is State.WHOLE
    assert stream.holes() == ()


def test_a_record_that_overtakes_is_shown_at_once_and_the_late_one_is_marked() -> None:
    stream = after(1)
    stream, effects = step(stream, arrived(4, lane=0))
    assert effects == (Accept(late=False),)
    assert stream.state is State.HOLED
    stream, effects = step(stream, arrived(2))
    assert effects == (Accept(late=True),)
    assert stream.holes() == ((3, 3),)
    stream, effects = step(stream, arrived(3))
    assert effects == (Accept(late=True),)
    assert (stream.floor, stream.state) == (4, State.WHOLE)


@pytest.mark.parametrize("seq", [1, 2, 4])
def test_b3_a_record_that_is_there_is_acknowledged_again_and_not_shown(
    seq: int,
) -> None:
    stream = after(1, 2, 4)
    assert step(stream, arrived(seq, known=True)) == (stream, (Duplicate(),))


def test_b3_a_known_record_in_a_new_place_moves_the_stream_and_is_not_shown() -> None:
    # It came by another stream of the same sender, or in a courier bundle.
    stream, effects = step(after(1), arrived(2, known=True))
    assert effects == (Duplicate(),)
    assert stream.floor == 2


def test_the_same_record_twice_in_one_map_is_a_duplicate_without_the_vault() -> None:
    stream = after(1, 4)
    assert step(stream, arrived(4)) == (stream, (Duplicate(),))


@pytest.mark.parametrize(
    ("event", "other"),
    [
        (arrived(1, name=NAMES[50]), None),  # below the floor
        (arrived(2, name=NAMES[50]), NAMES[2]),  # at the floor
        (arrived(4, name=NAMES[50]), NAMES[4]),  # above it
        (arrived(3, prev=NAMES[50]), None),  # not after the floor
        (arrived(5, prev=NAMES[50]), None),  # not after its neighbour
        (arrived(3, name=NAMES[50]), None),  # not what its successor names
    ],
)
def test_b13_two_records_for_one_place_are_a_fork(
    event: Arrived, other: Digest | None
) -> None:
    stream, effects = step(after(1, 2, 4), event)
    assert effects == (Fork(event.place.seq, other),)
    assert stream.state is State.FROZEN


def test_a_frozen_stream_takes_nothing_more_and_still_knows_duplicates() -> None:
    frozen, _ = step(after(1, 2), arrived(2, name=NAMES[50]))
    for event, expected in (
        (arrived(3), Held()),
        (arrived(2, known=True), Duplicate()),
    ):
        assert step(frozen, event) == (frozen, (expected,))
    assert step(frozen, Claimed(9, 0)) == (frozen, ())
    assert step(frozen, Tick(10**9)) == (frozen, ())


def test_a_place_that_was_a_fork_once_stays_one() -> None:
    known, _ = step(after(1, 2, 4), arrived(4, name=NAMES[50]))
    assert step(known, arrived(4)) == (known, (Duplicate(),))


def test_a_place_in_another_stream_or_none_is_refused() -> None:
    stream = after(1)
    other = Place(StreamId(bytes(16)), 2, NAMES[1])
    for place in (other, Place(ID, 0, ZERO_DIGEST)):
        with pytest.raises(UnexpectedMessageError):
            step(stream, Arrived(place, NAMES[2], False, 3, 0))  # noqa: FBT003 -- a field by its place


def test_above_1024_records_a_stream_is_busy_except_for_what_closes_the_hole() -> None:
    names = [ZERO_DIGEST, *(H(n.to_bytes(4, "big")) for n in range(1, 1100))]

    def far(seq: int) -> Arrived:
        return Arrived(Place(ID, seq, names[seq - 1]), names[seq], False, 3, 0)  # noqa: FBT003 -- a field by its place

    stream = Stream(ID)
    for seq in range(2, MAX_STREAM_HOLES + 2):
        stream, _ = step(stream, far(seq))
    with pytest.raises(BusyError):
        step(stream, far(MAX_STREAM_HOLES + 2))
    stream, _ = step(stream, far(1))
    assert (stream.floor, stream.above) == (MAX_STREAM_HOLES + 1, {})


def ticks(stream: Stream, *times: int) -> list[tuple[Effect, ...]]:
    effects = []
    for now in times:
        stream, effect = step(stream, Tick(now))
        effects.append(effect)
    return effects


def test_a_hole_that_flash_showed_is_asked_for_after_a_minute() -> None:
    ask = (AskResend(1, 1),)
    found = ticks(after(2, lane=0, now=100), 159, 160, 219, 220)
    assert found == [(), ask, (), ask]


def test_another_hole_is_asked_for_after_half_an_hour() -> None:
    assert ticks(after(2, 5, now=100), 1899, 1900) == [
        (),
        (AskResend(1, 1), AskResend(3, 4)),
    ]


def test_the_shortest_grace_counts_while_the_hole_stands() -> None:
    stream, _ = step(after(2, now=100), at(120, arrived(4, lane=0)))
    assert ticks(stream, 159, 160)[1] == (AskResend(1, 1), AskResend(3, 3))
    stream, _ = step(stream, at(121, arrived(5)))
    assert stream.grace == 60


def test_the_next_hole_has_a_time_of_its_own() -> None:
    stream, _ = step(after(2, 4, lane=0, now=100), at(150, arrived(1)))
    assert stream.holes() == ((3, 3),)
    assert (stream.since, stream.asked, stream.grace) == (150, 0, 1800)


def test_people_are_told_once_of_a_hole_that_stays() -> None:
    stream = after(2, now=0)
    stream, effects = step(stream, Tick(86_400))
    assert HoleOverdue(1, 1) in effects
    stream, effects = step(stream, Tick(200_000))
    assert HoleOverdue(1, 1) not in effects
    assert ticks(after(1), 10**9) == [()]


def test_a_heartbeat_that_claims_more_is_answered_with_a_resend_at_once() -> None:
    stream, effects = step(after(1), Claimed(3, 50))
    assert effects == (AskResend(2, 3),)
    assert (stream.state, stream.since) == (State.HOLED, 50)
    assert step(stream, Claimed(3, 60)) == (stream, ())
    assert step(stream, Claimed(2, 60)) == (stream, ())
    again, effects = step(stream, Claimed(4, 99))
    assert effects == (AskResend(2, 4),)
    assert again.since == 50
    stream, effects = step(stream, arrived(3))
    assert effects == (Accept(late=False),)


def test_what_a_heartbeat_claims_before_it_arrives_is_late() -> None:
    stream, _ = step(after(1), Claimed(3, 50))
    assert step(stream, arrived(2))[1] == (Accept(late=True),)


def test_only_so_many_holes_are_asked_for_at_a_time() -> None:
    stream = after(*range(2, 50, 2))
    assert len(stream.holes()) == MAX_RANGES
    assert stream.holes()[0] == (1, 1)


def test_a_stream_is_a_value_that_nobody_can_change() -> None:
    stream = after(2)
    assert isinstance(stream.above, MappingProxyType)


@pytest.mark.parametrize(
    "stream",
    [
        Stream(ID),
        after(1, 3, 7, lane=0, now=99),
        step(step(after(1), Claimed(9, 5))[0], Tick(10**6))[0],
        step(after(1), arrived(1, name=NAMES[9]))[0],
    ],
)
def test_a_stream_comes_back_from_the_vault_as_it_was(stream: Stream) -> None:
    assert load(dump(stream), Patience()) == stream
    with pytest.raises(MalformedError):
        load(dump(stream)[:-1], Patience())
