"""The numbers of a line's objects, through more objects than there are numbers."""

from crypto.digest import H
from protocol.line.frames import Kind
from tests.support.line import connected

BLOB = bytes(range(251)) * 1000
NAME = H(BLOB)[:16]


def test_a_number_is_free_again_when_its_object_has_ended() -> None:
    ends = connected()
    # A second object always waits, so that the counter wraps around one in use.
    ends.terminal.offer_streamed(Kind.ATTACHMENT_UP, NAME, len(BLOB), 4, 0.0)
    ends.settle()
    for number in range(1 << 15):
        ends.terminal.offer(Kind.REQUEST, number.to_bytes(4, "big"), 3, ends.now)
        (sent,) = ends.terminal.cells(ends.now)
        assert len(ends.relay.receive(sent, ends.now)) == 1
        for answer in ends.relay.cells(ends.now + 1):
            ends.terminal.receive(answer, ends.now + 1)
        ends.now += 1
