"""Where the other programs of this installation are."""

import shutil
import sys
from pathlib import Path


def program(name: str) -> str | None:
    """Return the path of an installed Koerier program, or None."""
    beside = Path(sys.executable).with_name(name)
    return shutil.which(str(beside)) or shutil.which(name)
