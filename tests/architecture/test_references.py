"""What a docstring or a document points at is there.

A reference outlives what it names: the reader who follows it into nothing trusts the
rest less.  A file is looked for on the disk, a name in the module that is named, or in
the one that the text stands in.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.tree import PACKAGES, ROOT, parsed, sources, tracked

TREES = (*PACKAGES, "bench", "tests")
ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`[~!]?([^`]+)`")
FILE = re.compile(
    r"\b(?:bench|client|crypto|docs|protocol|server|tests)/[\w./-]+\.(?:json|md|py|toml)\b"
)
# Made by the run that measures, in a place that git does not keep.
MADE = {"bench/RESULTS.md"}
PLANTS = Path("tests/architecture/test_contracts.py")  # files that it makes and removes


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> dict[str, Path]:
    return {module_of(path): path for path in sources(*TREES)}


@cache
def named(path: Path) -> frozenset[str]:
    """Return every name that a module defines, imports, or gives to a parameter."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found.add(name)
            case ast.AsyncFunctionDef(name=name) | ast.alias(asname=str(name)):
                found.add(name)
            case ast.alias(name=name) | ast.Name(id=name) | ast.Attribute(attr=name):
                found.add(name.split(".")[0])
            case _:
                pass
    return frozenset(found)


def is_there(reference: str, path: Path) -> bool:
    """Tell whether a reference in ``path`` leads somewhere."""
    reference = reference.removesuffix("()")
    if reference.startswith("."):
        inside = path.name == "__init__.py"
        package = module_of(path) if inside else module_of(path).rpartition(".")[0]
        reference = package + reference
    parts = reference.split(".")
    if parts[0] not in TREES:
        return parts[-1] in named(path)
    for end in range(len(parts), 0, -1):
        module = ".".join(parts[:end])
        if module in modules():
            rest = parts[end:]
            return not rest or rest[-1] in named(modules()[module])
        if end == len(parts) and (ROOT / Path(*parts)).is_dir():
            return True
    return False


def lost() -> Iterator[str]:
    for path in modules().values():
        text = (ROOT / path).read_text(encoding="utf-8")
        for reference in ROLE.findall(text):
            if not is_there(reference, path):
                yield f"{path}: {reference}"


def test_a_reference_into_nothing_is_seen() -> None:
    here = Path("protocol/streams.py")
    there = ("protocol.given", "protocol.given.give", "step", ".given", "Stream.state")
    for reference in there:
        assert is_there(reference, here), reference
    for reference in ("protocol.taken", "protocol.given.take", "Given", ".taken"):
        assert not is_there(reference, here), reference


def test_every_name_in_a_docstring_is_there() -> None:
    assert sorted(lost()) == []


def test_every_file_that_is_named_is_there() -> None:
    texts = [path for path in tracked() if path.suffix in {".md", ".py"}]
    gone = {
        f"{path}: {name}"
        for path in texts
        if path != PLANTS
        for name in FILE.findall((ROOT / path).read_text(encoding="utf-8"))
        if name not in MADE and not (ROOT / name).exists()
    }
    assert gone == set()
