"""A valid document of any message type, drawn from what its fields allow."""

import random
import re
from typing import Any

from msgspec import inspect

from protocol.codec import Message

# Patterns that fields use, each with a text that matches it.
MATCHING = ("tfc", "EU", "a", "A1", "text/plain", "wss://h", "https://h", "0.1.0", "A")
DIGITS = ("f" * 64, "NL", "B2", "koerier/log")
MORE = 3  # items in an array at most


def sample(rng: random.Random, kind: type[Message]) -> Any:  # noqa: ANN401 -- any value of the codec
    """Return builtins that ``kind`` is the type of, as the codec writes them."""
    return _value(rng, inspect.type_info(kind))


def _value(  # noqa: C901 -- one case per kind of type
    rng: random.Random, info: inspect.Type
) -> Any:  # noqa: ANN401 -- any value of the codec
    match info:
        case inspect.StructType():
            return _struct(rng, info)
        case inspect.IntType():
            low = info.ge if info.ge is not None else (info.gt or 0)
            high = info.le if info.le is not None else (info.lt or low + 2) - 1
            return rng.choice((low, min(high, low + 1), high))
        case inspect.BytesType():
            least = info.min_length or 0
            most = least if info.max_length is None else info.max_length
            return rng.randbytes(rng.choice((least, min(most, least + 5))))
        case inspect.StrType():
            return _text(info)
        case inspect.EnumType():
            return rng.choice([member.value for member in info.cls])
        case inspect.LiteralType():
            return rng.choice(info.values)
        case inspect.UnionType():
            chosen = [t for t in info.types if not isinstance(t, inspect.NoneType)]
            return _value(rng, rng.choice(chosen))
        case inspect.NamedTupleType():
            return [_value(rng, field.type) for field in info.fields]
        case inspect.TupleType():
            return [_value(rng, item) for item in info.item_types]
        case inspect.VarTupleType():
            least = info.min_length or 0
            most = MORE if info.max_length is None else min(MORE, info.max_length)
            size = rng.randint(least, max(least, most))
            return [_value(rng, info.item_type) for _ in range(size)]
        case inspect.Metadata():
            return _value(rng, info.type)
        case _:
            raise NotImplementedError(info)


def _struct(rng: random.Random, info: inspect.StructType) -> dict[str, Any]:
    found = {}
    for field in info.fields:
        if not field.required and rng.random() < 0.5:
            continue
        value = _value(rng, field.type)
        if field.required or value not in ([], field.default):
            found[field.encode_name] = value
    return found


def _text(info: inspect.StrType) -> str:
    least = info.min_length or 0
    if info.pattern is None:
        return "é" * max(1, least) if info.max_length != 0 else ""
    for text in (*MATCHING, *DIGITS):
        if re.search(info.pattern, text):
            return text
    raise NotImplementedError(info.pattern)
