import pytest

from crypto.digest import H
from crypto.types import ZERO_DIGEST, Digest, StreamId
from protocol.errors import SplitViewError
from protocol.given import Given, covered, give, missing, settle
from protocol.slip import Place

ID, OTHER = StreamId(bytes(16)), StreamId(bytes([1]) * 16)
A, B, C = H(b"a"), H(b"b"), H(b"c")


def three() -> Given:
    given = Given(ID)
    for name in (A, B, C):
        given, _ = give(given, name)
    return given


def test_places_count_up_and_name_the_record_before() -> None:
    assert dict(three().places) == {
        A: Place(ID, 1, ZERO_DIGEST),
        B: Place(ID, 2, A),
        C: Place(ID, 3, B),
    }


def test_b13_a_record_keeps_its_place_however_often_it_is_sealed() -> None:
    given = three()
    again, place = give(given, B)
    assert (again, place) == (given, Place(ID, 2, A))


def test_a_delivered_record_leaves_and_the_count_goes_on() -> None:
    given = settle(settle(three(), A), A)
    assert set(given.places) == {B, C}
    _, place = give(given, H(b"d"))
    assert place == Place(ID, 4, C)


def test_a_heartbeat_confirms_what_its_floor_covers() -> None:
    given = three()
    assert covered(given, ID, 2, B) == {A, B}
    assert covered(given, ID, 0, ZERO_DIGEST) == set()
    assert covered(settle(given, B), ID, 2, B) == {A}
    assert covered(given, OTHER, 99, B) == set()


@pytest.mark.parametrize(("seq", "name"), [(4, C), (3, B), (2, C)])
def test_a_heartbeat_about_records_we_never_sent_is_evidence(
    seq: int, name: Digest
) -> None:
    with pytest.raises(SplitViewError):
        covered(three(), ID, seq, name)


def test_a_hole_is_answered_with_what_is_not_confirmed() -> None:
    given = settle(three(), B)
    assert missing(given, 1, 3) == (A, C)
    assert missing(given, 2, 2) == ()
