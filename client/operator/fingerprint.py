"""A hash as words: what people write on paper and read to each other on the telephone.

Two bytes make a word of five letters, consonant, vowel, consonant, vowel, consonant,
which a Dutch and an English mouth say alike::

    words_of(bytes.fromhex("7f000001")) == "lusab babad"

A word that is misheard is another hash.  Capitals, hyphens and spaces do not matter
when they are typed back.

Source: D. Wilkerson, "A Proposal for Proquints", arXiv:0901.4016.
"""

from typing import Final

CONSONANTS: Final = "bdfghjklmnprstvz"
VOWELS: Final = "aiou"
WORD: Final = 5  # letters
SHORT: Final = 10  # bytes of a key's name that people compare: 2^80 tries to forge
_SHAPE: Final = ((CONSONANTS, 12), (VOWELS, 10), (CONSONANTS, 6), (VOWELS, 4))


def words_of(data: bytes) -> str:
    """Return the words of an even number of bytes, with a space between them."""
    pairs = (data[at : at + 2] for at in range(0, len(data), 2))
    return " ".join(_word(int.from_bytes(pair, "big")) for pair in pairs)


def short_words(data: bytes) -> str:
    """Return the words by which people compare a key's name."""
    return words_of(data[:SHORT])


def bytes_of(text: str) -> bytes | None:
    """Return the bytes that ``text`` says, in words or in hexadecimal; None: neither.

    Args:
        text: as somebody typed it from paper.
    """
    plain = "".join(text.lower().replace("-", " ").split())
    try:
        if plain and len(plain) % WORD == 0:
            words = (plain[at : at + WORD] for at in range(0, len(plain), WORD))
            return b"".join(_number(word).to_bytes(2, "big") for word in words)
    except ValueError:
        pass  # 64 hexadecimal digits are no words: 64 is no multiple of five
    try:
        return bytes.fromhex(plain) or None
    except ValueError:
        return None


def _word(number: int) -> str:
    letters = (letter[number >> shift & len(letter) - 1] for letter, shift in _SHAPE)
    return "".join(letters) + CONSONANTS[number & len(CONSONANTS) - 1]


def _number(word: str) -> int:
    found = CONSONANTS.index(word[-1])
    for (letters, shift), letter in zip(_SHAPE, word, strict=False):
        found |= letters.index(letter) << shift
    return found
