"""Chapters 13, 18 and 19 say what the code does: each of their tables is compared."""

import re

import pytest
from msgspec import structs

from protocol import errors
from protocol.codec import encode
from protocol.errors import ErrorCode, ProtocolError, Reason
from protocol.incident import taxonomy
from protocol.incident.model import MAX_FILE, MAX_WORDS, Sections
from protocol.incident.problems import ENGLISH
from protocol.incident.shapes import ListShape, ObjectShape, shape_of
from protocol.incident.taxonomy import Word
from protocol.label import (
    CAVEATS,
    FULL,
    NEEDS_CLEARANCE,
    SHORT,
    Caveat,
    Label,
    Level,
    Precedence,
)
from protocol.policy import DEMO, contradictions, deadline, rule_for
from tests.support.reports import LEAST, PLAIN
from tests.support.tree import ROOT


def chapter(name: str) -> str:
    return (ROOT / "docs/spec" / f"{name}.md").read_text(encoding="utf-8")


def block(name: str, kind: str) -> list[str]:
    (found,) = re.findall(rf"```{kind}\n(.*?)```", chapter(name), re.DOTALL)
    return list(found.splitlines())


def rows(name: str, kind: str) -> list[list[str]]:
    """Return the cells of a table, without its two heading lines."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in block(name, kind)[2:]
    ]


def yes(value: object) -> str:
    return "yes" if value else "no"


def test_levels() -> None:
    expected = [[str(int(lv)), SHORT[lv], FULL[lv]] for lv in Level]
    assert rows("labels", "levels") == expected


def test_caveats() -> None:
    assert rows("labels", "caveats") == [
        [str(int(c)), CAVEATS[c], yes(c in NEEDS_CLEARANCE)] for c in Caveat
    ]


def test_precedence() -> None:
    def within(precedence: Precedence) -> str:
        seconds = deadline(DEMO, precedence)
        return "next working day" if seconds is None else f"{seconds} s"

    assert rows("labels", "precedence") == [
        [str(int(p)), p.name, str(p.lane), within(p)] for p in Precedence
    ]


def test_fields_of_a_label() -> None:
    assert block("labels", "label") == [
        f"{number} {found.name}{'' if found.required else ' optional'}"
        for number, found in enumerate(structs.fields(Label))
    ]


def test_worked_labels() -> None:
    made = [
        PLAIN,
        Label(
            level=Level.STG_C,
            events=("na vrijgave",),
            caveats=(Caveat.ORCON,),
            releasable=("bern", "tfc"),
        ),
        Label(level=Level.ONGERUBRICEERD),
    ]
    worked = [line.split()[-1] for line in block("labels", "worked")]
    assert worked == [encode(label).hex() for label in made]


def test_fields_and_values_of_the_policy() -> None:
    table = rows("labels", "policy")
    fields = structs.fields(DEMO)
    assert [row[:2] for row in table] == [
        [str(number), found.name] for number, found in enumerate(fields)
    ]
    for _, name, value, _ in table:
        held = getattr(DEMO, name)
        if name == "deadlines":
            assert value == ", ".join(map(str, held))
        elif name not in {"levels", "equivalences"}:
            assert value == str(int(held))


def test_rules_per_level() -> None:
    assert rows("labels", "rules") == [
        [
            SHORT[level],
            str(rule_for(DEMO, level).freshness),
            yes(rule_for(DEMO, level).second_member),
            yes(rule_for(DEMO, level).archive),
        ]
        for level in Level
    ]


def test_equivalences() -> None:
    assert rows("labels", "equivalences") == [
        [row.scheme, row.marking, SHORT[row.level]] for row in DEMO.equivalences
    ]


def test_the_chapter_counts_the_contradictions() -> None:
    broken = structs.replace(
        DEMO,
        levels=DEMO.levels[::-1],
        equivalences=DEMO.equivalences[::-1],
        standing=Level.STG_ZG,
        epoch=1,
        floor=4096,
        floor_poor=8191,
        published=0,
        unconfirmed=0,
    )
    (sentence,) = re.findall(
        r"contradicts itself is refused: (.*)\.\n", chapter("labels")
    )
    assert len(contradictions(broken)) == len(sentence.split("; ")) == 9


def test_codes_of_errors() -> None:
    coded = {
        found.code: found.__name__
        for found in sorted(ProtocolError.__subclasses__(), key=lambda e: e.code)
    }
    assert rows("errors", "codes") == [
        [str(int(code)), code.name, coded[code]] for code in ErrorCode
    ]


def tree(of: type[ProtocolError], depth: int = 0) -> list[str]:
    below = [line for sub in of.__subclasses__() for line in tree(sub, depth + 1)]
    return [f"{'  ' * depth}{of.__name__}", *below]


def test_the_tree_of_errors() -> None:
    ours = [
        line
        for line in tree(ProtocolError)
        if getattr(errors, line.strip(), None) is not None
    ]
    assert block("errors", "tree") == ours


def test_reasons_in_the_order_of_the_code() -> None:
    table = rows("errors", "reasons")
    assert [row[0] for row in table] == [reason.value for reason in Reason]
    said = [{*row[1:3]} for row in table]
    assert all(found <= {"yes", "no", "told"} and found != {"no"} for found in said)


@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_reason_has_words(language: str) -> None:
    text = (ROOT / "client/locale" / f"{language}.toml").read_text(encoding="utf-8")
    assert [r for r in Reason if f"\n{r.value} = " not in text] == []


def test_problems_of_a_file() -> None:
    assert rows("incident", "flaws") == [
        [flaw.value, wrong, right] for flaw, (wrong, right) in ENGLISH.items()
    ]


def test_words_of_the_chapter() -> None:
    for line in block("incident", "words"):
        name, _, listed = line.partition(": ")
        kind: type[Word] = getattr(taxonomy, name)
        assert listed == ", ".join(f"{m.value} {m.word}" for m in kind)


def names(shape: ObjectShape, above: str = "") -> list[str]:
    """Return the paths of fields; a list of objects is one, with its names after."""
    found = []
    for known in shape.fields:
        path = above + known.name
        if isinstance(known.shape, ObjectShape):
            found += names(known.shape, f"{path}.")
        elif isinstance(known.shape, ListShape) and isinstance(
            known.shape.item, ObjectShape
        ):
            inner = [item.name for item in known.shape.item.fields]
            found.append(" ".join([path, *inner]))
        else:
            found.append(path)
    return found


def test_fields_of_a_report() -> None:
    listed = []
    for line in block("incident", "fields"):
        path, _, kind = line.partition(" ")
        inner = re.sub(r"\(.*?\)", "", kind.strip())
        named = inner.startswith("list of ") and "," in inner
        parts = inner.removeprefix("list of ").replace(",", " ").split()
        listed.append(" ".join([path, *parts]) if named else path)
    assert listed == names(shape_of(Sections))


def test_bounds_and_worked_bytes_of_a_report() -> None:
    text = chapter("incident")
    assert f"at most {MAX_FILE:,} bytes" in text
    assert f"at most {MAX_WORDS} words" in text
    assert block("incident", "worked") == [encode(LEAST).hex()]
    assert len(structs.fields(Sections)) == 21
