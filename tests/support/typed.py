"""Commands as they are typed, passphrases through descriptors, in this process."""

import contextlib
import os

from click.testing import CliRunner, Result

from client.cli.main import main
from client.home import Home
from tests.support.homes import ANNA, WORDS


def brought(word: str) -> int:
    """Return a descriptor that brings one line."""
    reading, writing = os.pipe()
    os.write(writing, f"{word}\n".encode())
    os.close(writing)
    return reading


def invoke(line: list[str], opened: list[int]) -> Result:
    try:
        return CliRunner().invoke(main, line)
    finally:
        for reading in opened:
            with contextlib.suppress(OSError):  # whoever read it has closed it
                os.close(reading)


def koerier(home: Home, *arguments: object, lang: str = "en", **words: str) -> Result:
    """Run a command; ``words`` are what its descriptors bring, by option."""
    line = ["--home", str(home.path), "--lang", lang, *map(str, arguments)]
    opened = []
    for option, word in words.items():
        opened.append(brought(word))
        line += [f"--{option.replace('_', '-')}", str(opened[-1])]
    return invoke(line, opened)


def alone(
    home: Home, *arguments: object, word: str = WORDS[ANNA], lang: str = "en"
) -> Result:
    """Run a command that unlocks for itself."""
    reading = brought(word)
    line = ["--home", str(home.path), "--lang", lang, "--passphrase-fd", str(reading)]
    return invoke([*line, *map(str, arguments)], [reading])


def told(result: Result, status: int = 0) -> str:
    """Return what was said; the status is as expected, and nothing fell over."""
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result.output
