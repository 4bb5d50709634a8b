"""A report with a wrong field: the exact line, and nothing of the content in it."""

import copy
import json
from typing import Any

import pytest

from protocol.incident.check import parse
from protocol.incident.model import MAX_FILE
from protocol.incident.problems import ENGLISH, Flaw, ReportError

CANARY = "KANARIE"
LEAST: dict[str, Any] = {
    "format": "koerier-incident/1",
    "stage": "alert",
    "title": CANARY,
    "aware_at": "2026-11-23T15:30:00Z",
    "what": {"text": CANARY},
    "channel_in_doubt": "unknown",
    "label": {"level": "Dep.V", "until": "2027-06-30"},
}
MISSING = object()
TIME = "a time in UTC, as 2026-11-23T15:30:00Z"
DATE = "a date, as 2026-11-23, or a time, as 2026-11-23T15:30:00Z"
LEVELS = "one of: Ongerubriceerd, Dep.V, Stg.C, Stg.G, Stg.ZG"
YES_NO = "one of: unknown, yes, no"
INDICATOR = {"type": "domain", "value": CANARY}
MANY = [INDICATOR] * 1_001


def changed(path: str, value: object) -> bytes:
    """Return the least report as a file, with one field changed or taken out."""
    report = copy.deepcopy(LEAST)
    *above, last = path.split(".")
    holder = report
    for name in above:
        holder = holder.setdefault(name, {})
    if value is MISSING:
        del holder[last]
    else:
        holder[last] = value
    return json.dumps(report).encode()


def lines(data: bytes) -> list[str]:
    with pytest.raises(ReportError) as caught:
        parse(data, "r.json")
    text = str(caught.value)
    assert CANARY not in text
    assert CANARY not in repr(caught.value)
    return text.split("\n")


def test_the_least_report_is_one() -> None:
    assert parse(json.dumps(LEAST).encode(), "r.json").sections.title == CANARY


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("format", MISSING, "format: is missing, give koerier-incident/1"),
        (
            "format",
            "koerier-incident/2",
            "format: is no known word, give koerier-incident/1",
        ),
        (
            "stage",
            CANARY,
            (
                "stage: is no known word, give one of: alert, early-warning,"
                " notification, interim, final, correction"
            ),
        ),
        ("title", MISSING, "title: is missing, give text"),
        ("title", None, "title: is null, give text"),
        ("title", 3, "title: is a number, give text"),
        ("title", "", "title: is empty, give text"),
        ("title", " \t", "title: is empty, give text"),
        ("title", "a\nb", "title: has several lines, give one line"),
        ("title", "a\tb", "title: has several lines, give one line"),
        ("title", "x" * 201, "title: has 201 characters, at most 200"),
        ("title", "a\x1b[2J", "title: holds a control character, give plain text"),
        ("title", "a\u202eb", "title: holds a control character, give plain text"),
        ("title", "a\ud800b", "title: holds a control character, give plain text"),
        ("aware_at", MISSING, f"aware_at: is missing, give {TIME}"),
        ("aware_at", "yesterday", f"aware_at: is no such time, give {TIME}"),
        ("aware_at", "2026-11-23", f"aware_at: is no such time, give {TIME}"),
        (
            "aware_at",
            "2026-11-23T15:30:00+01:00",
            f"aware_at: is no such time, give {TIME}",
        ),
        (
            "aware_at",
            "2026-02-30T15:30:00Z",
            f"aware_at: is no such time, give {TIME}",
        ),
        (
            "aware_at",
            "1969-12-31T23:59:59Z",
            f"aware_at: is no such time, give {TIME}",
        ),
        ("aware_at", 1_700_000_000, f"aware_at: is a number, give {TIME}"),
        ("what", MISSING, "what: is missing, give an object with text"),
        ("what", "text", "what: is text, give an object with text"),
        ("what", ["text"], "what: is a list, give an object with text"),
        ("what.text", MISSING, "what.text: is missing, give text"),
        ("what.text", {"a": CANARY}, "what.text: is an object, give text"),
        (
            "what.class",
            "Intrusion",
            (
                "what.class: is no known word, give one of: unknown, Abusive Content,"
                " Malicious Code, Information Gathering, Intrusion Attempts,"
                " Intrusions, Availability, Information Content Security, Fraud,"
                " Vulnerable, Other, Test"
            ),
        ),
        ("what.malicious", True, f"what.malicious: is true or false, give {YES_NO}"),
        (
            "what.kind",
            "Fraud",
            "what.kind: is no field of this format, leave it out",
        ),
        ("what.affected", CANARY, "what.affected: is text, give a list"),
        ("what.affected", [""], "what.affected[0]: is empty, give text"),
        (
            "severity",
            "severe",
            (
                "severity: is no known word, give one of: unknown, low, medium, high,"
                " critical"
            ),
        ),
        (
            "awareness.grading",
            "G7",
            "awareness.grading: has another form, give a letter A-F and a digit 1-6",
        ),
        (
            "victims.host_state",
            "Nederland",
            (
                "victims.host_state: has another form, give two capital letters"
                " (ISO 3166-1)"
            ),
        ),
        ("indicators", MANY, "indicators: has 1001 items, at most 1000"),
        (
            "indicators",
            [INDICATOR, {"type": "domain"}],
            "indicators[1].value: is missing, give text",
        ),
        (
            "indicators",
            [{**INDICATOR, "tlp": "AMBER"}],
            (
                "indicators[0].tlp: is no known word, give one of: unknown, TLP:CLEAR,"
                " TLP:GREEN, TLP:AMBER, TLP:AMBER+STRICT, TLP:RED"
            ),
        ),
        (
            "indicators",
            [{**INDICATOR, "pap": "PAP:WHITE"}],
            (
                "indicators[0].pap: is no known word, give one of: unknown, PAP:CLEAR,"
                " PAP:GREEN, PAP:AMBER, PAP:RED"
            ),
        ),
        (
            "files",
            [{"name": CANARY, "sha256": "A" * 64}],
            "files[0].sha256: has another form, give 64 characters of 0-9 and a-f",
        ),
        (
            "files",
            [{"name": CANARY, "sha256": "a" * 64, "size": -1}],
            (
                "files[0].size: is out of range, give a whole number from 0, below"
                " 281474976710656"
            ),
        ),
        (
            "files",
            [{"name": CANARY, "sha256": "a" * 64, "size": 1.5}],
            (
                "files[0].size: is a number, give a whole number from 0, below"
                " 281474976710656"
            ),
        ),
        ("asked_of_tfc.by", "soon", f"asked_of_tfc.by: is no such time, give {TIME}"),
        (
            "channel_in_doubt",
            MISSING,
            f"channel_in_doubt: is missing, give {YES_NO}",
        ),
        (
            "channel_in_doubt",
            "maybe",
            f"channel_in_doubt: is no known word, give {YES_NO}",
        ),
        (
            "tear_line_level",
            "Stg.C",
            "tear_line_level: is above the label, give at most the label's level",
        ),
        ("impact", 1, "impact: is a number, give an object"),
        ("label", MISSING, "label: is missing, give an object with level"),
        ("label", "Dep.V", "label: is text, give an object with level"),
        ("label.level", MISSING, f"label.level: is missing, give {LEVELS}"),
        ("label.level", "DEP.V", f"label.level: is no known word, give {LEVELS}"),
        (
            "label.until",
            MISSING,
            "label: says not how long, give until (a date) or event (text)",
        ),
        (
            "label.until",
            "unknown",
            "label: says not how long, give until (a date) or event (text)",
        ),
        ("label.until", "later", f"label.until: is no such time, give {DATE}"),
        (
            "label.until",
            "2026-11-23",
            "label.until: is not after aware_at, give a later date",
        ),
        ("label.event", " ", "label.event[0]: is empty, give text"),
        (
            "label.caveats",
            ["NOFORN"],
            "label.caveats[0]: is no known word, give one of: ORCON, NLD EYES ONLY",
        ),
        (
            "label.releasable_to",
            ["Bern"],
            (
                "label.releasable_to[0]: has another form, give the name of a post:"
                " a-z, 0-9 and -"
            ),
        ),
        (
            "label.foreign",
            [{"scheme": "eu", "marking": CANARY}],
            (
                "label.foreign[0].scheme: has another form, give capital letters, 0-9"
                " and -"
            ),
        ),
        ("titel", CANARY, "titel: is no field of this format, did you mean title?"),
        ("x" * 41, CANARY, "?: is no field of this format, leave it out"),
        ("geheim: zin", CANARY, "?: is no field of this format, leave it out"),
        (
            "what.text",
            "woord " * 200,
            "(all prose): has 201 words in all, an alert has at most 200",
        ),
    ],
)
def test_one_wrong_field_is_one_line(path: str, value: object, line: str) -> None:
    assert lines(changed(path, value)) == [f"r.json: {line}"]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "line 1 column 1: is not JSON, check commas, quotes and brackets"),
        (b'{"a": 1,}', "line 1 column 9: is not JSON, check commas, quotes and"),
        (b'{\n "a" 1}', "line 2 column 6: is not JSON, check commas, quotes and"),
        (b"\xff\xfe", "(file): is not UTF-8 text, save it as UTF-8"),
        (b"[" * 100_000, "(file): is not JSON, check commas, quotes and brackets"),
        (b"9" * 5_000, "(file): is not JSON, check commas, quotes and brackets"),
        (b'{"a": NaN}', "(file): is not JSON, check commas, quotes and brackets"),
        (b"[]", "(file): is a list, give an object"),
        (b"null", "(file): is null, give an object"),
        (
            b" " * (MAX_FILE + 1),
            "(file): is larger than 262144 bytes, attach what is long",
        ),
    ],
)
def test_what_is_no_file_of_this_format_is_one_line(data: bytes, line: str) -> None:
    (found,) = lines(data)
    assert found.startswith(f"r.json: {line}")


def test_a_name_that_is_there_twice_is_a_problem() -> None:
    twice = json.dumps(LEAST)[:-1] + ', "title": "x", "what": {"text": "x"}}'
    assert lines(twice.encode()) == [
        "r.json: title: is there twice, keep one",
        "r.json: what: is there twice, keep one",
    ]


def test_every_problem_is_told_at_once_in_the_order_of_the_format() -> None:
    bad = {**LEAST, "title": "", "label": {"level": "Dep.V", "extra": CANARY}}
    bad["what"] = {"status": "over"}
    assert [line.split(": ")[1] for line in lines(json.dumps(bad).encode())] == [
        "title",
        "what.status",
        "what.text",
        "label.extra",
    ]


def test_strange_fields_are_named_up_to_a_bound() -> None:
    strange = {**LEAST, **{f"f{n}": 1 for n in range(100)}}
    assert len(lines(json.dumps(strange).encode())) == 20


def test_after_many_problems_no_likely_name_is_looked_for() -> None:
    strange = {**LEAST, "indicators": [{}] * 30, "titel": CANARY}
    found = lines(json.dumps(strange).encode())
    assert found[-1] == "r.json: titel: is no field of this format, leave it out"


def test_a_problem_is_a_code_with_parts_for_other_languages() -> None:
    with pytest.raises(ReportError) as caught:
        parse(changed("title", "x" * 201), "r.json")
    (problem,) = caught.value.problems
    assert (problem.path, problem.flaw) == ("title", Flaw.TOO_LONG)
    assert problem.parts == {"count": 201, "limit": 200}
    assert (problem.wrong, problem.right) == ("has 201 characters", "at most 200")


def test_every_flaw_has_its_english() -> None:
    assert list(ENGLISH) == list(Flaw)
