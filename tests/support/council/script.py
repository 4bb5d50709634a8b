"""A history of a council as a list of commands, kept and run again in one line.

::

    python -m tests.support.council.script '[["change", 4, 0, 1, 3, 0, 99, 0], ...]'
    python -m tests.support.council.script --smaller '[...]'      # what it needs of it
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.council.council import Council
from tests.support.council.ending import settled
from tests.support.council.operators import Operators
from tests.support.council.people import People
from tests.support.council.races import Races

Command = Sequence[str | int]


class Play:
    """One council, and the commands that were given."""

    def __init__(self, folder: Path) -> None:
        self.council = Council(folder)
        self.operators = Operators(self.council)
        self.people = People(self.council)
        self.races = Races(self.council, self.operators, self.people)
        self.script: list[Command] = []

    def do(self, name: str, *arguments: int | str) -> None:
        """Do one command, and check everything."""
        self.script.append((name, *arguments))
        actors = (self.operators, self.people, self.races)
        actor = next(one for one in actors if hasattr(one, name))
        values = [bytes.fromhex(a) if isinstance(a, str) else a for a in arguments]
        getattr(actor, name)(*values)
        self.council.check()

    def end(self) -> None:
        """Heal everything, and require that honest people go on."""
        settled(self.council)

    def close(self) -> None:
        self.council.close()


def played(script: Sequence[Command], folder: Path) -> Play:
    """Return the council after a script and its end.

    Raises:
        BrokenError: a promise does not hold.
    """
    play = Play(folder)
    try:
        for name, *arguments in script:
            play.do(str(name), *arguments)
        play.end()
    finally:
        play.close()
    return play


def smaller(script: Sequence[Command]) -> list[Command]:
    """Return a script that breaks the same promise, with what it does not need gone."""
    kept, why = list(script), _broken(script)
    size = len(kept) // 2
    while why and size:
        start = 0
        while start < len(kept):
            fewer = kept[:start] + kept[start + size :]
            if _broken(fewer) == why:
                kept = fewer
            else:
                start += size
        size //= 2
    return kept


def _broken(script: Sequence[Command]) -> str:
    """Return the beginning of what a script breaks; nothing if all holds."""
    with TemporaryDirectory() as scratch:
        try:
            played(script, Path(scratch))
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is looked for
            return f"{type(error).__name__}: {error}"[:40]
    return ""


def main(arguments: Sequence[str]) -> None:
    script = json.loads(arguments[-1])
    if "--smaller" in arguments:
        print(json.dumps(smaller(script)))  # noqa: T201 -- for a person
        return
    with TemporaryDirectory() as scratch:
        print(played(script, Path(scratch)).council.sometimes)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
