"""The reader against a library's, on bytes that nobody chose."""

from typing import Any

import cbor2
import hypothesis.strategies as st
from hypothesis import given

from protocol.codec import Message, decode, encode
from protocol.errors import MalformedError
from protocol.fields import Bytes32, UInt32

values = st.recursive(
    st.integers(-(1 << 64), (1 << 64) - 1) | st.binary(max_size=40) | st.text(),
    lambda inner: st.lists(inner, max_size=5).map(tuple),
    max_leaves=20,
).map(lambda value: (value,))


class Leaf(Message):
    number: UInt32
    digest: Bytes32 | None = None
    more: tuple[UInt32, ...] = ()


class Tree(Message):
    leaf: Leaf
    name: str
    leaves: tuple[Leaf, ...] = ()


leaves = st.builds(
    Leaf,
    number=st.integers(0, (1 << 32) - 1),
    digest=st.none() | st.binary(min_size=32, max_size=32),
    more=st.lists(st.integers(0, 300), max_size=3).map(tuple),
)
trees = st.builds(
    Tree, leaf=leaves, name=st.text(max_size=9), leaves=st.lists(leaves).map(tuple)
)


def _tuples(value: Any) -> Any:  # noqa: ANN401 -- any value of the codec
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


@given(values)
def test_the_library_reads_what_we_write_and_we_read_it_too(value: Any) -> None:  # noqa: ANN401 -- any value of the codec
    data = encode(value)
    assert _tuples(cbor2.loads(data)) == value
    assert _tuples(decode(data, tuple[Any, ...])) == value


@given(trees)
def test_a_message_survives(tree: Tree) -> None:
    assert decode(encode(tree), Tree) == tree


@given(trees, st.data())
def test_a_changed_byte_is_refused_or_another_message(
    tree: Tree, data: st.DataObject
) -> None:
    bytes_ = bytearray(encode(tree))
    index = data.draw(st.integers(0, len(bytes_) - 1))
    bytes_[index] ^= data.draw(st.integers(1, 255))
    try:
        other = decode(bytes(bytes_), Tree)
    except MalformedError:
        return
    assert other != tree
    assert encode(other) == bytes_


@given(st.binary(max_size=200) | values.map(encode))
def test_any_bytes_are_read_or_refused_by_one_error(data: bytes) -> None:
    try:
        value = decode(data, tuple[Any, ...])
    except MalformedError:
        return
    assert encode(value) == data
    assert _tuples(cbor2.loads(data)) == _tuples(value)
