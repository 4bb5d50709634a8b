from crypto.digest import H
from crypto.types import ZERO_DIGEST, StreamId
from protocol.given import Given, give
from protocol.slip import Place

ID = StreamId(bytes(16))
A, B, C = H(b"a"), H(b"b"), H(b"c")


def test_b13_places_count_up_and_name_the_record_before() -> None:
    given, places = Given(ID), []
    for name in (A, B, C):
        given, place = give(given, name)
        places.append(place)
    assert places == [Place(ID, 1, ZERO_DIGEST), Place(ID, 2, A), Place(ID, 3, B)]
    assert given == Given(ID, 3, C)
