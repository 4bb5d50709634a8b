"""The drills of docs/operations.md, run as they stand there."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"
_BLOCK = re.compile(r"^```sh ([a-z-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LIMIT = 90.0  # seconds for one command, or for a terminal to follow the log


def drills() -> dict[str, list[str]]:
    """Return the lines of each drill by its name."""
    return {
        name: block.strip().splitlines()
        for name, block in _BLOCK.findall(OPERATIONS.read_text(encoding="utf-8"))
    }


@dataclass
class Desktop:
    """A shell in the folder of a ministry."""

    folder: Path

    def type(self, line: str, *, status: int = 0) -> str:
        """Type one line, and return what was printed on both streams."""
        programs = Path(sys.executable).parent
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(  # noqa: S603 -- our own commands
            ["sh", "-euc", line],  # noqa: S607 -- any POSIX shell
            cwd=self.folder,
            env={**os.environ, "PATH": path, "LANG": "en_GB.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, f"{line}\n{done.returncode}: {said}"
        return said

    def json(self, line: str) -> Any:  # noqa: ANN401 -- JSON
        """Type one line and return the JSON value it printed."""
        return json.loads(self.type(line))

    def drill(
        self,
        name: str,
        meanwhile: dict[int, Callable[[], object]] | None = None,
        statuses: dict[int, int] | None = None,
    ) -> list[str]:
        """Type a whole drill; after an `append` everybody follows the log first.

        Args:
            name: of the drill.
            meanwhile: what happens before the line of that number, from 0.
            statuses: of lines that end with another one than 0.
        """
        said: list[str] = []
        for number, line in enumerate(drills()[name]):
            (meanwhile or {}).get(number, lambda: None)()
            status = (statuses or {}).get(number, 0)
            said.append(self.type(line, status=status))
            if line.startswith("koerier-relay append"):
                self.wait_for_entries(int(said[-1].split()[-1]) + 1)
        return said

    def terminals(self) -> list[str]:
        """Return the terminals that are unlocked."""
        homes = sorted((self.folder / "terminals").iterdir())
        return [home.name for home in homes if (home / "run/agent.pid").exists()]

    def wait_for_entries(self, size: int) -> None:
        """Return when every unlocked terminal has adopted ``size`` entries."""
        for name in self.terminals():
            self.wait_for(name, lambda status: status["entries"] >= size)

    def wait_for(self, terminal: str, condition: Any) -> None:  # noqa: ANN401 -- a predicate
        """Return when the status of a terminal is as it should be."""
        limit = time.monotonic() + LIMIT
        line = f"koerier --home terminals/{terminal} terminal status --json"
        while not condition(self.json(line)):
            assert time.monotonic() < limit, terminal
            time.sleep(0.2)
