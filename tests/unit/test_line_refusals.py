"""A cell that is refused is undone, whatever its frames had changed by then."""

import pytest

from crypto.digest import H
from protocol.errors import MalformedError, UnexpectedMessageError
from protocol.line.cells import capacity, fitting, seal_cell
from protocol.line.effects import (
    MAX_COLLECTED,
    MAX_WHOLE,
    ObjectComplete,
    ObjectOpened,
    Side,
    StoreBytes,
)
from protocol.line.frames import (
    Close,
    CloseReason,
    Data,
    Frame,
    FrameType,
    Kind,
    Open,
    write,
)
from protocol.line.machine import Line
from tests.support.line import Seal

FIRST, SECOND, THIRD = (bytes(range(at, at + 200)) for at in (0, 20, 50))
NONSENSE = Data(77, 0, b"of no stream")


class Peer:
    """A terminal that seals whatever it likes for a relay's line."""

    def __init__(self) -> None:
        self.line = Line(Side.RELAY)
        self.line.connect(Seal(1), Seal(0), 0.0)
        self.seal = Seal(0)

    def send(self, *frames: Frame) -> tuple[object, ...]:
        content = b"".join(map(write, frames))
        return self.line.receive(
            seal_cell(self.seal, content, fitting(len(content))), 0.0
        )

    def refused(self, *frames: Frame) -> None:
        with pytest.raises(UnexpectedMessageError):
            self.send(*frames, NONSENSE)


def opening(stream: int, content: bytes, kind: Kind = Kind.SUBMISSION) -> Open:
    return Open(stream, 3, kind, len(content), 0, H(content)[:16])


def whole(content: bytes, kind: Kind = Kind.SUBMISSION) -> ObjectComplete:
    return ObjectComplete(kind, H(content)[:16], 3, content)


def test_bytes_of_a_refused_cell_are_no_part_of_their_object() -> None:
    peer = Peer()
    peer.send(opening(1, FIRST), Data(1, 3, FIRST[:50]))
    peer.refused(Data(1, 3, FIRST[50:]))
    assert peer.send(Data(1, 3, FIRST[50:])) == (whole(FIRST),)


def test_a_stream_that_a_refused_cell_ended_goes_on() -> None:
    peer = Peer()
    peer.send(opening(1, FIRST), Data(1, 3, FIRST[:50]))
    peer.refused(Close(1, CloseReason.DONE), opening(1, SECOND), Data(1, 3, b"half"))
    assert peer.send(Data(1, 3, FIRST[50:])) == (whole(FIRST),)


def test_a_request_of_a_refused_cell_leaves_its_number_and_its_name_free() -> None:
    peer = Peer()
    asked = (opening(1, FIRST, Kind.REQUEST), Data(1, 3, FIRST))
    peer.refused(*asked)
    assert peer.send(*asked) == (whole(FIRST, Kind.REQUEST),)


def test_an_offered_blob_stays_where_it_was() -> None:
    peer = Peer()
    name = H(FIRST)[:16]
    opened = peer.send(opening(1, FIRST, Kind.ATTACHMENT_UP))
    assert opened == (ObjectOpened(Kind.ATTACHMENT_UP, name, 3, len(FIRST)),)
    peer.line.accept(name)
    peer.refused(Data(1, 3, FIRST[:50]))
    assert peer.send(Data(1, 3, FIRST)) == (StoreBytes(name, 0, FIRST),)


def test_what_a_refused_cell_announced_takes_no_room() -> None:
    peer = Peer()
    for number in range(MAX_COLLECTED // MAX_WHOLE + 1):
        name = bytes([number]) * 16
        announced = Open(2 * number + 1, 3, Kind.REQUEST, MAX_WHOLE, 0, name)
        if number < MAX_COLLECTED // MAX_WHOLE:
            peer.refused(announced)
        peer.send(announced)
    (answers,) = peer.line.cells(0.0)
    # One is too many, and no other was taken for that.
    assert write(Close(2 * number + 1, CloseReason.BUSY)) in answers
    assert answers[0] >> 4 == FrameType.CLOSE
    assert answers[4] >> 4 == FrameType.SEEN


@pytest.mark.parametrize("kind", [Kind.SUBMISSION, Kind.ATTACHMENT_UP])
def test_no_stream_brings_more_than_it_announced(kind: Kind) -> None:
    peer = Peer()
    peer.send(opening(1, FIRST, kind))
    if kind is Kind.ATTACHMENT_UP:
        peer.line.accept(H(FIRST)[:16])
    peer.send(Data(1, 3, FIRST[:150]))
    with pytest.raises(MalformedError):
        peer.send(Data(1, 3, FIRST[150:] + b"more"))
    with pytest.raises(MalformedError):
        peer.send(Data(1, 3, FIRST[150:190]), Data(1, 3, FIRST[190:] + b"m"))


def test_a_number_may_be_taken_again_within_a_cell() -> None:
    peer = Peer()
    peer.send(opening(1, FIRST), Data(1, 3, FIRST[:50]))
    peer.send(Close(1, CloseReason.DONE), opening(1, SECOND), Data(1, 3, SECOND[:50]))
    assert peer.send(Data(1, 3, SECOND[50:])) == (whole(SECOND),)
    begun = peer.send(
        opening(3, FIRST, Kind.REQUEST),
        Data(3, 3, FIRST[:10]),
        Data(3, 3, FIRST[10:]),
        opening(3, THIRD, Kind.REQUEST),
        Data(3, 3, THIRD[:10]),
    )
    assert begun == (whole(FIRST, Kind.REQUEST),)
    assert peer.send(Data(3, 3, THIRD[10:])) == (whole(THIRD, Kind.REQUEST),)


def test_streams_that_end_leave_room_for_others() -> None:
    """The bound is on what is open, whichever way the earlier ones ended."""
    peer = Peer()
    size = capacity(16) - 100
    for number in range(4 * MAX_COLLECTED // size):
        content = number.to_bytes(2, "big") * (size // 2)
        stream = 2 * (number % 1_000) + 1
        kind = (Kind.SUBMISSION, Kind.REQUEST)[number % 2]
        found = peer.send(opening(stream, content, kind), Data(stream, 3, content))
        assert found == (whole(content, kind),)
        if kind is Kind.SUBMISSION:
            peer.line.stored(H(content)[:16])
