"""Secrets on paper: rows that a person can type back, each with two check characters.

32 bytes become nine rows of eight characters.  The alphabet has no letter that looks
like another (Crockford's); what a person types instead of one is understood: O is 0,
I and L are 1, small letters, spaces and hyphens do not matter.

Each row is a word of a Reed-Solomon code over GF(32): six characters of the secret,
two of check.  Two check characters find every row with one or two characters wrong,
so every typing error and every two characters that changed places.  The number of the
row and the kind of the sheet are part of the word without being written: a row out of
place, or of the other sheet, is found as well, and named.

There are two kinds, for two purposes, and they never serve for each other:

vault   a member's recovery sheet: opens the vault when the passphrase is forgotten
post    the post's paper key: suspends the post, consents to a new terminal

Source: Reed and Solomon (1960); the field is GF(2)[x]/(x^5 + x^2 + 1).
"""

import enum
from typing import Final

from crypto.types import Secret

SECRET_BYTES: Final = 32
ROWS: Final = 9
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKE: Final = str.maketrans("OILU", "011V", "-")
_DATA, _CHECK = 6, 2  # characters of a row
_BITS: Final = 5  # in a character
_FIELD: Final = 0b100101


class Kind(enum.IntEnum):
    """Which sheet it is."""

    VAULT = 1
    POST = 2


class SheetError(Exception):
    """What was typed is no sheet of this kind; ``row`` is the first wrong one.

    ``row`` counts from 1; 0 says that more was typed than a sheet has.
    """

    def __init__(self, row: int) -> None:
        super().__init__(f"row {row}")
        self.row = row


def rows_of(secret: Secret, kind: Kind) -> list[str]:
    """Return the rows to print, as ``ABCD-EFGH``."""
    number = int.from_bytes(secret.reveal(), "big")
    symbols = []
    for _ in range(ROWS * _DATA):  # 270 bits, the lowest first
        symbols.append(number & 31)
        number >>= _BITS
    rows = []
    for row in range(ROWS):
        data = symbols[row * _DATA : (row + 1) * _DATA]
        word = data + _checks(data, row, kind)
        text = "".join(_ALPHABET[symbol] for symbol in word)
        rows.append(f"{text[:4]}-{text[4:]}")
    return rows


def read_rows(text: str, kind: Kind) -> Secret:
    """Return the secret of the rows that a person typed, in any layout.

    Raises:
        SheetError: the first row that is wrong.
    """
    typed = _plain(text)
    size = _DATA + _CHECK
    number = 0
    for row in range(ROWS):
        data = _read_row(typed[row * size : (row + 1) * size], row, kind)
        for place, symbol in enumerate(data):
            number |= symbol << _BITS * (row * _DATA + place)
    if len(typed) != ROWS * size:
        raise SheetError(0)
    try:
        return Secret(number.to_bytes(SECRET_BYTES, "big"))
    except OverflowError:  # bits beyond the secret are zero on every sheet
        raise SheetError(ROWS) from None


def check_row(text: str, number: int, kind: Kind) -> None:
    """Return if ``text`` can be row ``number``, from 1, of a sheet of this kind.

    Raises:
        SheetError: it cannot.
    """
    _read_row(_plain(text), number - 1, kind)


def _plain(text: str) -> str:
    return "".join(text.upper().translate(_LOOKALIKE).split())


def _read_row(part: str, row: int, kind: Kind) -> list[int]:
    word = [_ALPHABET.find(character) for character in part]
    data, checks = word[:_DATA], word[_DATA:]
    if len(word) != _DATA + _CHECK or -1 in word:
        raise SheetError(row + 1)
    if _checks(data, row, kind) != checks:
        raise SheetError(row + 1)
    return data


def _checks(data: list[int], row: int, kind: Kind) -> list[int]:
    """Return two symbols that make the whole word zero at both of the code's roots."""
    word = [kind, row + 1, *data]
    sums = [0, 0]
    for place, symbol in enumerate(reversed(word), start=_CHECK):
        sums[0] ^= symbol
        sums[1] ^= _times(symbol, _power(place))
    # c1 + c0 = sums[0] and a*c1 + c0 = sums[1], so (a + 1)*c1 = sums[0] + sums[1].
    first = _times(sums[0] ^ sums[1], _inverse(_power(1) ^ 1))
    return [first, sums[0] ^ first]


def _times(a: int, b: int) -> int:
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a >> _BITS:
            a ^= _FIELD
        b >>= 1
    return product


def _power(exponent: int) -> int:
    """Return the exponent-th power of x, which generates the field."""
    result = 1
    for _ in range(exponent):
        result = _times(result, 2)
    return result


def _inverse(a: int) -> int:
    return next(b for b in range(1, 1 << _BITS) if _times(a, b) == 1)
