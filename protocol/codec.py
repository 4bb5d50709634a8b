"""The one encoding: deterministic CBOR, strictly read (docs/spec/codec.md).

A message is a frozen :class:`Message`.  Its fields are numbered 0, 1, 2 ... in the
order of their declaration and travel as a CBOR map with those unsigned keys; a
key that is absent is the field's default, ``None`` or an empty tuple::

    class Ping(Message):
        v: Literal[1]
        note: str | None = None

    encode(Ping(v=1)) == bytes.fromhex("a10001")

Reading is strict twice over.  The scanner is ours: it knows integers, byte
strings, text, arrays and maps in their shortest form, and stops at a bound on
depth and items before it builds more.  The writer is cbor2's; every document read
is written again and must give the bytes that arrived, so that two implementations
agree on it and a value has one encoding.

Bytes that are signed are verified before they come here, and never re-encoded.
"""

from typing import Any, Final, TypeVar, dataclass_transform

import cbor2
import msgspec

from protocol.errors import MalformedError
from protocol.limits import MAX_DEPTH, MAX_DOCUMENT, MAX_ITEMS

MAX_FIELDS: Final = 24  # keys 0-23 take one byte, so number order is byte order
_NAMES: Final = tuple(map(str, range(MAX_FIELDS)))  # of fields, by their numbers
_NUMBERS: Final = {name: number for number, name in enumerate(_NAMES)}
_PLAIN: Final = frozenset({bytes, str})  # written as they are
_LEAST, _MOST = -1 << 64, (1 << 64) - 1  # no big number
_SHORT: Final = 23  # the largest argument inside a head, RFC 8949 section 3

_BYTES: Final = 2 << 5  # major type 2

Value = int | bytes | str | list["Value"] | dict[str, "Value"]


class _Numbered(msgspec.StructMeta):
    """Gives each field the decimal text of its number as encoded name."""

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        **options: Any,  # noqa: ANN401 -- msgspec's own options
    ) -> Any:  # noqa: ANN401 -- as the base class has it
        numbers = iter(range(MAX_FIELDS))
        options.setdefault("frozen", True)
        options.setdefault("kw_only", True)
        options.setdefault("forbid_unknown_fields", True)
        options.setdefault("omit_defaults", True)
        options.setdefault("rename", lambda _: str(next(numbers)))
        return super().__new__(mcls, name, bases, namespace, **options)


@dataclass_transform(
    frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,)
)
class Message(msgspec.Struct, metaclass=_Numbered, frozen=True, kw_only=True):
    """Base of every typed message; subclasses only declare fields.

    A message may hold what people write, so its ``repr`` is its type and nothing
    else: no log or traceback can show content.
    """

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


M = TypeVar("M")


def encode(value: object) -> bytes:
    """Return the one encoding of a message, or of a tuple of values.

    Raises:
        ValueError: the value holds what the encoding has no form for, as a float
            or a missing required field: a caller's bug.
    """
    try:
        return _write(msgspec.to_builtins(value, builtin_types=(bytes,)))
    except (KeyError, TypeError, cbor2.CBOREncodeError) as error:
        message = "not encodable"
        raise ValueError(message) from error


def decode(data: bytes, of: type[M], *, limit: int = MAX_DOCUMENT) -> M:
    """Return the value of type ``of`` that ``data`` is the one encoding of.

    Args:
        data: exactly one encoded value, at most ``limit`` bytes.
        of: a :class:`Message` type, or a tuple type of encodable parts.
        limit: bytes; looked at before anything else.

    Raises:
        MalformedError: and nothing else, whatever the bytes are.
    """
    if len(data) > limit:
        raise MalformedError
    scanner = _Scanner(data)
    value = scanner.value(MAX_DEPTH)
    if scanner.position != len(data):
        raise MalformedError
    try:
        message = msgspec.convert(value, of, builtin_types=(bytes,))
    except msgspec.ValidationError:
        raise MalformedError from None
    if encode(message) != data:  # an explicit default, or unsorted keys
        raise MalformedError
    return message


def bytes_head(size: int) -> bytes:
    """Return what stands before a byte string of ``size`` bytes."""
    return _head(_BYTES, size)


def number_head(number: int) -> bytes:
    """Return the encoding of an unsigned ``number``, which is all head."""
    return _head(0, number)


def _head(kind: int, argument: int) -> bytes:
    if argument <= _SHORT:
        return bytes((kind | argument,))
    size = (argument.bit_length() + 7) // 8
    width = 1 << (size - 1).bit_length()  # 1, 2, 4 or 8
    return bytes((kind | 23 + width.bit_length(),)) + argument.to_bytes(width, "big")


def bytes_at(data: bytes, at: int) -> int:
    """Return where the byte string begins whose head stands at ``at``.

    A guess: nothing is checked.
    """
    detail = data[at] & 31
    return at + 1 if detail < 24 else at + 1 + (1 << detail % 4)  # noqa: PLR2004


def _write(value: Any) -> bytes:  # noqa: ANN401 -- any builtin that CBOR has
    # Canonical as it stands: maps are messages, whose fields come in the order of
    # their numbers, and cbor2 writes each head in its shortest form.
    return cbor2.dumps(_keyed(value))


def _keyed(value: Any) -> Any:  # noqa: ANN401
    """Return ``value`` with the decimal field names turned into numbers."""
    kind = type(value)  # exact: no bool is an int here
    if kind is dict:
        return {
            _NUMBERS[key]: item if type(item) in _PLAIN else _keyed(item)
            for key, item in value.items()
        }
    if kind is int and _LEAST <= value <= _MOST:
        return value
    if kind is list or kind is tuple:
        return [item if type(item) in _PLAIN else _keyed(item) for item in value]
    if kind in _PLAIN:
        return value
    raise TypeError


class _Scanner:
    """Reads one value from the front of ``data``; refuses all but one form.

    A head is read where it is needed: most of the time of reading went into calls.
    """

    __slots__ = ("_data", "_end", "_items", "position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._end = len(data)
        self._items = 0
        self.position = 0

    def value(self, depth: int) -> Value:
        self._items += 1
        if depth == 0 or self._items > MAX_ITEMS:
            raise MalformedError
        position = self.position
        if position >= self._end:
            raise MalformedError
        initial = self._data[position]
        self.position = position + 1
        major, argument = initial >> 5, initial & 31
        if argument > _SHORT:
            argument = self._long(argument)
        if major == 2:  # noqa: PLR2004 -- RFC 8949 section 3.1 numbers them so
            return self._take(argument)
        if major == 0:
            return argument
        if major == 5:  # noqa: PLR2004
            self._fits(2 * argument)
            return self._map(argument, depth - 1)
        if major == 3:  # noqa: PLR2004
            return self._text(argument)
        if major == 4:  # noqa: PLR2004
            self._fits(argument)
            return [self.value(depth - 1) for _ in range(argument)]
        if major == 1:
            return -1 - argument
        raise MalformedError  # tags, floats and simple values have no place here

    def _long(self, detail: int) -> int:
        """Return an argument that does not fit into its head."""
        if detail > 27:  # noqa: PLR2004 -- reserved, or indefinite length
            raise MalformedError
        width = 1 << (detail - 24)
        argument = int.from_bytes(self._take(width), "big")
        # The shortest form only: 24 needs one byte, 256 two, and so on.
        if argument < (24 if width == 1 else 1 << (4 * width)):
            raise MalformedError
        return argument

    def _take(self, size: int) -> bytes:
        position = self.position
        end = self.position = position + size
        if end > self._end:
            raise MalformedError
        return self._data[position:end]

    def _fits(self, items: int) -> None:
        # Each item takes at least a byte: a claim of 2**60 stops here.
        if items > self._end - self.position:
            raise MalformedError

    def _text(self, size: int) -> str:
        try:
            return self._take(size).decode()
        except UnicodeDecodeError:
            raise MalformedError from None

    def _map(self, size: int, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        data, last = self._data, -1
        for _ in range(size):
            position = self.position
            # A number below 24 is its own head; what is beyond the end is none.
            key = data[position] if position < self._end else MAX_FIELDS
            if not last < key < MAX_FIELDS:
                raise MalformedError
            self.position = position + 1
            last = key
            found[_NAMES[key]] = self.value(depth)
        return found
