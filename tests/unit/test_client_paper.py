"""Sheets: what a person types is the sheet, or the first wrong row is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.paper import ROWS, Kind, SheetError, check_row, read_rows, rows_of
from crypto.types import Secret
from tests.support.keys import secret

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SHEET = rows_of(secret("sheet"), Kind.VAULT)
SECRETS = st.binary(min_size=32, max_size=32).map(Secret)


@given(SECRETS, st.sampled_from(Kind))
def test_what_is_printed_is_read_back(drawn: Secret, kind: Kind) -> None:
    rows = rows_of(drawn, kind)
    assert len(rows) == ROWS
    assert read_rows("\n".join(rows), kind) == drawn


def test_worked_rows_stay_what_they_are_on_paper() -> None:
    zeros, ones = Secret(bytes(32)), Secret(b"\xff" * 32)
    assert rows_of(zeros, Kind.VAULT)[:2] == ["0000-00DD", "0000-0012"]
    assert rows_of(ones, Kind.POST)[0] == "ZZZZ-ZZVR"
    assert rows_of(zeros, Kind.POST)[8] == "0000-00KR"


@pytest.mark.parametrize(
    "layout",
    [
        lambda text: text.lower(),
        lambda text: text.replace("-", " "),
        lambda text: text.replace("\n", ""),
        lambda text: text.replace("0", "o").replace("1", "l"),
        lambda text: text.replace("0", "O").replace("1", "I").replace("V", "u"),
        lambda text: f"  {text}\t\r\n",
    ],
)
def test_layout_case_and_lookalikes_do_not_matter(layout: object) -> None:
    assert callable(layout)
    assert read_rows(layout("\n".join(SHEET)), Kind.VAULT) == secret("sheet")


def wrong(text: str, kind: Kind = Kind.VAULT) -> int:
    with pytest.raises(SheetError) as error:
        read_rows(text, kind)
    return error.value.row


def test_every_wrong_character_is_found_in_its_row() -> None:
    text = "".join(SHEET).replace("-", "")
    for place, right in enumerate(text):
        for other in ALPHABET:
            if other != right:
                typed = text[:place] + other + text[place + 1 :]
                assert wrong(typed) == place // 8 + 1


def test_every_two_characters_that_changed_places_are_found() -> None:
    for number, row in enumerate(SHEET, start=1):
        plain = row.replace("-", "")
        for a in range(8):
            for b in range(a):
                if plain[a] == plain[b]:
                    continue
                swapped = [*plain]
                swapped[a], swapped[b] = plain[b], plain[a]
                with pytest.raises(SheetError):
                    check_row("".join(swapped), number, Kind.VAULT)


def test_a_row_in_another_place_is_found() -> None:
    for a in range(ROWS):
        for b in range(a):
            rows = [*SHEET]
            rows[a], rows[b] = rows[b], rows[a]
            assert wrong("".join(rows)) == b + 1


@pytest.mark.parametrize(
    ("kind", "other"), [(Kind.VAULT, Kind.POST), (Kind.POST, Kind.VAULT)]
)
def test_a_sheet_of_the_other_kind_is_refused_at_its_first_row(
    kind: Kind, other: Kind
) -> None:
    rows = rows_of(secret("sheet"), kind)
    assert wrong("".join(rows), other) == 1
    for number, row in enumerate(rows, start=1):
        with pytest.raises(SheetError):
            check_row(row, number, other)


def test_too_little_and_too_much_are_said() -> None:
    assert wrong("") == 1
    assert wrong("\n".join(SHEET[:4])) == 5
    assert wrong("\n".join(SHEET) + "0") == 0
    assert wrong("\n".join([*SHEET[:8], SHEET[8][:-1] + "?"])) == ROWS


def test_bits_beyond_the_secret_are_refused() -> None:
    """The last row has room for 14 bits more: a sheet has one form."""
    number = next(
        "".join(word)
        for word in (
            ("0", "0", "0", "0", "0", "1", a, b) for a in ALPHABET for b in ALPHABET
        )
        if _is_row("".join(word), ROWS)
    )
    rows = rows_of(Secret(bytes(32)), Kind.VAULT)
    assert wrong("".join([*rows[:8], number])) == ROWS


def _is_row(text: str, number: int) -> bool:
    try:
        check_row(text, number, Kind.VAULT)
    except SheetError:
        return False
    return True
