"""Messages among what machines keep: found and listed, however much came between."""

from dataclasses import replace

import pytest

from client.core.rows import IN, OUT, RecordRow
from client.vault.database import Database, Row
from client.vault.store import Store
from protocol.record_type import RULES, RecordType
from tests.support.homes import plain_record
from tests.support.keys import secret


@pytest.fixture
def store() -> Store:
    return Store(Database.open(None, secret("messages")))


def add(store: Store, number: int, **changes: int | str) -> RecordRow:
    row = replace(plain_record(number), **changes)  # type: ignore[arg-type]  # names of fields
    with store.transaction():
        store.add_record(row)
    return row


def test_what_machines_say_and_what_is_refused_hides_no_message(store: Store) -> None:
    first = add(store, 1, way=IN)
    mine = add(store, 2, way=OUT)
    for number in range(10, 30):
        add(store, number, way=IN, type=RecordType.RECEIPT)
        add(store, number + 100, way=IN, refused="fork")
    last = add(store, 200, way=IN, type=RecordType.INCIDENT)
    assert store.messages.newest(IN, 2) == [last, first]
    assert store.messages.newest(IN, 1) == [last]
    assert store.messages.newest(OUT, 9) == [mine]


def test_a_list_goes_on_behind_the_message_that_it_ended_with(store: Store) -> None:
    rows = [add(store, number, way=IN) for number in range(7)]
    add(store, 50, way=OUT)
    pages = []
    older = None
    while page := store.messages.newest(IN, 3, older):
        pages.append(page)
        older = page[-1].name
    assert pages == [rows[:3:-1], rows[3:0:-1], rows[:1]]


@pytest.mark.parametrize("kind", RecordType)
def test_a_message_is_what_bears_a_label(store: Store, kind: RecordType) -> None:
    row = add(store, 1, type=kind)
    expected = [row] if RULES[kind].labelled else []
    assert store.messages.newest(OUT, 9) == expected
    assert store.messages.named(row.name.hex(), OUT, 9) == expected


def test_a_name_is_found_by_how_it_begins(store: Store) -> None:
    rows = [add(store, number) for number in range(40)]
    for row in rows:
        name = row.name.hex()
        for size in (0, 1, 2, 7, 64):
            wanted = sorted(
                (other for other in rows if other.name.hex()[:size] == name[:size]),
                key=lambda other: other.name,
            )
            assert store.messages.named(name[:size].upper(), OUT, 40) == wanted
        assert store.messages.named(name[:9], IN, 9) == []
    assert len(store.messages.named("", OUT, 2)) == 2
    for nothing in ("zz", "0g", "é", rows[0].name.hex() + "00", "%"):
        assert store.messages.named(nothing, OUT, 9) == []


def test_the_list_is_read_from_its_index(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database.open(None, secret("messages"))
    asked: list[tuple[str, Row]] = []
    rows = database.rows

    def looking(query: str, *values: bytes | str | int) -> list[Row]:
        asked.append((query, values))
        return []

    monkeypatch.setattr(database, "rows", looking)
    messages = Store(database).messages
    messages.newest(IN, 200)
    messages.named("ab", IN, 2)
    plans = [
        str(rows(f"EXPLAIN QUERY PLAN {query}", *values)) for query, values in asked
    ]
    for plan, index in zip(plans, ("record_message", "autoindex_record"), strict=True):
        assert index in plan
        assert "TEMP B-TREE" not in plan
