"""The help texts of one language, one small file per command.

``client/locale/help/<language>/koerier.toml`` holds what every page shares and the one
line of each command; ``<command>.toml`` beside it holds that command's page and those
of its own commands, by their path (``["terminal init"]``).  A page is read when it is
asked for, so that ``koerier --help`` starts as fast as its library does.

A test asks for every command and option in both languages.
"""

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

FOLDER: Final = os.path.join(os.path.dirname(os.path.dirname(__file__)), "locale")  # noqa: PTH118, PTH120 -- pathlib costs a tenth of the start
ROOT: Final = "koerier"
Path = tuple[str, ...]  # of a command: ("terminal", "init")


@cache
def _pages(language: str, name: str) -> Mapping[str, Any]:
    path = os.path.join(FOLDER, "help", language, f"{name}.toml")  # noqa: PTH118 -- pathlib is slow to import
    try:
        with open(path, "rb") as file:  # noqa: PTH123 -- pathlib is slow to import
            return tomllib.load(file)
    except FileNotFoundError:
        return {}  # a command whose page is not written: its test fails


class Guide:
    """What ``--help`` says, in one language."""

    def __init__(self, language: str) -> None:
        self.language = language

    def word(self, name: str) -> str:
        """Return a heading or a mark that every page shares."""
        return str(self._shared("word")[name])

    def metavar(self, name: str) -> str:
        """Return the word for a kind of value; names without one stay as they are."""
        return str(self._shared("metavar").get(name, name))

    def short(self, path: Path) -> str:
        """Return the one line of a command, or nothing where none is written."""
        if len(path) == 1:
            return str(self._shared("short").get(path[0], ""))
        return str(self._page(path).get("short", ""))

    def text(self, path: Path) -> str:
        """Return what a command is for."""
        return str(self._page(path).get("text", ""))

    def example(self, path: Path) -> str:
        """Return lines that a reader may type."""
        return str(self._page(path).get("example", ""))

    def option(self, path: Path, name: str) -> str:
        """Return what an option or argument means: the command's own word, else all's.

        Args:
            path: of the command.
            name: as it is typed, without dashes.
        """
        own = self._page(path).get("options", {})
        return str(own.get(name) or self._shared("common").get(name, ""))

    def _page(self, path: Path) -> Mapping[str, Any]:
        pages = _pages(self.language, path[0] if path else ROOT)
        page: Mapping[str, Any] = pages.get(" ".join(path) or ROOT, {})
        return page

    def _shared(self, table: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = _pages(self.language, ROOT)[table]
        return found
