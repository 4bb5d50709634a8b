"""The board of a witness: restrictions that no relay can hold back."""

import pytest

from crypto.digest import H
from crypto.sign import Realm, SigningKey, Usage, VerifyKey
from crypto.suite import SuiteId
from crypto.types import KeyId
from protocol.bulletins import MAX_BULLETIN, MAX_OF_ONE_KEY, MAX_ORDERS, Board
from protocol.codec import decode, encode
from protocol.errors import BusyError, MalformedError, VerificationError
from protocol.restriction import Restriction, ZeroiseOrder
from protocol.signed import Signed, sign_document
from tests.support.keys import signing_key, stretched

ANNA, BRAM, MALLORY = (
    signing_key(SuiteId.S1, name) for name in ("anna", "bram", "mallory")
)
KEYS = {key.id: VerifyKey.parse(SuiteId.S1, key.public) for key in (ANNA, BRAM)}
REALM = Realm.KOERIER


def bulletin(
    *keys: SigningKey, time: int = 1, realm: Realm = REALM, usage: Usage = Usage.SUSPEND
) -> bytes:
    document = Restriction(
        v=1, key=KeyId(stretched("suspect", 32)), time=time, reason="stolen"
    )
    return encode(sign_document(encode(document), keys, usage=usage, realm=realm))


def post(board: Board, data: bytes) -> Board:
    return board.post(data, KEYS, REALM)


def test_what_a_known_key_signed_is_served_as_it_came() -> None:
    first, second = bulletin(ANNA), bulletin(BRAM, MALLORY, time=2)
    board = post(post(Board(), first), second)
    assert board.bulletins == (first, second)
    assert Board().bulletins == ()


def test_a_restriction_stands_there_once() -> None:
    board = post(Board(), bulletin(ANNA))
    assert post(board, bulletin(ANNA)) is board
    assert post(board, bulletin(BRAM)) is board  # the same bytes, another signer


@pytest.mark.parametrize(
    "data",
    [
        bulletin(MALLORY),
        bulletin(),
        bulletin(ANNA, realm=Realm.DEMO),
        bulletin(ANNA, usage=Usage.DIR),
    ],
)
def test_nobody_else_can_write_on_it(data: bytes) -> None:
    with pytest.raises(VerificationError):
        post(Board(), data)


def test_only_restrictions_stand_there() -> None:
    note = sign_document(b"a note", [ANNA], usage=Usage.SUSPEND, realm=REALM)
    long = sign_document(bytes(MAX_BULLETIN), [ANNA], usage=Usage.SUSPEND, realm=REALM)
    for data in (b"", b"no carrier", encode(note), encode(long)):
        with pytest.raises(MalformedError):
            post(Board(), data)


def test_one_key_cannot_crowd_out_the_others() -> None:
    board = Board()
    for time in range(MAX_OF_ONE_KEY):
        board = post(board, bulletin(ANNA, time=time))
    with pytest.raises(BusyError):
        post(board, bulletin(ANNA, time=MAX_OF_ONE_KEY))
    assert len(post(board, bulletin(BRAM, time=99)).kept) == MAX_OF_ONE_KEY + 1


def test_what_was_logged_makes_room() -> None:
    data = bulletin(ANNA)
    board = post(post(Board(), data), bulletin(ANNA, time=2))
    logged = H(decode(data, Signed).document)
    assert board.without({logged}).bulletins == board.bulletins[1:]
    assert board.without(set()) == board


# --- orders to destroy a vault


def order(*keys: SigningKey, time: int = 1, usage: Usage = Usage.ZEROISE) -> bytes:
    document = ZeroiseOrder(
        v=1,
        key=KeyId(stretched("lost", 32)),
        nonce=bytes(32),
        time=time,
        reason="stolen",
    )
    return encode(sign_document(encode(document), keys, usage=usage, realm=REALM))


def ordered(board: Board, data: bytes) -> Board:
    return board.post(data, KEYS, REALM, operators=KEYS.keys())


def test_an_order_by_two_operators_stays_up_once() -> None:
    data, cut = order(ANNA, BRAM), bulletin(ANNA)
    board = ordered(ordered(Board(), data), cut)
    assert board.bulletins == (data, cut)
    assert ordered(board, order(BRAM, ANNA)).kept == board.kept
    name, logged = (H(decode(one, Signed).document) for one in (data, cut))
    (kept,) = board.without({name, logged}).kept
    assert (kept.name, kept.order) == (name, True)


@pytest.mark.parametrize(
    "data",
    [
        order(ANNA),
        order(ANNA, ANNA),
        order(ANNA, MALLORY),
        order(ANNA, BRAM, usage=Usage.SUSPEND),
        order(ANNA, BRAM, usage=Usage.DIR),
    ],
)
def test_nobody_orders_alone_or_by_another_word(data: bytes) -> None:
    with pytest.raises(VerificationError):
        ordered(Board(), data)


def test_only_operators_order() -> None:
    with pytest.raises(VerificationError):
        Board().post(order(ANNA, BRAM), KEYS, REALM, operators={ANNA.id})


def test_orders_take_no_room_from_restrictions_and_are_bounded() -> None:
    board = Board()
    orders = [order(ANNA, BRAM, time=time) for time in range(MAX_ORDERS + 2)]
    for data in orders:
        board = ordered(board, data)
    assert board.bulletins == tuple(orders[2:])
    for time in range(MAX_OF_ONE_KEY):
        board = ordered(board, bulletin(ANNA, time=time))
    assert len(board.kept) == MAX_ORDERS + MAX_OF_ONE_KEY
