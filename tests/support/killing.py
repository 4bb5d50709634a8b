"""kill -9 of any process of a real ministry, and starting it again where it was."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from client.demo.ministry import Unit
from client.demo.processes import command
from client.door import asking
from client.home import Home
from tests.support.live import Live

DATABASE = "data/relay.sqlite"


@dataclass
class Killer:
    """The processes of a ministry by name; each has a new one after a kill."""

    live: Live
    now: dict[str, str] = field(default_factory=dict)  # name -> of its process
    kills: int = 0

    @property
    def witnesses(self) -> list[str]:
        return [home.name for home in self.live.ministry.witnesses]

    def kill(self, name: str) -> None:
        """End it as a power cut would, as far as the process can tell."""
        first = name if name in {"relay", *self.witnesses} else f"terminal-{name}"
        pid = self.live.services.pid(self.now.get(name, first))
        os.kill(pid, signal.SIGKILL)
        # It is our child: gone for good once it was waited for.
        os.waitpid(pid, 0)
        self.kills += 1

    def start(self, name: str) -> None:
        """Start it again, at the address where the others know it."""
        if name == "relay":
            self._serve(name, "koerier-relay", self.live.ministry.relay)
        elif name in self.witnesses:
            self._serve(name, "koerier-witness", self.live.ministry.folder / name)
        else:
            self.unlock(next(u for u in self.live.ministry.units if u.post == name))

    def _serve(self, name: str, program: str, home: Path) -> None:
        options = self.live.ministry.elsewhere if name == "relay" else []
        where = self.live.ministry.address
        if name != "relay":
            where = (home / "run" / "address").read_text().strip()
        self._started(
            name,
            lambda fresh: self.live.services.start(
                fresh,
                command(program, "serve", "--home", home, "--listen", where, *options),
                home / "run" / "address",
            ),
        )

    def unlock(self, unit: Unit) -> None:
        """Start a terminal's agent again."""
        home = self.live.home(unit)
        self._started(
            unit.post,
            lambda fresh: self.live.services.start(
                fresh,
                command(
                    *("koerier", "--home", home),
                    *("terminal", "unlock", "--foreground"),
                ),
                home / "run" / "agent.pid",
                passphrase=self.live.ministry.passphrase(f"terminal-{unit.post}"),
            ),
        )

    def _started(self, name: str, start: Callable[[str], object]) -> None:
        fresh = f"{name}-{self.kills}"
        start(fresh)
        self.now[name] = fresh


def compose(home: Path, subject: str) -> bool:
    """Write a message at an agent; False: it died before it answered."""
    try:
        asking.ask(
            Home(home),
            "send",
            to=["tfc"],
            precedence="ROUTINE",
            level="Dep.V",
            until="2031-01-31",
            subject=subject,
            text="Tekst.",
        )
    except asking.NoAgentError:
        return False
    return True


def subjects(home: Path) -> list[str]:
    """Return the subjects in the inbox of a terminal, of all its pages."""
    came: list[str] = []
    older = None
    while page := asking.ask(Home(home), "inbox", older=older):
        came += [line["subject"] for line in page]
        older = page[-1]["name"]
    return came
