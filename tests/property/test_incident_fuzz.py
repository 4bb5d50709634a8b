"""Reports under arbitrary input: a report or problems, never another end."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protocol.bodies import IncidentBody
from protocol.errors import MalformedError
from protocol.incident.check import parse
from protocol.incident.model import IncidentReport, from_body, to_body
from protocol.incident.problems import ReportError
from protocol.incident.writing import to_json, to_object
from tests.support.reports import FULL, PLAIN

CANARY = "geheim-woord"
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
values = st.recursive(
    scalars | st.just("unknown") | st.just("2026-11-23"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def check(data: bytes) -> None:
    """Read; what was read must be written and read back the same."""
    found = outcome(data)
    if isinstance(found, ReportError):
        lines = str(found).split("\n")
        assert lines == list(found.lines())
        assert all(line.startswith("r.json: ") for line in lines)
    else:
        assert parse(to_json(found), "r.json") == found
        assert from_body(to_body(found), found.label) == found


def outcome(data: bytes) -> IncidentReport | ReportError:
    """Return the report, or the error."""
    try:
        return parse(data, "r.json")
    except ReportError as error:
        return error


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 -- JSON
    """Return the way to every value in a JSON value."""
    if isinstance(value, dict):
        inner = [paths(item, (*here, key)) for key, item in value.items()]
    elif isinstance(value, list):
        inner = [paths(item, (*here, n)) for n, item in enumerate(value)]
    else:
        inner = []
    return [here, *(path for found in inner for path in found)]


PATHS = [path for path in paths(to_object(FULL)) if path]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_report_or_have_problems(data: bytes) -> None:
    check(data)


@given(values)
def test_any_json_is_a_report_or_has_problems(value: object) -> None:
    check(json.dumps(value).encode())


@given(st.sampled_from(PATHS), values)
def test_any_field_with_any_value_gives_a_report_or_problems(
    path: tuple[Any, ...], value: object
) -> None:
    report: Any = to_object(FULL)
    holder = report
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    check(json.dumps(report).encode())


@given(st.sampled_from(PATHS))
def test_a_value_of_the_wrong_type_is_never_quoted(path: tuple[Any, ...]) -> None:
    report: Any = to_object(FULL)
    holder = report
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = {CANARY + "!": [CANARY]}
    error = outcome(json.dumps(report).encode())
    assert isinstance(error, ReportError)
    assert CANARY not in str(error)


@given(st.binary(max_size=100), st.integers(0, 255))
def test_any_body_is_a_report_or_malformed(report: bytes, stage: int) -> None:
    try:
        found = from_body(IncidentBody(stage=stage, report=report), PLAIN)
    except MalformedError:
        return
    assert from_body(to_body(found), PLAIN) == found


@given(st.integers(0, 2_000), st.integers(0, 255))
def test_a_body_with_one_byte_changed_is_a_report_or_malformed(
    place: int, value: int
) -> None:
    body = to_body(FULL)
    raw = bytearray(body.report)
    raw[place % len(raw)] = value
    try:
        found = from_body(IncidentBody(stage=body.stage, report=bytes(raw)), PLAIN)
    except MalformedError:
        return
    assert to_body(found).report == bytes(raw)
    assert to_json(found)
