"""Where the parts of a document begin and end: places at which a reader may slip."""

BYTES, TEXT, ARRAY, MAP = 2, 3, 4, 5


def boundaries(data: bytes) -> set[int]:
    """Return the first and last byte of each head and string, also inside strings.

    A byte string that is itself a document of ours, to its last byte, is looked into.
    """
    return set(_document(data, 0))


def _document(data: bytes, base: int) -> list[int]:
    found: list[int] = []
    end = _item(data, 0, base, found)
    return found if end == len(data) else []


def _item(data: bytes, at: int, base: int, found: list[int]) -> int:
    """Note one item's places; return where the next begins; -1: it is none."""
    if not 0 <= at < len(data):
        return -1
    major, detail = data[at] >> 5, data[at] & 31
    width = 0 if detail < 24 else 1 << (detail - 24) if detail < 28 else -1
    if width < 0 or major > MAP or at + 1 + width > len(data):
        return -1
    number = int.from_bytes(data[at + 1 : at + 1 + width], "big") if width else detail
    after = at + 1 + width
    found += [base + at, base + after - 1]
    if major in {BYTES, TEXT}:
        end = after + number
        if end > len(data):
            return -1
        if number:
            found += [base + after, base + end - 1]
        if major == BYTES and number > 1:
            found += _document(data[after:end], base + after)
        return end
    if major in {ARRAY, MAP}:
        for _ in range(number * (major - 3)):
            after = _item(data, after, base, found)
            if after < 0:
                return -1
    return after
