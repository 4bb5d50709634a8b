"""A ``koerier watch`` beside a test: its lines as they come."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

from tests.support.live import PROGRAM

PATIENCE = 300.0  # seconds for a line to come; a loaded machine takes many


class Watching:
    """A ``koerier watch`` whose lines are read as they come."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def line(self) -> str:
        return self.lines.get(timeout=PATIENCE)

    def told(self, words: str) -> None:
        """Return when a line with these words came."""
        while words not in self.line():
            pass

    def until(self, what: str) -> dict[str, Any]:
        while True:
            event: dict[str, Any] = json.loads(self.line())
            if event["what"] == what:
                return event


@contextmanager
def watching(home: Path, *options: str, lang: str = "en") -> Iterator[Watching]:
    line = [sys.executable, "-c", PROGRAM, "--home", str(home), "--lang", lang]
    process = subprocess.Popen(  # noqa: S603 -- our own program
        [*line, "watch", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Watching(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()
