"""What a bundle proves is said in both languages, and doubts are said as doubts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from client.audit.telling import findings_json, findings_lines, is_doubted
from client.words import LANGUAGES, Words
from crypto.sign import Realm
from crypto.types import Digest
from protocol.directory_view import Ended
from protocol.evidence.check import verify_bundle
from protocol.evidence.findings import Findings, Part, Standing
from protocol.receipt import Kind

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def found() -> Findings:
    told = json.loads((GOLDEN / "s1.evidence.json").read_text(encoding="utf-8"))
    data = (GOLDEN / "s1.evidence").read_bytes()
    pin = Digest(bytes.fromhex(told["pin"]))
    return verify_bundle(data, pin, Realm(told["realm"].encode()))


def said(found: Findings, language: str) -> str:
    words = Words(language)
    return "\n".join(words.say(code, **parts) for code, parts in findings_lines(found))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_signature_is_listed_with_its_verdict(
    found: Findings, language: str
) -> None:
    text = said(found, language)
    holds = {"nl": "klopt", "en": "holds"}[language]
    # Signatures of three records, a member's on two; six notes' lines of three each.
    notes = {found.record.checkpoint, *found.checkpoints}
    notes |= {told.carrier.checkpoint for told in found.receipts}
    lines = sum(len(note.lines) for note in notes)
    carriers = {told.carrier.name for told in found.receipts}
    assert len(carriers) == 2
    own = 2 + 1 + 2 + 2  # each statement shows its carrier's signatures
    assert text.count(f"  {holds} ") == lines + own
    assert "bern/m1" in text
    assert "Aan de post" in text


def with_standing(found: Findings, standing: Standing) -> Findings:
    ended = Ended("revoked", 3, 1)
    terminal = replace(found.record.terminal, standing=standing, ended=ended)
    assert found.record.member is not None
    member = replace(found.record.member, standing=standing, ended=ended)
    record = replace(found.record, terminal=terminal, member=member)
    return replace(found, record=record)


@pytest.mark.parametrize("standing", Standing)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_standing_has_words(
    found: Findings, standing: Standing, language: str
) -> None:
    changed = with_standing(found, standing)
    assert is_doubted(changed) is (standing is Standing.ENDED)
    text = said(changed, language)
    doubt = {"nl": "TWIJFEL", "en": "DOUBTED"}[language]
    assert text.count(doubt) == (2 if standing is Standing.ENDED else 0)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_kind_of_receipt_has_words(
    found: Findings, kind: Kind, language: str
) -> None:
    import msgspec

    (first, *_) = found.receipts
    statement = msgspec.structs.replace(first.statement, kind=kind)
    changed = replace(found, receipts=(replace(first, statement=statement),))
    assert said(changed, language)
    (told,) = findings_json(changed)["receipts"]
    assert told["kind"] == kind.name.lower()


def test_each_part_that_does_not_hold_has_words() -> None:
    for language in LANGUAGES:
        for part in Part:
            assert Words(language).say(f"audit.broken-{part.value}")


def test_json_names_times_and_people(found: Findings) -> None:
    told: dict[str, Any] = findings_json(found)
    assert json.loads(json.dumps(told)) == told
    assert told["signatures"][1]["member"] == "bern/m1"
    assert told["signatures"][0]["terminal"] == 1
    assert told["key_log"]["size"] == 7
