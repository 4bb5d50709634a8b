"""A wrong report, said in the reader's language."""

import pytest

from client.cli.report_file import problems_of
from client.words import LANGUAGES, Words
from protocol.incident.check import parse
from protocol.incident.problems import ENGLISH, FOUND, WANTS, Flaw, ReportError

BAD = (
    b'{"format": "koerier-incident/1", "stage": 3, "title": "x", "what": {},'
    b' "aware_at": "2026-11-23T15:30:00Z", "channel_in_doubt": "unknown"}'
)


def test_english_is_the_protocols_own() -> None:
    with pytest.raises(ReportError) as caught:
        parse(BAD, "r.json")
    assert problems_of(BAD, "r.json", Words("en")) == caught.value.lines()


def test_dutch_says_the_same_in_dutch() -> None:
    stages = "alert, early-warning, notification, interim, final, correction"
    assert problems_of(BAD, "r.json", Words("nl")) == (
        f"r.json: stage: is een getal, geef een van: {stages}",
        "r.json: what.text: ontbreekt, geef tekst",
        "r.json: label: ontbreekt, geef een object met level",
    )


def test_a_report_without_problems_has_no_lines() -> None:
    good = BAD.replace(b'"stage": 3', b'"stage": "alert"').replace(
        b'"what": {}',
        b'"what": {"text": "x"}, "label": {"level": "Dep.V", "event": "x"}',
    )
    assert problems_of(good, "r.json", Words("nl")) == ()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("flaw", Flaw)
def test_every_flaw_has_its_sentence(language: str, flaw: Flaw) -> None:
    parts = dict.fromkeys(("limit", "count", "nearest", "wants", "found"), "§")
    sentence = Words(language).say(f"report.{flaw}", **parts)
    asked = sum(text.count("{") for text in ENGLISH[flaw])
    assert sentence.count("§") == asked


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_of_a_problem_has_its_words(language: str) -> None:
    parts = {"below": 1, "words": "a", "names": "b"}
    words = Words(language)
    assert all(words.say(f"wants.{code}", **parts) for code in WANTS)
    assert all(words.say(f"found.{code}") for code in FOUND)
