"""A second reader of the encoding, from docs/spec/codec.md alone.

Nothing of the packages is imported in this folder but by its tests.  It reads one
document to plain dictionaries with number keys, and refuses what the chapter says.
"""

import io

Plain = int | bytes | str | list["Plain"] | dict[int, "Plain"]


class Refused(Exception):  # noqa: N818 -- one word for every cause
    pass


def read(data: bytes) -> Plain:
    stream = io.BytesIO(data)
    value = _item(stream, 12)
    if stream.read(1):
        raise Refused("bytes after the document (CODEC-4)")
    return value


def _exactly(stream: io.BytesIO, size: int) -> bytes:
    got = stream.read(size)
    if len(got) != size:
        raise Refused("cut short")
    return got


def _head(stream: io.BytesIO) -> tuple[int, int]:
    first = _exactly(stream, 1)[0]
    kind, low = first // 32, first % 32
    if low <= 23:
        return kind, low
    sizes = {24: 1, 25: 2, 26: 4, 27: 8}
    if low not in sizes:
        raise Refused("indefinite or reserved (CODEC-1)")
    size = sizes[low]
    number = int.from_bytes(_exactly(stream, size), "big")
    smallest = {1: 24, 2: 2**8, 4: 2**16, 8: 2**32}[size]
    if number < smallest:
        raise Refused("not the shortest form (CODEC-2)")
    return kind, number


def _item(stream: io.BytesIO, depth: int) -> Plain:
    if depth == 0:
        raise Refused("too deep")
    kind, number = _head(stream)
    if kind == 0:
        return number
    if kind == 1:
        return -1 - number
    if kind == 2:
        return _exactly(stream, number)
    if kind == 3:
        return _exactly(stream, number).decode()
    if kind == 4:
        return [_item(stream, depth - 1) for _ in range(number)]
    if kind == 5:
        return _pairs(stream, number, depth - 1)
    raise Refused("a kind that v1 does not know (CODEC-1)")


def _pairs(stream: io.BytesIO, number: int, depth: int) -> Plain:
    pairs: dict[int, Plain] = {}
    for _ in range(number):
        kind, key = _head(stream)
        if kind != 0 or key > 23 or (pairs and key <= max(pairs)):
            raise Refused("keys are 0-23, ascending (CODEC-3)")
        pairs[key] = _item(stream, depth)
    return pairs
