"""Founding the demonstration's ministry, by the commands that people type."""

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from client.demo.processes import Services, command, run

NAME: Final = "Oefenministerie"
OPERATORS: Final = ("anna", "bram", "chris")
# Of each whether it keeps every entry: a quorum of two has a mirror in any case.
WITNESSES: Final = {"witness-1": True, "witness-2": True, "witness-3": False}
QUORUM: Final = 2
ANY_PORT: Final = "127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class Unit:
    """A post or unit of the demonstration."""

    post: str
    name_nl: str
    name_en: str
    member: str


TFC: Final = Unit("tfc", "Taskforce Cyber", "Taskforce Cyber", "Wachthebbende TFC")
POST: Final = Unit(
    "post", "Ambassade te Voorbeeldstad", "Embassy in Exampleton", "A. de Vries"
)
BERN: Final = Unit("bern", "Ambassade te Bern", "Embassy in Bern", "C. Jansen")
NAIROBI: Final = Unit(
    "nairobi", "Ambassade te Nairobi", "Embassy in Nairobi", "D. Bakker"
)
JAKARTA: Final = Unit(
    "jakarta", "Ambassade te Jakarta", "Embassy in Jakarta", "E. Visser"
)
POSTS: Final = (BERN, NAIROBI, JAKARTA)
UNITS: Final = (TFC, *POSTS)


class Ministry:
    """One folder with everybody in it."""

    def __init__(
        self,
        folder: Path,
        services: Services,
        passphrase: Callable[[], str],
        units: Sequence[Unit] = (TFC, POST),
        database: str | None = None,
    ) -> None:
        self.folder = folder
        self.units = units
        self._database = database  # a URL; None: the embedded one
        self._services = services
        self._draw = passphrase
        self.address = ""  # where the relay listens, once it does
        self._known: dict[str, str] = {}

    @property
    def relay(self) -> Path:
        """The relay's home."""
        return self.folder / "relay"

    @property
    def witnesses(self) -> list[Path]:
        """The witnesses' homes."""
        return [self.folder / name for name in WITNESSES]

    @property
    def elsewhere(self) -> list[str]:
        """Options that say where the witnesses really listen."""
        where = {
            home.name: (home / "run" / "address").read_text().strip()
            for home in self.witnesses
        }
        pairs = [f"{name}=http://{address}" for name, address in where.items()]
        return [word for pair in pairs for word in ("--witness", pair)]

    def terminal(self, unit: Unit) -> Path:
        """Return the home of a unit's terminal."""
        return self.folder / "terminals" / unit.post

    def found(self) -> None:
        """Make everybody's keys, the root document and the directory."""
        with ThreadPoolExecutor(3) as pool:  # each derives a key for some seconds
            made = pool.submit(self._make_services)
            list(pool.map(self._make_operator, OPERATORS))
            made.result()
        self._make_root()
        self.address = self._start_services()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._enrol, self.units))
        for unit in self.units:
            entry = self._paper(f"{unit.post}.entry")
            run(command("koerier-relay", "append", "--home", self.relay, entry))

    def unlock(self) -> None:
        """Start each terminal's agent, in a process of its own."""
        with ThreadPoolExecutor(len(self.units)) as pool:
            list(pool.map(self.unlock_one, self.units))

    def unlock_one(self, unit: Unit) -> None:
        """Start one terminal's agent."""
        home = self.terminal(unit)
        self._services.start(
            f"terminal-{unit.post}",
            command(
                *("koerier", "--home", home),
                *("terminal", "unlock", "--foreground"),
            ),
            home / "run" / "agent.pid",
            passphrase=self.passphrase(f"terminal-{unit.post}"),
        )

    # --- steps

    def _make_services(self) -> None:
        database = () if self._database is None else ("--database", self._database)
        run(
            command(
                *("koerier-relay", "init", "--home", self.relay, *database),
                *("--name", "demo.koerier", "--listen", ANY_PORT),
                *("--health", ANY_PORT),
            )
        )
        for home in self.witnesses:
            kind = "--mirror" if WITNESSES[home.name] else "--no-mirror"
            run(
                command(
                    *("koerier-witness", "init", "--home", home, kind),
                    *("--name", home.name, "--listen", ANY_PORT),
                )
            )

    def _make_operator(self, name: str) -> None:
        home = self.folder / "operators" / name
        run(
            command("koerier", "--home", home, "operator", "init"),
            passphrase=self.passphrase(name),
        )

    def _make_root(self) -> None:
        operators = [
            self.folder / "operators" / name / "operator-public.json"
            for name in OPERATORS
        ]
        witnesses = [
            word
            for home in self.witnesses
            for word in (
                *("--witness", home / "witness-public.json"),
                *("--witness-url", "http://127.0.0.1:8444"),
            )
        ]
        run(
            command(
                *("koerier", "--home", self.folder / "root" / "holder-1"),
                *("root", "init", "--demo", "--ministry", NAME),
                *(part for path in operators for part in ("--operator", path)),
                *("--relay", self.relay / "relay-public.json"),
                *("--address", "127.0.0.1:8443"),
                *witnesses,
                *("--quorum", QUORUM, "--out", self._root),
            ),
            passphrase=self.passphrase("holder-1"),
        )
        for home in (self.relay, *self.witnesses):
            shutil.copyfile(self._root, home / "root.cbor")

    def _start_services(self) -> str:
        """Start witnesses and relay; return where the relay listens."""
        for home in self.witnesses:
            self._services.start(
                home.name,
                command("koerier-witness", "serve", "--home", home),
                home / "run" / "address",
            )
        return self._services.start(
            "relay",
            command(
                *("koerier-relay", "serve", "--home", self.relay),
                *self.elsewhere,
            ),
            self.relay / "run" / "address",
        )

    def _enrol(self, unit: Unit) -> None:
        """Invite, ask, propose by one operator, approve by another."""
        anna, bram, _ = OPERATORS
        root = ("--root", self._root)
        invite, request, proposal, entry = (
            self._paper(f"{unit.post}.{kind}")
            for kind in ("invite", "request", "proposal", "entry")
        )
        run(
            command(
                *("koerier", "--home", self.folder / "operators" / anna),
                *("operator", "invite", *root, "--post", unit.post),
                *("--name-nl", unit.name_nl, "--name-en", unit.name_en),
                *("--out", invite),
            )
        )
        run(
            command(
                *("koerier", "--home", self.terminal(unit), "terminal", "init"),
                *("--demo", "--invite", invite, *root, "--relay", self.address),
                *self.elsewhere,
                *("--member", unit.member, "--out", request),
            ),
            passphrase=self.passphrase(f"terminal-{unit.post}"),
        )
        run(
            command(
                *("koerier", "--home", self.folder / "operators" / anna),
                *("operator", "propose", "enrol", request, *root, "--level", "Stg.G"),
                *("--release", "Stg.C", "--out", proposal),
            ),
            passphrase=self.passphrase(anna),
        )
        run(
            command(
                *("koerier", "--home", self.folder / "operators" / bram),
                *("operator", "approve", proposal, *root, "--out", entry),
            ),
            passphrase=self.passphrase(bram),
        )

    @property
    def _root(self) -> Path:
        return self.folder / "root.cbor"

    def _paper(self, name: str) -> Path:
        """Return a file that goes from hand to hand."""
        folder = self.folder / "papers"
        folder.mkdir(exist_ok=True)  # two enrolments at once ask for it
        return folder / name

    def passphrase(self, who: str) -> str:
        """Return a person's passphrase; drawn at first use, kept in memory only."""
        return self._known.setdefault(who, self._draw())
