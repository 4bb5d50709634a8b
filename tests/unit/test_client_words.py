"""Words for people: both catalogues, every code; texts that try to look like ours."""

import re
import tomllib
from pathlib import Path

import pytest

from client.core.alarms import Alarm
from client.demo.leak import CHUNK, canaries, search
from client.demo.summary import summary_of
from client.harmless import harmless
from client.words import LANGUAGES, Words, chosen_language
from protocol.errors import Reason

CLIENT = Path(__file__).parents[2] / "client"
CODE = re.compile(
    r'(?:say|tell|refuse|HomeError|AgentRefusal)\(\s*"([a-z-]+\.[a-z-]+)"'
)
PLACE = re.compile(r"\{(\w+)")


def catalogue(language: str) -> dict[str, str]:
    found = tomllib.loads((CLIENT / "locale" / f"{language}.toml").read_text())
    return {
        f"{section}.{name}": text
        for section, texts in found.items()
        for name, text in texts.items()
    }


def test_both_languages_say_the_same_things_about_the_same() -> None:
    nl, en = (catalogue(language) for language in LANGUAGES)
    assert nl.keys() == en.keys()
    for code, text in nl.items():
        assert sorted(PLACE.findall(text)) == sorted(PLACE.findall(en[code])), code


def test_every_code_that_the_client_names_has_words() -> None:
    used = {
        code for file in CLIENT.rglob("*.py") for code in CODE.findall(file.read_text())
    }
    assert len(used) > 40
    assert used - catalogue("nl").keys() == set()


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_of_the_protocol_has_words(reason: Reason) -> None:
    for language in LANGUAGES:
        assert Words(language).say(f"refused.{reason.value}", post="bern")


EVENT = re.compile(r'(?:add_event\(\s*\w+,|_note\()\s*"([a-z-]+)"')


def test_every_event_and_every_alarm_has_words() -> None:
    happened = {
        code
        for file in CLIENT.rglob("*.py")
        for code in EVENT.findall(file.read_text())
    }
    assert len(happened) > 10
    alarms = {alarm.value for alarm in Alarm}
    said = {"delivered", "read", "acknowledged", "refused", "opened", "taken-on"}
    for language in LANGUAGES:
        words = Words(language)
        for code in happened | alarms | said:
            where = "event" if words.knows(f"event.{code}") else "alarm"
            assert words.say(f"{where}.{code}", id="3f2a", post="bern")


@pytest.mark.parametrize("alarm", Alarm)
def test_every_alarm_says_what_happened_and_what_to_do(alarm: Alarm) -> None:
    for language in LANGUAGES:
        for section in ("alarm", "alarm-do"):
            said = Words(language).say(f"{section}.{alarm}", post="bern", id="3f2a")
            assert said.endswith((".", "?", "3f2a")), said
            assert "{" not in said


def test_a_code_without_words_is_a_bug() -> None:
    with pytest.raises(KeyError):
        Words("nl").say("nothing.here")
    with pytest.raises(ValueError, match="no catalogue"):
        Words("fr")


@pytest.mark.parametrize(
    ("option", "environment", "language"),
    [
        ("en", "nl_NL.UTF-8", "en"),
        (None, "nl_NL.UTF-8", "nl"),
        (None, "en_GB.UTF-8", "en"),
        (None, "fr_FR.UTF-8", "en"),
        (None, "C.UTF-8", "nl"),
        (None, None, "nl"),
        (None, "", "nl"),
    ],
)
def test_dutch_is_first_and_a_choice_wins(
    option: str | None, environment: str | None, language: str
) -> None:
    assert chosen_language(option, environment) == language


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("een\ntwee", "een<U+000A>twee"),
        ("een\u2028twee\u2029", "een<U+2028>twee<U+2029>"),
        ("a\x1b[2Jb", "a<U+001B>[2Jb"),
        ("a\rb\tc", "a<U+000D>b<U+0009>c"),
        ("a\u202eb", "a<U+202E>b"),
        ("\u2066x\u2069", "<U+2066>x<U+2069>"),
        ("zero\u200bwidth", "zero<U+200B>width"),
        ("\ud800", "<U+D800>"),
        ("é 🇳🇱", "é 🇳🇱"),
    ],
)
def test_what_hides_or_moves_is_shown_as_its_code(text: str, shown: str) -> None:
    assert harmless(text) == shown


# --- the search for a report's text


def test_a_planted_piece_is_found_wherever_it_lies(tmp_path: Path) -> None:
    report = '{"title": "Een lange titel", "x": ["kort", {"y": "Nog een lang stuk"}]}'
    pieces = canaries(report.encode())
    assert pieces == [b"Een lange titel", b"Nog een lang stuk"]
    (tmp_path / "deep").mkdir()
    assert search([tmp_path], pieces) == 0
    border = bytes(CHUNK - 7) + pieces[0] + bytes(CHUNK)
    (tmp_path / "deep" / "wal").write_bytes(border)
    assert search([tmp_path], pieces) == 1
    (tmp_path / "log").write_bytes(pieces[1])
    assert search([tmp_path], pieces) == 2


def test_a_report_of_numbers_has_nothing_to_find() -> None:
    assert canaries(b'{"a": 1, "b": [true, null]}') == []


def test_a_summary_is_ok_only_when_everything_is() -> None:
    def through(**changes: object) -> dict[str, object]:
        states = dict.fromkeys(("sealed", "read"), "2026-01-01T00:00:00Z")
        message: dict[str, object] = {
            **dict.fromkeys(("id", "type", "precedence", "from", "size"), "x"),
            "to": [{"post": "tfc", "states": states, "complete": None}],
            "proof": {"verified": True},
        }
        return {**message, **changes}

    seen = dict.fromkeys(("sealed", "read"), "x")
    late = [{"post": "tfc", "states": {**seen, "read": None}, "complete": None}]
    text_only = [{"post": "tfc", "states": seen, "complete": False}]
    assert summary_of("m", [through()], (3, 0), 1.0)["ok"] is True
    assert summary_of("m", [through()], (3, 1), 1.0)["ok"] is False
    assert summary_of("m", [through(proof=None)], (3, 0), 1.0)["ok"] is False
    assert summary_of("m", [through(to=late)], (3, 0), 1.0)["ok"] is False
    assert summary_of("m", [through(to=text_only)], (3, 0), 1.0)["ok"] is False
