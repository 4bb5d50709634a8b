"""The chapters record-and-envelope and receipts print what the code has."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import msgspec

from protocol import bodies, machine_bodies
from protocol.codec import Message
from protocol.nack import Gone, Nack
from protocol.receipt import Kind, Statement
from protocol.record import Addressee, Attachment, Record
from protocol.record_type import RULES, RecordType
from protocol.slip import Slip

SPEC = Path(__file__).parents[2] / "docs" / "spec"
WIRE_NAMES = {"sender": "from"}  # the one field that Python cannot spell


def block(chapter: str, name: str) -> list[str]:
    text = (SPEC / chapter).read_text(encoding="utf-8")
    found = re.findall(rf"^```{name}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return [line for line in found[0].splitlines() if line]


def fields(message: type[Message]) -> list[str]:
    """Return `number name` of each field, and which are optional."""
    return [
        f"{field.encode_name} {WIRE_NAMES.get(field.name, field.name)}"
        + ("" if field.required else " optional")
        for field in msgspec.structs.fields(message)
    ]


def in_line(message: type[Message]) -> str:
    names = (
        WIRE_NAMES.get(field.name, field.name) + ("" if field.required else "?")
        for field in msgspec.structs.fields(message)
    )
    return f"{message.__name__}: {', '.join(names)}"


def words(number: RecordType) -> str:
    return number.name.lower().replace("_", "-")


def yes(value: Any) -> str:  # noqa: ANN401 -- of any truth
    return "yes" if value else "no"


def types_table() -> list[str]:
    return [
        "| number | type | body | hand | label | receipted | own post only |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {number} | {words(number)} | {rule.body.__name__} | {rule.hand.value} "
            f"| {yes(rule.labelled)} | {yes(rule.receipted)} | {yes(rule.own_post)} |"
            for number, rule in RULES.items()
        ),
    ]


def bodies_table() -> list[str]:
    lines = [in_line(bodies.Paragraph)]
    lines += [in_line(rule.body) for rule in RULES.values()]
    for module in (bodies, machine_bodies):
        for name, kind in vars(module).items():
            if inspect.isclass(kind) and kind.__module__ == module.__name__:
                lines += numbers(name, kind)
    return lines


def numbers(name: str, kind: type) -> list[str]:
    if not issubclass(kind, int):
        return []
    listed = ", ".join(f"{one.value} {one.name.lower()}" for one in kind)  # type: ignore[attr-defined]
    return [f"{name}: {listed}"]


def test_the_fields_of_a_record_are_printed() -> None:
    assert block("record-and-envelope.md", "record") == fields(Record)


def test_the_parts_of_a_record_are_printed() -> None:
    expected = [in_line(kind) for kind in (Addressee, Attachment)]
    assert block("record-and-envelope.md", "parts") == expected


def test_the_types_are_printed() -> None:
    assert block("record-and-envelope.md", "types") == types_table()


def test_the_bodies_are_printed() -> None:
    assert block("record-and-envelope.md", "bodies") == bodies_table()


def test_the_fields_of_a_slip_are_printed() -> None:
    assert block("record-and-envelope.md", "slip") == fields(Slip)


def test_the_worked_bytes_are_those_of_the_golden_record() -> None:
    text = (SPEC / "record-and-envelope.md").read_text(encoding="utf-8")
    golden = SPEC.parents[1] / "tests" / "golden" / "receipt-s1.json"
    told = json.loads(golden.read_text(encoding="ascii"))
    record = told["record"]
    assert f"H(record) = {told['name']}" in text
    assert f"record, {len(record) // 2} bytes" in text
    spelled = [line[:44] for line in block("record-and-envelope.md", "worked")[:8]]
    worked = "".join("".join(spelled).split())
    assert record.startswith(worked)


def test_every_type_has_a_rule() -> None:
    assert list(RULES) == list(RecordType)


def test_the_fields_of_a_statement_and_a_nack_are_printed() -> None:
    assert block("receipts.md", "statement") == fields(Statement)
    assert block("receipts.md", "nack") == fields(Nack)


def test_the_kinds_are_printed() -> None:
    assert block("receipts.md", "kinds") == numbers("Kind", Kind)
    assert block("receipts.md", "gone") == numbers("Gone", Gone)


if __name__ == "__main__":  # prints the tables, to paste into the chapter
    print(*types_table(), "", *bodies_table(), sep="\n")  # noqa: T201 -- it speaks to whoever started it
