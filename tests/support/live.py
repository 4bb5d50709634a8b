"""A small ministry of real processes for a whole module of tests.

::

    @pytest.fixture(scope="module")
    def live(tmp_path_factory):
        with founded(tmp_path_factory.mktemp("live")) as ministry:
            yield ministry

    message = sent(live, "Overleg", "Tekst.")
    live.follow(message, "delivered", "accepted")
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client.demo.ministry import POST, TFC, Ministry, Unit
from client.demo.processes import Services, command
from client.door.asking import ask
from client.files import private_folder
from client.home import Home
from tests.support.template import furnish, shared, template

PROGRAM = "from client.cli.main import main; main()"
BOUND = 300.0  # seconds for one command: a loaded machine takes many
PASSPHRASE = "correct horse é battery"  # noqa: S105 -- of a test


def koerier(
    home: Path, *arguments: object, text: str = "", lang: str = "en"
) -> "subprocess.CompletedProcess[str]":
    """Run the real command line in ``home``; what it prints and its status."""
    return subprocess.run(  # noqa: S603 -- our own program
        [
            *(sys.executable, "-c", PROGRAM, "--home", str(home), "--lang", lang),
            *map(str, arguments),
        ],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )


def said(home: Path, *arguments: object, text: str = "") -> Any:  # noqa: ANN401 -- JSON
    """Return the JSON of a command that must succeed; 4 is "queued, no relay"."""
    done = koerier(home, *arguments, "--json", text=text)
    assert done.returncode in {0, 4}, done.stderr
    return json.loads(done.stdout)


def until(found: Callable[[], Any], what: str = "") -> Any:  # noqa: ANN401 -- JSON
    """Return what ``found`` returns once it is true."""
    limit = time.monotonic() + BOUND
    while not (value := found()):
        assert time.monotonic() < limit, what
        time.sleep(0.05)
    return value


@dataclass
class Live:
    """A founded ministry whose terminals are unlocked, connected and reachable."""

    ministry: Ministry
    services: Services
    relay: str = "relay"  # the name of its process now
    relay_up: bool = True

    def home(self, unit: Unit) -> Path:
        return self.ministry.terminal(unit)

    @property
    def post(self) -> Path:
        return self.home(POST)

    @property
    def tfc(self) -> Path:
        return self.home(TFC)

    def unlock(self, unit: Unit) -> None:
        """Start the agent of a terminal that is locked."""
        self.ministry.unlock_one(unit)

    def kill_relay(self) -> None:
        """End the relay as a power cut would, as far as the process can tell."""
        os.kill(self.services.pid(self.relay), signal.SIGKILL)
        self.relay_up = False

    def start_relay(self) -> None:
        """Start a killed relay again where it was, with the same witnesses."""
        self.relay += "+"  # a name of its own among the processes
        home = self.ministry.relay
        where = ("--listen", self.ministry.address, *self.ministry.elsewhere)
        line = command("koerier-relay", "serve", "--home", home, *where)
        self.services.start(self.relay, line, home / "run" / "address")
        self.relay_up = True

    def mend(self) -> None:
        """Start again what a test left locked or killed."""
        if not self.relay_up:
            self.start_relay()
        locked = [unit for unit in self.ministry.units if not self.agent(unit).exists()]
        for unit in locked:
            self.unlock(unit)
        self.reachable(self.ministry.units)

    def agent(self, unit: Unit) -> Path:
        """Return the file with the process id of a terminal's agent, if it has one."""
        return self.home(unit) / "run" / "agent.pid"

    def check(self) -> "subprocess.CompletedProcess[str]":
        """Run the checker that operators have, on the running relay's database."""
        return subprocess.run(  # noqa: S603 -- our own program
            command("koerier-relay", "check", "--home", self.ministry.relay),
            capture_output=True,
            text=True,
            check=False,
            timeout=BOUND,
        )

    def ask(self, unit: Unit, method: str, /, **arguments: object) -> Any:  # noqa: ANN401 -- JSON
        """Return an agent's answer without a process: what is looked at often."""
        return ask(Home(self.home(unit)), method, **arguments)

    def follow(self, message: str, *states: str, sender: Unit = POST) -> Any:  # noqa: ANN401 -- JSON
        """Return the receipts of ``message`` when it is so far."""

        def found() -> Any:  # noqa: ANN401 -- JSON
            answer = self.ask(sender, "receipts", id=message)
            reached = (_reached(to, state) for to in answer["to"] for state in states)
            return answer if all(reached) else None

        return until(found, f"{message}: {states}")

    def reachable(self, units: Sequence[Unit]) -> None:
        """Return when all are enrolled, connected and have prekeys out."""
        for unit in units:
            until(lambda unit=unit: self._reachable(unit), unit.post)  # type: ignore[misc]

    def _reachable(self, unit: Unit) -> bool:
        status = self.ask(unit, "status")
        return bool(status["reachable"] and status["online"])

    def lock(self, unit: Unit) -> None:
        """Lock a terminal; its agent has ended then."""
        assert koerier(self.home(unit), "terminal", "lock").returncode == 0
        until(lambda: not self.agent(unit).exists(), "locked")

    def inbox(self, unit: Unit) -> list[str]:
        """Return the ids of what came in, the oldest first."""
        return [line["id"] for line in reversed(self.ask(unit, "inbox"))]

    def send(
        self, text: str, *options: object, sender: Unit = POST, to: str = "tfc"
    ) -> str:
        """Send a message of level Dep.V and return its id."""
        label = () if "--event" in options else ("--until", "2031-01-31")
        subject = () if "--subject" in options else ("--subject", "Onderwerp")
        common = ("send", "--to", to, *subject, "--level", "Dep.V", *label)
        return str(said(self.home(sender), *common, *options, text=text)["id"])


def _reached(to: Any, state: str) -> bool:  # noqa: ANN401 -- JSON
    """Tell whether a state is reached; a text without its attachments is not there."""
    whole = state != "delivered" or to["complete"] is not False
    return whole and to["states"][state] is not None


@contextmanager
def founded(
    folder: Path,
    units: Sequence[Unit] = (TFC, POST),
    database: str | None = None,
    services_in: Callable[[Path], Services] = Services,
    led: Callable[[Ministry], object] = lambda _: None,
) -> Iterator[Live]:
    """Keep a ministry up in ``folder`` until the block ends.

    It is a copy of the one that was founded for this test run.

    Args:
        folder: made by ``tmp_path_factory``.
        units: those of the ministry whose terminals are unlocked.
        database: a URL of the relay's; None: the embedded one.
        services_in: makes what starts processes, from the folder of its logs.
        led: told of the ministry when the relay is up and no terminal is unlocked.
    """
    original = template(shared(folder), lambda: PASSPHRASE)
    with services_in(private_folder(folder / "log")) as services:
        ministry = Ministry(folder, services, lambda: PASSPHRASE, units)
        furnish(ministry, original, services, database)
        led(ministry)
        ministry.unlock()
        live = Live(ministry, services)
        live.reachable(units)
        yield live
