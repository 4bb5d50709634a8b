import ast
import importlib
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.tree import PACKAGES, ROOT, parsed, sources

LONGEST_FILE, LONGEST_FUNCTION = 400, 60  # lines; style.md's measure of the models
LONGEST_MEDIAN = 200
NAMELESS = {
    "base",
    "common",
    "helper",
    "helpers",
    "manager",
    "managers",
    "misc",
    "util",
    "utils",
}


def lines(path: Path) -> int:
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def everything() -> list[Path]:
    return [*sources(*PACKAGES, "tests", "bench"), Path("koerier")]


def test_no_file_is_longer_than_it_may_be() -> None:
    long = {str(path): lines(path) for path in everything()}
    assert {path: n for path, n in long.items() if n > LONGEST_FILE} == {}


def test_the_median_file_is_short(
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    median = statistics.median(lines(path) for path in sources(*PACKAGES))
    record_testsuite_property("median lines of a package file", median)
    assert median <= LONGEST_MEDIAN


def test_no_function_is_longer_than_it_may_be() -> None:
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path in [*sources(*PACKAGES), Path("koerier")]
        for node in ast.walk(parsed(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert long == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    names = [p for p in everything() if NAMELESS.intersection((p.stem, *p.parts[:-1]))]
    assert names == []


def test_every_package_file_starts_with_its_tour() -> None:
    mute = [path for path in sources(*PACKAGES) if not ast.get_docstring(parsed(path))]
    assert mute == []


def test_no_line_asks_to_be_left_out_of_the_coverage() -> None:
    asking = "pragma: no " + "cover"
    found = [p for p in everything() if asking in (ROOT / p).read_text("utf-8")]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_package_is_imported_from_this_tree(package: str) -> None:
    # `crypto` and `server` are names that other distributions use too.
    found = importlib.import_module(package).__file__
    assert found is not None
    assert Path(found).resolve() == ROOT / package / "__init__.py"


def test_tests_have_no_init_so_that_they_shadow_nothing() -> None:
    assert [path for path in sources("tests") if path.name == "__init__.py"] == []
