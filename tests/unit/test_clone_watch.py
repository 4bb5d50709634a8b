from crypto.types import StreamId
from protocol.clone_watch import (
    REMEMBERED,
    Effect,
    NewStream,
    TwoStreams,
    Watch,
    advanced,
)

OLD, NEW = StreamId(bytes(16)), StreamId(bytes([1]) * 16)


def watched(*arrivals: tuple[StreamId, int]) -> list[tuple[Effect, ...]]:
    watch, found = Watch(), []
    for stream, sealed in arrivals:
        watch, effects = advanced(watch, stream, sealed)
        found.append(effects)
    return found


def test_the_first_stream_of_a_terminal_is_no_news() -> None:
    assert watched((OLD, 1), (OLD, 2)) == [(), ()]


def test_a_new_stream_is_told_once() -> None:
    assert watched((OLD, 1), (NEW, 2), (NEW, 3)) == [(), (NewStream(),), ()]


def test_what_was_sealed_before_a_restore_may_come_late() -> None:
    late = watched((OLD, 1), (NEW, 9), (OLD, 5), (NEW, 10), (OLD, 6), (NEW, 11))
    assert late == [(), (NewStream(),), (), (), (), ()]


def test_two_streams_that_advance_in_turn_are_a_clone() -> None:
    found = watched((OLD, 1), (NEW, 2), (OLD, 3), (NEW, 4), (OLD, 5))
    assert found == [(), (NewStream(),), (), (TwoStreams(),), ()]


def test_records_of_one_stream_may_overtake_each_other() -> None:
    watch, _ = advanced(Watch(), OLD, 7)
    watch, _ = advanced(watch, OLD, 3)
    assert watch.sealed == 7


def test_streams_are_remembered_up_to_a_bound() -> None:
    watch = Watch()
    for number in range(100):
        watch, _ = advanced(watch, StreamId(number.to_bytes(16, "big")), number)
    assert len(watch.streams) == REMEMBERED
