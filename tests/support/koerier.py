"""The command ``koerier``, run to its end in a process of its own."""

import subprocess
import sys
from pathlib import Path

PROGRAM = "from client.cli.main import main; main()"


def koerier(
    home: Path, *arguments: object, text: str = "", lang: str = "en"
) -> "subprocess.CompletedProcess[str]":
    """Run a command with ``text`` as its standard input."""
    return subprocess.run(  # noqa: S603 -- our own program
        [
            *(sys.executable, "-c", PROGRAM, "--home", str(home), "--lang", lang),
            *map(str, arguments),
        ],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
