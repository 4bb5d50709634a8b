"""The JSON Schema is the model's, and says of files what the reader says."""

import json
import re
from typing import Any

import pytest

from protocol.codec import Message
from protocol.incident.schema import schema, schema_text
from protocol.incident.shapes import shape_of
from protocol.incident.taxonomy import Stage, Word, word, words
from protocol.incident.writing import to_object
from protocol.label import Caveat, Label, Level, Precedence
from tests.support.reports import ALERT, FULL
from tests.support.tree import ROOT

FILE = ROOT / "docs/schema/koerier-incident-1.schema.json"
SAMPLES = sorted((ROOT / "docs/samples").glob("*.json"))
KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "array": list,
    "object": dict,
    "integer": int,
}


def fits(schema: dict[str, Any], value: Any) -> bool:  # noqa: ANN401, C901, PLR0912 -- JSON; one case per keyword
    """Tell whether a value fits, by the keywords that our schema uses."""
    for keyword, wanted in schema.items():
        match keyword:
            case "type":
                ok = isinstance(value, KINDS[wanted])
            case "enum":
                ok = value in wanted
            case "anyOf":
                ok = any(fits(one, value) for one in wanted)
            case "minLength":
                ok = len(value) >= wanted
            case "maxLength" | "maxItems":
                ok = len(value) <= wanted
            case "pattern":
                ok = re.search(wanted, value) is not None
            case "minimum":
                ok = value >= wanted
            case "exclusiveMaximum":
                ok = value < wanted
            case "items":
                ok = all(fits(wanted, item) for item in value)
            case "required":
                ok = not set(wanted) - set(value)
            case "properties":
                ok = all(fits(wanted[k], v) for k, v in value.items() if k in wanted)
            case "additionalProperties":
                ok = set(value) <= set(schema["properties"])
            case _:
                assert keyword in {"$schema", "$id", "title", "description"}
                continue
        if not ok:
            return False
    return True


def test_the_file_is_what_the_model_says() -> None:
    # To make it again: print(schema_text(), end="") into the file.
    assert FILE.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("report", [ALERT, FULL], ids=["least", "full"])
def test_what_we_write_fits_the_schema(report: Any) -> None:  # noqa: ANN401 -- JSON
    assert fits(schema(), to_object(report))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_fits_the_schema(sample: Any) -> None:  # noqa: ANN401 -- JSON
    assert fits(schema(), json.loads(sample.read_bytes()))


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "over"},
        {"title": ""},
        {"title": "x" * 201},
        {"aware_at": "2026-11-23"},
        {"what": {}},
        {"extra": 1},
        {"label": {"level": "Dep.V"}},
        {"label": {"level": "Dep.V", "until": "later"}},
        {"files": [{"name": "x", "sha256": "0" * 64, "size": -1}]},
        {"channel_in_doubt": None},
    ],
    ids=str,
)
def test_the_schema_refuses_what_the_reader_refuses(change: dict[str, object]) -> None:
    assert not fits(schema(), {**to_object(ALERT), **change})


@pytest.mark.parametrize("kind", Word.__subclasses__())
def test_a_list_of_words_is_closed_and_unambiguous(kind: type[Word]) -> None:
    found = words(kind)
    assert len(found) == len(kind) == len({member.value for member in kind})
    assert all(found[word(member)] is member for member in kind)
    unknown = [member for member in kind if member.word == "unknown"]
    assert [member.value for member in unknown] in ([], [0])


def test_words_of_labels_are_those_of_the_lattice() -> None:
    assert list(words(Level)) == ["Ongerubriceerd", "Dep.V", "Stg.C", "Stg.G", "Stg.ZG"]
    assert list(words(Caveat)) == ["ORCON", "NLD EYES ONLY"]


def test_a_list_without_words_is_a_callers_mistake() -> None:
    with pytest.raises(KeyError):
        word(Precedence.FLASH)


class Pair(Message):
    """A field that no file has a form for."""

    pair: tuple[int, int]


@pytest.mark.parametrize("kind", [Label, Pair])
def test_a_type_that_a_file_cannot_say_is_a_callers_mistake(
    kind: type[Message],
) -> None:
    with pytest.raises((KeyError, TypeError)):
        shape_of(kind)


def test_stages_keep_the_numbers_of_the_bodies() -> None:
    assert [stage.value for stage in Stage] == [0, 1, 2, 3, 4, 9]
