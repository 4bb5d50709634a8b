"""One encoding per value (docs/spec/codec.md)."""

import enum
import itertools
import types
from collections.abc import Mapping
from typing import Any

import pytest

from protocol.codec import Message, decode, encode
from protocol.errors import MalformedError
from protocol.fields import V1, Bytes32, UInt32
from protocol.limits import MAX_DEPTH, MAX_ITEMS


class Colour(enum.IntEnum):
    RED = 0
    BLUE = 1


class Inner(Message):
    number: UInt32
    digest: Bytes32 | None = None


class Outer(Message):
    v: V1
    colour: Colour
    inner: tuple[Inner, ...] = ()
    note: str | None = None


FULL = Outer(
    v=1,
    colour=Colour.BLUE,
    inner=(Inner(number=7, digest=b"d" * 32), Inner(number=1 << 31)),
    note="é",
)


def test_fields_are_numbered_in_the_order_of_their_declaration() -> None:
    assert encode(
        Outer(v=1, colour=Colour.BLUE, note="hi")
    ).hex() == "a300010101036268 69".replace(" ", "")


def test_what_is_encoded_is_decoded() -> None:
    assert decode(encode(FULL), Outer) == FULL


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ((1, b"\x00\xff", "é"), "83014200ff62c3a9"),
        ((23, 24, 255, 256, 65535, 65536), "8617181818ff19010019ffff1a00010000"),
        ((1 << 32, (1 << 64) - 1), "821b00000001000000001bffffffffffffffff"),
        ((-1, -24, -25, -256, -257), "8520373818 38ff390100".replace(" ", "")),
    ],
)
def test_worked_bytes(value: tuple[object, ...], spelled: str) -> None:
    assert encode(value).hex() == spelled
    assert decode(bytes.fromhex(spelled), tuple[Any, ...]) == value


@pytest.mark.parametrize(
    "spelled",
    [
        pytest.param("", id="nothing"),
        pytest.param("811801", id="an integer longer than it needs to be"),
        pytest.param("81190018", id="an integer in two bytes that fits one"),
        pytest.param("811a0000ffff", id="an integer in four bytes that fits two"),
        pytest.param("811b00000000ffffffff", id="an integer in eight that fits four"),
        pytest.param("815801aa", id="a length longer than it needs to be"),
        pytest.param("9f01ff", id="an indefinite array"),
        pytest.param("815f4101ff", id="an indefinite byte string"),
        pytest.param("811c", id="a reserved length"),
        pytest.param("81c001", id="a tag"),
        pytest.param("81f6", id="null"),
        pytest.param("81f5", id="true"),
        pytest.param("81f93c00", id="a float"),
        pytest.param("81fb3ff0000000000000", id="a long float"),
        pytest.param("810101", id="a byte after the value"),
        pytest.param("8201", id="an array cut short"),
        pytest.param("814301", id="a byte string cut short"),
        pytest.param("8161ff", id="text that is not UTF-8"),
        pytest.param("8163eda080", id="a lone surrogate"),
        pytest.param("9bffffffffffffffff", id="an array of 2**64 claimed items"),
        pytest.param("815bffffffffffffffff", id="a string of 2**64 claimed bytes"),
        pytest.param("bbffffffffffffffff", id="a map of 2**64 claimed pairs"),
    ],
)
def test_any_other_form_is_refused(spelled: str) -> None:
    with pytest.raises(MalformedError):
        decode(bytes.fromhex(spelled), tuple[Any, ...])


@pytest.mark.parametrize(
    "spelled",
    [
        pytest.param("a100 01".replace(" ", ""), id="a field is missing"),
        pytest.param("a30001010104 01".replace(" ", ""), id="an unknown field"),
        pytest.param("a201010001", id="keys out of order"),
        pytest.param("a3000100010101", id="a key twice"),
        pytest.param("a3000101011718", id="cut inside a value"),
        pytest.param("a300010101181820", id="a key above 23"),
        pytest.param("a3000101012001", id="a negative key"),
        pytest.param("a300010101613101", id="a text key"),
        pytest.param("a2000201 01".replace(" ", ""), id="another version"),
        pytest.param("a200010107", id="a number that is no colour"),
        pytest.param("a30001010 10280".replace(" ", ""), id="an explicit default"),
        pytest.param("a3000101010341aa", id="bytes for text"),
        pytest.param("a30001010102a10007", id="a map for an array"),
        pytest.param("a3000101010281a1001b0000000100000000", id="a number too large"),
        pytest.param("a3000101010281a20001014100", id="a digest too short"),
        pytest.param("a3000101010281a2000101784430".ljust(160, "0"), id="base64 text"),
        pytest.param("01", id="not a map"),
    ],
)
def test_a_document_that_is_not_the_one_encoding_is_refused(spelled: str) -> None:
    with pytest.raises(MalformedError):
        decode(bytes.fromhex(spelled), Outer)


def test_a_document_over_its_limit_is_refused_before_it_is_read() -> None:
    data = encode(FULL)
    assert decode(data, Outer, limit=len(data)) == FULL
    with pytest.raises(MalformedError):
        decode(data, Outer, limit=len(data) - 1)


def test_depth_is_bounded() -> None:
    def nest(depth: int) -> bytes:
        return b"\x81" * (depth - 1) + b"\x01"

    decode(nest(MAX_DEPTH), tuple[Any, ...])
    with pytest.raises(MalformedError):
        decode(nest(MAX_DEPTH + 1), tuple[Any, ...])


def test_the_number_of_items_is_bounded() -> None:
    def many(items: int) -> bytes:
        return b"\x99" + items.to_bytes(2, "big") + b"\x00" * items

    assert len(decode(many(MAX_ITEMS - 1), tuple[int, ...])) == MAX_ITEMS - 1
    with pytest.raises(MalformedError):
        decode(many(MAX_ITEMS), tuple[int, ...])


def test_a_single_value_is_written_as_it_is() -> None:
    assert encode(b"a") == b"\x41a"
    assert encode("a") == b"\x61a"


@pytest.mark.parametrize("value", [1.5, None, True, {"a": 1}, (None,), [1 << 65]])
def test_what_has_no_encoding_is_the_callers_bug(value: object) -> None:
    with pytest.raises(ValueError, match=r"encodable|invalid literal"):
        encode(value)


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        FULL.note = "other"  # type: ignore[misc]


def test_a_message_does_not_print_what_people_wrote() -> None:
    assert repr(FULL) == "<Outer>"
    assert "é" not in f"{FULL}"


def _declare(fields: Mapping[str, type]) -> None:
    types.new_class(
        "Many", (Message,), exec_body=lambda ns: ns.update(__annotations__=fields)
    )


def test_a_type_of_more_than_24_fields_cannot_be_declared() -> None:
    fields = {f"f{n}": int for n in range(25)}
    numbered = itertools.islice(fields.items(), 24)
    _declare(dict(numbered))
    with pytest.raises((RuntimeError, StopIteration)):
        _declare(fields)
