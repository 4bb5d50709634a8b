"""The tour of a package passes by every module: nobody finds one by chance."""

import re

import pytest

from tests.support.tree import ROOT

TOURED = ("crypto", "protocol")
TABLED = ("server", "client")  # their tables stand in ARCHITECTURE.md


@pytest.mark.parametrize("package", TOURED)
def test_the_tour_of_a_package_names_every_module(package: str) -> None:
    folder = ROOT / package
    tour = (folder / "__init__.py").read_text(encoding="utf-8")
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert {name for name in re.findall(r"``(\w+)``", tour) if name in modules} | (
        packages & set(re.findall(r"``(\w+)``", tour))
    ) == modules | packages


@pytest.mark.parametrize("package", TABLED)
def test_the_table_of_a_package_names_what_stands_at_its_top(package: str) -> None:
    document = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    _, _, behind = document.partition(f"## Inside `{package}`\n")
    table = behind.partition("\n## ")[0]
    folder = ROOT / package
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    packages = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    assert {*modules, *packages} <= set(re.findall(r"`([\w/]+)`", table))
