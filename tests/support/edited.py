"""Bytes that are nearly right: what a decoder must refuse, or read as another value."""

import hypothesis.strategies as st

Change = tuple[int, int, str]  # where, a byte, and "=" set, "+" put in, "-" taken out


def changes_at(
    places: st.SearchStrategy[int], *, most: int
) -> st.SearchStrategy[list[Change]]:
    """Return one to ``most`` changes at such places."""
    change = st.tuples(places, st.integers(0, 255), st.sampled_from("=+-"))
    return st.lists(change, min_size=1, max_size=most)


def edited(data: bytes, changes: list[Change]) -> bytes:
    """Return ``data`` with bytes set, put in or taken out."""
    changed = bytearray(data)
    for where, byte, how in changes:
        at = where % (len(changed) or 1)
        if how == "+":
            changed.insert(at, byte)
        elif changed and how == "=":
            changed[at] = byte
        elif changed:
            del changed[at]
    return bytes(changed)
