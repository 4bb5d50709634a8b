"""Bytes that are almost right: seeded mutations of a corpus."""

import random
from collections.abc import Sequence

INTERESTING = (
    b"\x00",
    b"\xff",
    b"\x80",
    b"\xa0",
    b"\xbf\xff",
    b"\x9f\xff",
    b"\x5b" + b"\xff" * 8,
    b"\x9b" + b"\xff" * 8,
    b"\x1b" + b"\x00" * 7 + b"\x01",
    b"\xc2\x41\x01",
    b"\xf9\x7e\x00",
    b"\n\n",
    b"\xe2\x80\x94 ",
)


def mutated(rng: random.Random, corpus: Sequence[bytes]) -> bytes:
    """Return a member of the corpus with a few changes."""
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        _change(rng, data)
    return bytes(data)


def _change(rng: random.Random, data: bytearray) -> None:
    at = rng.randint(0, len(data))
    kind = rng.randrange(7)
    if kind == 0 and data:
        data[at % len(data)] ^= 1 << rng.randrange(8)
    elif kind == 1 and data:
        data[at % len(data)] = rng.randrange(256)
    elif kind == 2:
        data[at:at] = rng.choice(INTERESTING)
    elif kind == 3:
        del data[at : at + rng.choice((1, 1, 2, 8, 64))]
    elif kind == 4:
        piece = bytes(data[at : at + rng.choice((1, 4, 32))])
        data[at:at] = piece * rng.choice((1, 2, 8))
    elif kind == 5:
        del data[at:]
    else:
        data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 16)))


def bombs(size: int) -> list[bytes]:
    """Return inputs of ``size`` bytes that are as much work as bytes can be."""
    fill = size - 3
    head = b"\x99" + min(fill, 0xFFFF).to_bytes(2, "big")
    return [
        head + b"\x80" * fill,  # empty arrays
        head + b"\xa0" * fill,  # empty maps
        head + b"\x00" * fill,  # small integers
        head + b"\x60" * fill,  # empty texts
        b"\x81" * size,  # depth
        b"\xa1\x00" * (size // 2),  # maps in maps
        b"\n" * size,
        b"\xe2\x80\x94 a AAAA\n" * (size // 12),
        b"[" * size,
        b'{"a":' * (size // 5),
        b"\x10" * size,
        bytes(size),
    ]
