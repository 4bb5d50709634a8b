"""What a process has used so far, as Linux counts it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True)
class Cost:
    """Memory (bytes, resident), processor time (seconds) and bytes sent to disk."""

    memory: int
    cpu: float
    written: int

    def __sub__(self, other: Self) -> "Cost":
        return Cost(
            self.memory - other.memory,
            self.cpu - other.cpu,
            self.written - other.written,
        )


def cost(pid: int) -> Cost:
    """Return what process ``pid`` has used."""
    proc = Path(f"/proc/{pid}")
    stat = (proc / "stat").read_text().rpartition(")")[2].split()
    pages = int((proc / "statm").read_text().split()[1])
    io = dict(line.split(": ") for line in (proc / "io").read_text().splitlines())
    return Cost(
        pages * os.sysconf("SC_PAGE_SIZE"),
        (int(stat[11]) + int(stat[12])) / _TICK,
        int(io["write_bytes"]),
    )


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of every file below ``folder``."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            state = path.stat()
            found[str(path.relative_to(folder))] = (state.st_size, state.st_mtime_ns)
    return found
