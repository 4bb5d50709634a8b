"""The specification's index, its numbers and its bindings hold together."""

import re
from pathlib import Path

import pytest

from crypto.sign import Usage
from crypto.suite import SUITES, Suite

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "docs/spec"
INDEX = (SPEC / "README.md").read_text()
CHAPTERS = re.findall(r"^\| (\d+) \| \[[^\]]+\]\(([a-z-]+\.md)\)", INDEX, re.MULTILINE)


def block(chapter: str, name: str) -> list[str]:
    _, _, rest = (SPEC / chapter).read_text().partition(f"```{name}\n")
    return rest.partition("```")[0].splitlines()


def test_every_chapter_is_in_the_index_and_says_its_number() -> None:
    listed = {name for _, name in CHAPTERS}
    assert listed == {path.name for path in SPEC.glob("*.md")} - {"README.md"}
    for number, name in CHAPTERS:
        assert f"koerier/v1, chapter {number}." in (SPEC / name).read_text(), name


@pytest.mark.parametrize("name", [name for _, name in CHAPTERS])
def test_requirements_are_numbered_without_a_gap_and_once(name: str) -> None:
    found = re.findall(r"\*\*([A-Z]+)-(\d+)\*\*", (SPEC / name).read_text())
    by_prefix: dict[str, list[int]] = {}
    for prefix, number in found:
        by_prefix.setdefault(prefix, []).append(int(number))
    for prefix, numbers in by_prefix.items():
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), prefix


def test_the_usages_are_the_ones_that_the_code_has() -> None:
    assert block("names-and-usages.md", "usages") == [
        usage.value.decode() for usage in Usage
    ]


def bindings() -> list[str]:
    text = (SPEC / "names-and-usages.md").read_text()
    return re.findall(r"^\| (B\d+) \|", text, re.MULTILINE)


def test_bindings_are_numbered_without_a_gap() -> None:
    assert bindings() == [f"B{n}" for n in range(1, len(bindings()) + 1)]


@pytest.mark.parametrize("binding", bindings())
def test_every_binding_has_a_test_that_names_it(binding: str) -> None:
    """The name stands in the test that performs the attack (see chapter 1)."""
    tests = [*(ROOT / "tests").rglob("test_*.py")]
    word = re.compile(rf"\b{binding}\b")
    assert any(
        word.search(path.read_text()) for path in tests if path != Path(__file__)
    )


def suite_rows() -> list[tuple[str, list[object]]]:
    def row(name: str, of: str) -> tuple[str, list[object]]:
        return name, [getattr(suite, of) for suite in SUITES.values()]

    def pair(name: str, of: str, number: str) -> tuple[str, list[object]]:
        return name, [_named(suite, of, number) for suite in SUITES.values()]

    return [
        ("number", [suite_id.value for suite_id in SUITES]),
        pair("HPKE KEM", "kem", "kem_id"),
        pair("HPKE KDF", "kdf", "kdf_id"),
        pair("HPKE AEAD", "aead", "aead_id"),
        row("KEM public key, bytes", "kem_public_key"),
        row("KEM encapsulation, bytes", "kem_enc"),
        row("KEM seed, bytes", "kem_seed"),
        row("digest of kid and kc", "digest"),
        row("kid, bytes", "prekey_id"),
        row("signature", "signature_algorithm"),
        row("signature public key, bytes", "signature_public_key"),
        row("signature, bytes", "signature"),
        row("signature seed, bytes", "signature_seed"),
    ]


def _named(suite: Suite, of: str, number: str) -> str:
    return f"{getattr(suite, of)} (0x{getattr(suite, number):04x})"


def test_the_suites_are_the_ones_that_the_code_has() -> None:
    rows = [f"| {name} | {one} | {two} |" for name, (one, two) in suite_rows()]
    assert block("suites.md", "suites")[2:] == rows
