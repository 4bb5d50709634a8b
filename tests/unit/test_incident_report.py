"""A report as a file and as a body: the same report both ways."""

import json

import pytest
from msgspec import structs

from protocol.bodies import IncidentBody
from protocol.codec import encode
from protocol.errors import MalformedError
from protocol.incident.check import parse, prose_words
from protocol.incident.model import (
    MAX_FILE,
    MAX_WORDS,
    Asked,
    IncidentReport,
    Sections,
    from_body,
    to_body,
)
from protocol.incident.problems import ReportError
from protocol.incident.shapes import shape_of
from protocol.incident.taxonomy import Answer, Stage
from protocol.incident.writing import to_json, to_object
from protocol.label import Label, Level
from protocol.limits import MAX_DOCUMENT
from tests.support.reports import ALERT, AWARE, EVERYTHING, FULL, LEAST, PLAIN
from tests.support.tree import ROOT

SAMPLES = sorted((ROOT / "docs/samples").glob("*.json"))
REPORTS = {"least": ALERT, "full": FULL}


def read(report: dict[str, object]) -> IncidentReport:
    return parse(json.dumps(report).encode(), "r.json")


@pytest.mark.parametrize("name", REPORTS)
def test_what_was_written_reads_back_the_same(name: str) -> None:
    written = to_json(REPORTS[name])
    assert parse(written, "r.json") == REPORTS[name]
    assert to_json(parse(written, "r.json")) == written


@pytest.mark.parametrize("name", REPORTS)
def test_a_body_holds_the_whole_report_but_its_label(name: str) -> None:
    report = REPORTS[name]
    body = to_body(report)
    assert body.stage == report.stage
    assert from_body(body, report.label) == report
    assert to_body(from_body(body, report.label)) == body


def test_the_full_report_leaves_no_field_at_its_default() -> None:
    left = [
        known.name
        for known in shape_of(Sections).fields
        if getattr(EVERYTHING, known.attribute) == known.default
    ]
    assert left == []


def test_the_least_report_says_only_what_is_asked() -> None:
    assert to_object(ALERT) == {
        "format": "koerier-incident/1",
        "stage": "alert",
        "title": "Melding",
        "aware_at": "2026-11-23T15:30:00Z",
        "what": {"text": "Er is iets."},
        "channel_in_doubt": "unknown",
        "label": {"level": "Dep.V", "until": "2027-06-30"},
    }


def test_unknown_nothing_and_absent_are_one() -> None:
    least = to_object(ALERT)
    optional = [known.name for known in shape_of(Sections).fields if not known.required]
    for empty in ("unknown", None):
        assert read({**least, **dict.fromkeys(optional, empty)}) == ALERT
    what = {"text": "Er is iets.", "started_at": "unknown", "class": "unknown"}
    assert read({**least, "what": what}) == ALERT


def test_an_empty_section_is_not_lost() -> None:
    report = read({**to_object(ALERT), "asked_of_tfc": {"what": "unknown"}})
    assert report.sections.asked_of_tfc == Asked()
    assert parse(to_json(report), "r.json") == report


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2027-06-30", 1_814_313_600),
        ("2027-06-30T00:00Z", 1_814_313_600),
        ("2027-06-30T00:00:01Z", 1_814_313_601),
    ],
)
def test_a_label_ends_on_a_day_or_at_a_time(written: str, seconds: int) -> None:
    report = read({**to_object(ALERT), "label": {"level": "Dep.V", "until": written}})
    assert report.label == Label(level=Level.DEP_V, until=seconds)
    assert parse(to_json(report), "r.json") == report


def test_a_label_has_one_form_whatever_the_order_in_the_file() -> None:
    label = {
        "level": "Stg.C",
        "until": "2027-06-30",
        "event": ["na vrijgave", "na afronding", "na vrijgave"],
        "caveats": ["NLD EYES ONLY", "ORCON"],
        "releasable_to": ["tfc", "bern", "tfc"],
        "foreign": [
            {"scheme": "EU", "marking": "CONFIDENTIEL UE/EU CONFIDENTIAL"},
            {"scheme": "EU", "marking": "CONFIDENTIEL UE/EU CONFIDENTIAL"},
        ],
    }
    assert read({**to_object(ALERT), "label": label}).label == FULL.label


def test_one_event_stands_without_brackets() -> None:
    label = {"level": "Dep.V", "event": "na afloop"}
    report = read({**to_object(ALERT), "label": label})
    assert report.label == Label(level=Level.DEP_V, events=("na afloop",))
    assert to_object(report)["label"] == label


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    text = json.dumps({**to_object(ALERT), "how_aware": "een\r\ntwee"})
    report = parse(b"\xef\xbb\xbf" + text.encode(), "r.json")
    assert report.sections.how_aware == "een\ntwee"


def test_a_long_alert_is_refused_and_a_long_final_report_is_not() -> None:
    title, what = 1, 3
    room = MAX_WORDS - title - what
    alert = {**to_object(ALERT), "assessment": "woord " * room}
    assert prose_words(read(alert).sections) == MAX_WORDS
    alert["assessment"] = "woord " * (room + 1)
    with pytest.raises(ReportError):
        read(alert)
    assert read({**alert, "stage": "final"}).stage is Stage.FINAL


def test_every_prose_counts_and_nothing_else() -> None:
    counted = structs.replace(LEAST, sources=("een twee drie",), case="vier vijf")
    assert prose_words(counted) == prose_words(LEAST) == 4
    assert prose_words(EVERYTHING) == 32


@pytest.mark.parametrize("stage", sorted({*range(12)} - {*Stage}))
def test_a_stage_that_v1_does_not_know_is_malformed(stage: int) -> None:
    body = structs.replace(to_body(ALERT), stage=stage)
    with pytest.raises(MalformedError):
        from_body(body, PLAIN)


@pytest.mark.parametrize(
    "report",
    [
        b"{}",
        encode(LEAST) + b"\x00",
        encode(structs.replace(LEAST, title="")),
        encode(structs.replace(LEAST, aware_at=-1)),
        encode((1,)),
    ],
)
def test_a_body_that_holds_no_report_is_malformed(report: bytes) -> None:
    with pytest.raises(MalformedError):
        from_body(IncidentBody(stage=0, report=report), PLAIN)


def test_every_report_of_a_file_fits_the_body() -> None:
    assert MAX_FILE <= MAX_DOCUMENT


def test_a_report_never_prints_itself() -> None:
    assert "Titel" not in repr(FULL)
    assert "Titel" not in repr(FULL.sections)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_is_a_valid_exercise(sample: object) -> None:
    data = (ROOT / "docs/samples" / str(sample)).read_bytes()
    report = parse(data, "sample")
    assert report.stage is Stage.ALERT
    assert report.sections.title.startswith(("EXERCISE: ", "OEFENING: "))
    assert any("docs/samples/SOURCES.md" in line for line in report.sections.sources)
    assert report.sections.channel_in_doubt is not Answer.YES
    assert parse(to_json(report), "sample") == report
    assert from_body(to_body(report), report.label) == report


def test_there_are_three_samples_and_their_sources_name_each() -> None:
    sources = (ROOT / "docs/samples/SOURCES.md").read_text(encoding="utf-8")
    assert len(SAMPLES) == 3
    assert all(f"`{sample.name}`" in sources for sample in SAMPLES)


def test_the_aware_time_is_the_written_one() -> None:
    assert read(to_object(ALERT)).sections.aware_at == AWARE
