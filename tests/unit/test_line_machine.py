import pytest

from protocol.errors import BusyError, MalformedError, UnexpectedMessageError
from protocol.line.cells import CELL, SHORT
from protocol.line.effects import (
    FAST,
    POOR,
    ObjectAcknowledged,
    ObjectComplete,
    ObjectLost,
    Side,
    Stalled,
)
from protocol.line.frames import Data, Kind, Seen, Shape, write
from protocol.line.machine import SEEN_DELAY, Line
from protocol.line.outbound import MAX_OBJECTS
from tests.support.line import Seal, connected

RECORD = bytes(range(256)) * 29


def test_a_whole_object_arrives_in_one_cell_and_is_acknowledged_when_stored() -> None:
    ends = connected()
    name = ends.terminal.offer(Kind.SUBMISSION, RECORD, 3, ends.now)
    (cell,) = ends.terminal.cells(ends.now, 9)
    assert len(cell) == 8 * CELL
    effects = ends.relay.receive(cell, ends.now)
    assert effects == (ObjectComplete(Kind.SUBMISSION, name, 3, RECORD),)
    assert ends.settle() == ([], [])
    assert ends.terminal.waiting == 1  # nothing is acknowledged before the commit
    ends.relay.stored(name)
    total = len(RECORD)
    assert ends.settle() == ([], [ObjectAcknowledged(name, total, total)])
    assert ends.terminal.waiting == 0


def test_on_a_poor_line_an_object_travels_in_cells_of_one_kilobyte() -> None:
    ends = connected(POOR)
    ends.terminal.offer(Kind.SUBMISSION, RECORD, 3, ends.now)
    assert [len(cell) for cell in ends.terminal.cells(ends.now, 99)] == [CELL] * 4
    assert ends.terminal.cells(ends.now, 99) == ()  # the credit is used up


def test_a_flash_leaves_whole_though_others_have_used_up_the_credit() -> None:
    ends = connected(POOR)
    ends.terminal.offer(Kind.SUBMISSION, RECORD, 3, ends.now)
    before = ends.terminal.cells(ends.now, 99)
    name = ends.terminal.offer(Kind.SUBMISSION, RECORD[::-1], 0, ends.now)
    cells = (*before, *ends.terminal.cells(ends.now, 99))
    came = [one for cell in cells for one in ends.relay.receive(cell, ends.now)]
    assert came == [ObjectComplete(Kind.SUBMISSION, name, 0, RECORD[::-1])]
    assert ends.terminal.cells(ends.now, 99) == ()  # of the other, no cell more


def test_requests_and_answers_need_no_acknowledgement() -> None:
    ends = connected()
    ends.terminal.offer(Kind.REQUEST, b"ask", 1, ends.now)
    at_relay, _ = ends.settle()
    assert [effect.content for effect in at_relay] == [b"ask"]  # type: ignore[union-attr]
    assert ends.terminal.waiting == 0
    ends.relay.offer(Kind.ANSWER, b"answer", 1, ends.now)
    _, at_terminal = ends.settle()
    assert [effect.content for effect in at_terminal] == [b"answer"]  # type: ignore[union-attr]


def test_a_lone_control_frame_takes_a_short_cell() -> None:
    ends = connected()
    name = ends.terminal.offer(Kind.SUBMISSION, RECORD, 3, ends.now)
    ends.relay.receive(ends.terminal.cells(ends.now)[0], ends.now)
    ends.relay.stored(name)
    assert [len(cell) for cell in ends.relay.cells(ends.now, 9)] == [SHORT]


def test_seen_travels_with_what_goes_anyway_and_alone_after_a_while() -> None:
    ends = connected()
    ends.terminal.offer(Kind.REQUEST, b"ask", 1, 0.0)
    ends.relay.receive(ends.terminal.cells(0.0)[0], 0.0)
    assert ends.relay.cells(SEEN_DELAY - 0.01) == ()
    assert ends.relay.wake() == SEEN_DELAY
    (cell,) = ends.relay.cells(SEEN_DELAY)
    assert len(cell) == SHORT
    ends.terminal.receive(cell, SEEN_DELAY)
    assert ends.terminal.wake() is None
    assert ends.relay.wake() is None
    # What carries only control frames is not counted back: else it would never end.
    assert ends.terminal.cells(10.0) == ()


def test_two_full_cells_are_counted_at_once() -> None:
    ends = connected(POOR)
    ends.terminal.offer(Kind.SUBMISSION, RECORD, 3, 0.0)
    first, second, *_ = ends.terminal.cells(0.0, 9)
    ends.relay.receive(first, 0.0)
    assert ends.relay.cells(0.0) == ()
    ends.relay.receive(second, 0.0)
    (cell,) = ends.relay.cells(0.0)
    ends.terminal.receive(cell, 1.0)
    assert len(ends.terminal.cells(1.0, 99)) >= 2


def test_a_flash_overtakes_at_the_next_cell() -> None:
    ends = connected(POOR)
    ends.terminal.offer(Kind.SUBMISSION, RECORD, 3, 0.0)
    routine = ends.terminal.cells(0.0, 2)
    flash = ends.terminal.offer(Kind.SUBMISSION, b"FLASH" * 100, 0, 0.0)
    assert [ends.relay.receive(cell, 0.0) for cell in routine] == [(), ()]
    effects = ends.relay.receive(ends.terminal.cells(0.0)[0], 0.0)
    assert [effect.id for effect in effects] == [flash]  # type: ignore[union-attr]


def test_what_a_cut_interrupts_is_sent_again_and_shown_once() -> None:
    ends = connected()
    name = ends.terminal.offer(Kind.SUBMISSION, RECORD, 3, ends.now)
    ends.terminal.cells(ends.now)
    ends.cut()
    ends.connect()
    at_relay, _ = ends.settle()
    assert [effect.id for effect in at_relay] == [name]  # type: ignore[union-attr]
    ends.relay.stored(name)  # and the ACK is lost
    ends.cut()
    ends.connect()
    assert ends.settle() == (
        [],
        [ObjectAcknowledged(name, len(RECORD), len(RECORD))],
    )
    assert ends.terminal.waiting == 0


def test_an_object_that_is_being_stored_during_a_cut_is_not_shown_again() -> None:
    ends = connected()
    name = ends.terminal.offer(Kind.SUBMISSION, RECORD, 3, ends.now)
    ends.settle()
    ends.cut()
    ends.connect()
    assert ends.settle() == ([], [])
    ends.relay.stored(name)
    ends.settle()
    assert ends.terminal.waiting == 0


def test_a_cut_names_the_requests_that_are_lost() -> None:
    ends = connected()
    kept = ends.terminal.offer(Kind.SUBMISSION, RECORD, 3, ends.now)
    lost = ends.terminal.offer(Kind.REQUEST, b"ask", 3, ends.now)
    assert ends.cut() == ((ObjectLost(lost),), ())
    ends.connect()
    at_relay, _ = ends.settle()
    assert [effect.id for effect in at_relay] == [kept]  # type: ignore[union-attr]


def test_without_a_session_nothing_leaves_and_nothing_is_taken() -> None:
    line = Line(Side.TERMINAL)
    line.offer(Kind.REQUEST, b"ask", 0, 0.0)
    assert line.cells(0.0) == ()
    assert not line.connected
    with pytest.raises(UnexpectedMessageError):
        line.receive(bytes(CELL), 0.0)
    line.connect(Seal(0), Seal(1), 0.0)
    with pytest.raises(RuntimeError, match="one session"):
        line.connect(Seal(0), Seal(1), 0.0)
    assert len(line.cells(0.0)) == 1


def test_the_same_object_offered_twice_is_one_object() -> None:
    ends = connected()
    assert ends.terminal.offer(Kind.REQUEST, b"ask", 1, 0.0) == ends.terminal.offer(
        Kind.REQUEST, b"ask", 1, 0.0
    )
    assert ends.terminal.waiting == 1


def test_a_caller_offers_only_what_its_side_sends() -> None:
    ends = connected()
    with pytest.raises(ValueError, match="other side"):
        ends.terminal.offer(Kind.DELIVERY, b"x", 0, 0.0)
    with pytest.raises(ValueError, match="other side"):
        ends.relay.offer_streamed(Kind.ATTACHMENT_UP, bytes(16), 1, 4, 0.0)
    with pytest.raises(ValueError, match="whole"):
        ends.terminal.offer(Kind.SUBMISSION, b"", 0, 0.0)
    with pytest.raises(ValueError, match="whole"):
        ends.terminal.offer(Kind.ATTACHMENT_UP, b"x", 0, 0.0)
    with pytest.raises(ValueError, match="streamed"):
        ends.terminal.offer_streamed(Kind.REQUEST, bytes(16), 1, 0, 0.0)
    with pytest.raises(ValueError, match="streamed"):
        ends.terminal.offer_streamed(Kind.ATTACHMENT_UP, bytes(16), 0, 0, 0.0)


def test_offers_are_bounded() -> None:
    line = Line(Side.TERMINAL)
    for number in range(MAX_OBJECTS):
        line.offer(Kind.REQUEST, number.to_bytes(4, "big"), 3, 0.0)
    with pytest.raises(BusyError):
        line.offer(Kind.REQUEST, b"one more", 0, 0.0)


def test_a_peer_that_does_not_move_is_noticed_after_the_profiles_time() -> None:
    ends = connected(POOR)
    assert ends.terminal.tick(1e9) == ()
    ends.terminal.offer(Kind.REQUEST, b"ask", 1, 100.0)
    ends.terminal.cells(100.0)
    assert ends.terminal.wake() == 100.0 + POOR.stall
    assert ends.terminal.tick(159.9) == ()
    assert ends.terminal.tick(160.0) == (Stalled(),)


def test_loss_that_the_transport_reports_widens_the_window() -> None:
    ends = connected(POOR)
    ends.terminal.loss(0.0)
    ends.terminal.offer(Kind.SUBMISSION, RECORD * 2, 3, 0.0)
    assert len(ends.terminal.cells(0.0, 99)) == 8


def test_more_cells_counted_than_were_sent_is_refused() -> None:
    ends = connected()
    cell = Seal(1).seal(write(Seen(1)).ljust(SHORT - 16, b"\0"))
    with pytest.raises(MalformedError):
        ends.terminal.receive(cell, 0.0)


def test_the_reserved_frame_is_refused() -> None:
    ends = connected()
    cell = Seal(1).seal(write(Shape(500, 1)).ljust(SHORT - 16, b"\0"))
    with pytest.raises(UnexpectedMessageError):
        ends.terminal.receive(cell, 0.0)


def test_a_cell_takes_effect_as_a_whole_or_not_at_all() -> None:
    ends = connected()
    name = ends.terminal.offer(Kind.SUBMISSION, RECORD, 3, 0.0)
    good = ends.terminal.cells(0.0)[0][:-16]
    bad = good.rstrip(b"\0") + write(Data(77, 0, b"of no stream"))
    seal = Seal(0)
    with pytest.raises(UnexpectedMessageError):
        ends.relay.receive(seal.seal(bad.ljust(len(good), b"\0")), 0.0)
    # Nothing of it took effect: the same frames, alone, are a first opening.
    effects = ends.relay.receive(seal.seal(good), 0.0)
    assert effects == (ObjectComplete(Kind.SUBMISSION, name, 3, RECORD),)


def test_control_frames_that_do_not_fit_one_cell_go_in_the_next() -> None:
    ends = connected(POOR)
    names = [
        ends.terminal.offer(Kind.SUBMISSION, bytes([n]) * 20, 3, 0.0) for n in range(60)
    ]
    ends.settle()
    for name in names:
        ends.relay.accepted(name, 7, bytes(32))
        ends.relay.stored(name)
    _, at_terminal = ends.settle()
    assert len(at_terminal) == 120
    assert ends.terminal.waiting == 0


def test_a_profile_may_change_between_sessions() -> None:
    line = Line(Side.TERMINAL, POOR)
    line.profile = FAST
    line.connect(Seal(0), Seal(1), 0.0)
    line.offer(Kind.SUBMISSION, RECORD, 3, 0.0)
    assert len(line.cells(0.0)[0]) == 8 * CELL
