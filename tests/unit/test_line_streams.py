"""The streams of a line: attachments, refusals, numbers, and what peers may not do."""

import pytest

from crypto.digest import H
from protocol.errors import (
    BusyError,
    MalformedError,
    ProtocolError,
    UnexpectedMessageError,
)
from protocol.line.cells import CELL
from protocol.line.effects import (
    MAX_WHOLE,
    ObjectAbandoned,
    ObjectAccepted,
    ObjectAcknowledged,
    ObjectOpened,
    ObjectRefused,
    StoreBytes,
)
from protocol.line.frames import (
    Accept,
    Ack,
    Close,
    CloseReason,
    Data,
    Frame,
    Kind,
    Open,
    write,
)
from protocol.line.inbound import MAX_KNOWN
from protocol.line.outbound import AHEAD
from tests.support.line import Ends, Seal, connected

BLOB = bytes(range(251)) * 1000
NAME = H(BLOB)[:16]
ANY = bytes(16)


def cell(*frames: Frame) -> bytes:
    """Return the terminal's first cell of a session, made of these frames."""
    content = b"".join(map(write, frames))
    return Seal(0).seal(
        content.ljust(-(-(len(content) + 16) // CELL) * CELL - 16, b"\0")
    )


def upload(ends: Ends, durable: int = 0) -> int:
    """Offer the blob and move it; return how many bytes crossed."""
    ends.terminal.offer_streamed(Kind.ATTACHMENT_UP, NAME, len(BLOB), 4, ends.now)
    return move(ends, bytearray(BLOB[:durable]))


def move(ends: Ends, stored: bytearray, stop_at: int = len(BLOB)) -> int:
    crossed = 0
    while len(stored) < stop_at:
        at_relay, _ = ends.settle()
        for effect in at_relay:
            if isinstance(effect, ObjectOpened):
                assert effect == ObjectOpened(Kind.ATTACHMENT_UP, NAME, 4, len(BLOB))
                ends.relay.accept(NAME, len(stored))
            if isinstance(effect, StoreBytes):
                assert effect.offset == len(stored)
                stored += effect.content
                crossed += len(effect.content)
                ends.relay.stored(NAME, len(stored))
        for want in ends.terminal.wants():
            content = BLOB[want.offset : want.offset + want.size]
            ends.terminal.feed(want.id, want.offset, content, ends.now)
    assert bytes(stored) == BLOB[: len(stored)]
    return crossed


def test_an_attachment_streams_and_ends_with_its_last_acknowledgement() -> None:
    ends = connected()
    assert upload(ends) == len(BLOB)
    _, at_terminal = ends.settle()
    assert at_terminal[-1] == ObjectAcknowledged(NAME, len(BLOB), len(BLOB))
    assert ends.terminal.waiting == 0


def test_an_attachment_goes_on_where_the_receiver_says() -> None:
    ends = connected()
    assert upload(ends, durable=200_000) == len(BLOB) - 200_000


def test_an_attachment_that_is_there_is_not_sent() -> None:
    ends = connected()
    ends.terminal.offer_streamed(Kind.ATTACHMENT_UP, NAME, len(BLOB), 4, ends.now)
    ends.settle()
    ends.relay.accept(NAME, len(BLOB))
    _, at_terminal = ends.settle()
    assert at_terminal == [ObjectAcknowledged(NAME, len(BLOB), len(BLOB))]
    assert ends.terminal.waiting == 0


def test_after_a_cut_nothing_acknowledged_is_sent_again() -> None:
    ends = connected()
    stored = bytearray()
    ends.terminal.offer_streamed(Kind.ATTACHMENT_UP, NAME, len(BLOB), 4, ends.now)
    crossed = 0
    for stop in range(50_000, len(BLOB) + 50_000, 50_000):
        crossed += move(ends, stored, min(stop, len(BLOB)))
        ends.cut()
        ends.connect()
    assert crossed == len(BLOB)


def test_a_receiver_that_lost_bytes_gets_them_again() -> None:
    ends = connected()
    stored = bytearray()
    ends.terminal.offer_streamed(Kind.ATTACHMENT_UP, NAME, len(BLOB), 4, ends.now)
    move(ends, stored, 100_000)
    ends.settle()
    ends.cut()
    ends.connect()
    del stored[:]
    assert move(ends, stored) == len(BLOB)


def test_wants_are_bounded_and_late_bytes_are_dropped() -> None:
    ends = connected()
    ends.terminal.offer_streamed(Kind.ATTACHMENT_UP, NAME, len(BLOB), 4, 0.0)
    assert ends.terminal.wants() == ()
    ends.settle()
    ends.terminal.feed(NAME, 0, b"before the answer", 0.0)
    ends.relay.accept(NAME)
    ends.settle()
    (want,) = ends.terminal.wants()
    assert (want.id, want.offset, want.size) == (NAME, 0, AHEAD)
    ends.terminal.feed(NAME, 5, b"not what is wanted", 0.0)
    ends.terminal.feed(ANY, 0, b"of nothing", 0.0)
    assert ends.terminal.wants() == (want,)
    with pytest.raises(ValueError, match="more bytes"):
        ends.terminal.feed(NAME, 0, BLOB + b"x", 0.0)
    ends.terminal.feed(NAME, 0, BLOB, 0.0)
    assert ends.terminal.wants() == ()


def test_a_refused_object_ends_on_both_sides() -> None:
    ends = connected()
    ends.terminal.offer_streamed(Kind.ATTACHMENT_UP, NAME, len(BLOB), 4, 0.0)
    ends.settle()
    ends.relay.refuse(NAME, CloseReason.TOO_LARGE)
    _, at_terminal = ends.settle()
    assert at_terminal == [ObjectRefused(NAME, CloseReason.TOO_LARGE)]
    assert ends.terminal.waiting == 0
    assert upload(ends) == len(BLOB)  # its id may be offered again


def test_a_whole_object_that_cannot_be_stored_is_refused_and_may_come_again() -> None:
    ends = connected()
    for _ in range(2):
        name = ends.terminal.offer(Kind.SUBMISSION, b"envelope", 3, 0.0)
        at_relay, _ = ends.settle()
        assert len(at_relay) == 1
        ends.relay.refuse(name, CloseReason.BUSY)
        _, at_terminal = ends.settle()
        assert at_terminal == [ObjectRefused(name, CloseReason.BUSY)]


def test_what_a_shell_says_after_a_cut_is_dropped() -> None:
    ends = connected()
    ends.relay.accept(ANY, 0)
    ends.relay.refuse(ANY, CloseReason.BUSY)
    ends.relay.stored(ANY)
    ends.relay.accepted(ANY, 1, bytes(32))
    ends.terminal.withdraw(ANY)
    assert ends.relay.cells(0.0) == ()


def test_a_shell_cannot_acknowledge_what_did_not_arrive() -> None:
    ends = connected()
    ends.terminal.offer_streamed(Kind.ATTACHMENT_UP, NAME, len(BLOB), 4, 0.0)
    ends.settle()
    with pytest.raises(ValueError, match="offset"):
        ends.relay.accept(NAME, len(BLOB) + 1)
    ends.relay.accept(NAME, 5)
    with pytest.raises(ValueError, match="offset"):
        ends.relay.accept(NAME, 5)
    with pytest.raises(ValueError, match="did not arrive"):
        ends.relay.stored(NAME, 6)


def test_withdrawal_stops_what_is_not_yet_there() -> None:
    ends = connected()
    ends.terminal.offer_streamed(Kind.ATTACHMENT_UP, NAME, len(BLOB), 4, 0.0)
    ends.terminal.withdraw(NAME)  # before it was opened: nobody hears of it
    assert ends.terminal.cells(0.0) == ()
    ends.terminal.offer_streamed(Kind.ATTACHMENT_UP, NAME, len(BLOB), 4, 0.0)
    ends.settle()
    ends.terminal.withdraw(NAME)
    at_relay, _ = ends.settle()
    assert at_relay == [ObjectAbandoned(NAME)]
    assert ends.terminal.waiting == 0


def test_the_relay_names_the_leaf_before_the_acknowledgement() -> None:
    ends = connected()
    name = ends.terminal.offer(Kind.SUBMISSION, b"envelope", 3, 0.0)
    ends.settle()
    ends.relay.accepted(name, 41, bytes(32))
    ends.relay.stored(name)
    _, at_terminal = ends.settle()
    assert at_terminal == [
        ObjectAccepted(name, 41, bytes(32)),
        ObjectAcknowledged(name, 8, 8),
    ]


def test_bulk_never_holds_the_numbers_that_urgent_objects_need() -> None:
    ends = connected()
    for number in range(100):
        ends.terminal.offer_streamed(
            Kind.ATTACHMENT_UP, number.to_bytes(16, "big"), 9, 4, 0.0
        )
    at_relay, _ = ends.settle()
    assert len(at_relay) == 32
    for number in range(100):
        ends.terminal.offer(Kind.SUBMISSION, number.to_bytes(9, "big"), 3, 0.0)
    at_relay, _ = ends.settle()
    assert len(at_relay) == 28
    flash = ends.terminal.offer(Kind.SUBMISSION, b"FLASH", 0, 0.0)
    at_relay, _ = ends.settle()
    assert [effect.id for effect in at_relay] == [flash]  # type: ignore[union-attr]


def test_an_object_above_the_bound_is_refused_before_a_byte_is_kept() -> None:
    ends = connected()
    opened = Open(1, 3, Kind.SUBMISSION, MAX_WHOLE + 1, 0, ANY)
    assert ends.relay.receive(cell(opened, Data(1, 3, b"x")), 0.0) == ()
    (answer,) = ends.relay.cells(0.0)
    assert write(Close(1, CloseReason.TOO_LARGE)) in answer


def test_unfinished_objects_are_bounded_together() -> None:
    ends = connected()
    opens = [
        Open(2 * n + 1, 3, Kind.SUBMISSION, MAX_WHOLE, 0, bytes([n]) * 16)
        for n in range(3)
    ]
    assert ends.relay.receive(cell(*opens), 0.0) == ()
    (answer,) = ends.relay.cells(0.0)
    assert write(Close(5, CloseReason.BUSY)) in answer


OPEN = Open(1, 3, Kind.SUBMISSION, 4, 0, H(b"four")[:16])
STREAMED = Open(1, 4, Kind.ATTACHMENT_UP, 4, 0, ANY)


@pytest.mark.parametrize(
    ("frames", "error"),
    [
        ([OPEN, OPEN], UnexpectedMessageError),  # a number twice
        ([OPEN, Open(3, 3, OPEN.kind, 4, 0, OPEN.id)], UnexpectedMessageError),
        ([Open(2, 3, OPEN.kind, 4, 0, ANY)], UnexpectedMessageError),  # the relay's
        ([Open(0, 3, OPEN.kind, 4, 0, ANY)], UnexpectedMessageError),
        ([Open(1, 3, Kind.DELIVERY, 4, 0, ANY)], UnexpectedMessageError),
        ([Open(1, 3, OPEN.kind, 4, 1, ANY)], MalformedError),  # begins in its middle
        ([Data(1, 3, b"four")], UnexpectedMessageError),  # of no stream
        ([STREAMED, Data(1, 4, b"four")], UnexpectedMessageError),  # not accepted
        ([OPEN, Data(1, 3, b"fours")], MalformedError),  # beyond its end
        ([OPEN, Data(1, 2, b"four")], MalformedError),  # in another lane
        ([OPEN, Data(1, 3, b"five")], MalformedError),  # not what its id names
        (
            [Open(2 * n + 1, 3, OPEN.kind, 4, 0, bytes([n]) * 16) for n in range(65)],
            BusyError,
        ),
    ],
)
def test_what_no_peer_may_send_is_refused_as_a_whole_cell(
    frames: list[Frame], error: type[ProtocolError]
) -> None:
    ends = connected()
    with pytest.raises(error):
        ends.relay.receive(cell(*frames), 0.0)
    assert ends.relay.cells(100.0) == ()


@pytest.mark.parametrize("kind", [Kind.SUBMISSION, Kind.ATTACHMENT_UP])
def test_an_acknowledgement_of_what_was_not_sent_is_refused(kind: Kind) -> None:
    ends = connected()
    if kind is Kind.SUBMISSION:
        ends.terminal.offer(kind, b"envelope", 3, 0.0)
    else:
        ends.terminal.offer_streamed(kind, NAME, len(BLOB), 4, 0.0)
    ends.terminal.cells(0.0)
    offset = 7 if kind is Kind.SUBMISSION else len(BLOB) + 1
    content = write(Ack(1, offset)).ljust(CELL - 16, b"\0")
    with pytest.raises(MalformedError):
        ends.terminal.receive(Seal(1).seal(content), 0.0)


def test_frames_about_streams_that_have_ended_say_nothing() -> None:
    ends = connected()
    ends.terminal.offer(Kind.SUBMISSION, b"never opened", 3, 0.0)
    frames: list[Frame] = [
        Ack(9, 1),
        Close(9, CloseReason.BUSY),
        Accept(9, 1, bytes(32)),
        Close(2, CloseReason.DONE),
        Ack(1, 1),
    ]
    content = b"".join(map(write, frames)).ljust(CELL - 16, b"\0")
    assert ends.terminal.receive(Seal(1).seal(content), 0.0) == ()
    assert ends.terminal.waiting == 1


def test_an_older_acknowledgement_takes_nothing_back() -> None:
    ends = connected()
    stored = bytearray()
    ends.terminal.offer_streamed(Kind.ATTACHMENT_UP, NAME, len(BLOB), 4, ends.now)
    move(ends, stored, 100_000)
    ends.relay.stored(NAME, 10)
    _, at_terminal = ends.settle()
    assert all(
        effect.offset > 10  # type: ignore[union-attr]
        for effect in at_terminal
    )


def test_a_withdrawal_that_comes_too_late_abandons_nothing() -> None:
    ends = connected()
    name = ends.terminal.offer(Kind.SUBMISSION, b"envelope", 3, 0.0)
    ends.settle()
    ends.terminal.withdraw(name)
    assert ends.settle() == ([], [])
    # Offered again while the first is still being stored, and withdrawn again.
    ends.terminal.offer(Kind.SUBMISSION, b"envelope", 3, 0.0)
    opened = Open(5, 3, Kind.SUBMISSION, 8, 0, name)
    ends.cut()
    ends.connect()
    ends.relay.receive(cell(opened, Data(5, 3, b"env"), Close(5, CloseReason.DONE)), 0)
    ends.relay.stored(name)
    assert ends.relay.cells(0.0) == ()


def test_only_the_latest_finished_objects_are_remembered() -> None:
    ends = connected()
    names = []
    for number in range(MAX_KNOWN + 1):
        content = number.to_bytes(4, "big")
        names.append(ends.terminal.offer(Kind.SUBMISSION, content, 3, ends.now))
        ends.settle()
        ends.relay.stored(names[-1])
        ends.settle()
    ends.terminal.offer(Kind.SUBMISSION, (1).to_bytes(4, "big"), 3, ends.now)
    assert ends.settle()[0] == []
    ends.terminal.offer(Kind.SUBMISSION, (0).to_bytes(4, "big"), 3, ends.now)
    assert len(ends.settle()[0]) == 1


def test_objects_are_found_by_id_among_many() -> None:
    ends = connected()
    names = [
        ends.terminal.offer(Kind.SUBMISSION, bytes([n]) * 9, 3, 0.0) for n in range(9)
    ]
    ends.settle()
    for name in reversed(names):
        ends.relay.stored(name)
    _, at_terminal = ends.settle()
    assert [effect.id for effect in at_terminal] == names[::-1]  # type: ignore[union-attr]
