"""The models' files agree with each other and with the bindings."""

import re
from pathlib import Path

import pytest

from tests.support.tree import ROOT
from tests.support.unified_diff import result

MODELS = ROOT / "docs" / "models"
README = (MODELS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "patch", sorted((MODELS / "mutants").glob("*.patch")), ids=lambda path: path.stem
)
def test_a_mutant_changes_its_model_and_says_what_must_fail(patch: Path) -> None:
    text = patch.read_text(encoding="utf-8")
    title, expects, empty, *_ = text.splitlines()
    assert title
    assert re.fullmatch(r"expects: [A-Z]\d.*", expects)
    assert not empty
    ((file, source),) = result(text.partition("\n\n")[2], ROOT).items()
    assert file.parent == MODELS
    assert source != file.read_text(encoding="utf-8")
    queries = re.findall(r"\b[A-Z]\d\b", expects)
    assert all(re.search(rf"\b{query}\b", source) for query in queries)


@pytest.mark.parametrize(
    "model", sorted(MODELS.glob("*.pv")), ids=lambda path: path.stem
)
def test_a_proverif_model_closes_what_it_opens(model: Path) -> None:
    source = model.read_text(encoding="utf-8")
    assert source.count("(*") == source.count("*)")
    plain = re.sub(r"\(\*.*?\*\)", "", source, flags=re.DOTALL)
    assert plain.count("(") == plain.count(")")
    assert plain.count("[") == plain.count("]")
    assert plain.count("\nprocess\n") == 1


def test_every_binding_has_a_model_or_an_argument() -> None:
    names = (ROOT / "docs/spec/names-and-usages.md").read_text(encoding="utf-8")
    bindings = re.findall(r"^\| (B\d+) \|", names, re.MULTILINE)
    told = dict(re.findall(r"^\| (B\d+) \|(.*)\|$", README, re.MULTILINE))
    assert list(told) == bindings
    assert all(text.replace("|", "").strip() for text in told.values())


def test_every_mutant_of_the_spin_model_is_run_and_told() -> None:
    source = (MODELS / "delivery.pml").read_text(encoding="utf-8")
    script = (MODELS / "run.sh").read_text(encoding="utf-8")
    mutants = set(re.findall(r"MUTANT_([A-Z_]+)", source))
    assert mutants
    for mutant in mutants:
        assert mutant in script
        assert f"`MUTANT_{mutant}`" in README
