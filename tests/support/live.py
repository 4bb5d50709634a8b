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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client.demo.ministry import POST, TFC, Ministry, Unit
from client.demo.processes import Services, command
from client.demo.scenes import Scenes, Sent
from client.files import private_folder
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


@dataclass
class Live:
    """A founded ministry whose terminals are unlocked, connected and reachable."""

    ministry: Ministry
    services: Services
    scenes: Scenes
    relay: str = "relay"  # the name of its process now

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

    def start_relay(self) -> None:
        """Start a killed relay again where it was, with the same witnesses."""
        self.relay += "+"  # a name of its own among the processes
        home = self.ministry.relay
        where = ("--listen", self.ministry.address, *self.ministry.elsewhere)
        line = command("koerier-relay", "serve", "--home", home, *where)
        self.services.start(self.relay, line, home / "run" / "address")

    def check(self) -> "subprocess.CompletedProcess[str]":
        """Run the checker that operators have, on the running relay's database."""
        return subprocess.run(  # noqa: S603 -- our own program
            command("koerier-relay", "check", "--home", self.ministry.relay),
            capture_output=True,
            text=True,
            check=False,
            timeout=BOUND,
        )

    def follow(self, message: str, *states: str, sender: Unit = POST) -> Any:  # noqa: ANN401
        """Return the receipts of ``message`` when it is so far."""
        return self.scenes.follow(Sent(message, sender, ()), *states)

    def send(
        self, text: str, *options: object, sender: Unit = POST, to: str = "tfc"
    ) -> str:
        """Send a message of level Dep.V and return its id."""
        label = () if "--event" in options else ("--until", "2031-01-31")
        subject = () if "--subject" in options else ("--subject", "Onderwerp")
        common = ("send", "--to", to, *subject, "--level", "Dep.V", *label)
        return str(said(self.home(sender), *common, *options, text=text)["id"])


@contextmanager
def founded(
    folder: Path,
    units: Sequence[Unit] = (TFC, POST),
    database: str | None = None,
    services_in: Callable[[Path], Services] = Services,
) -> Iterator[Live]:
    """Keep a ministry up in ``folder`` until the block ends.

    It is a copy of the one that was founded for this test run.

    Args:
        folder: made by ``tmp_path_factory``.
        units: those of the ministry whose terminals are unlocked.
        database: a URL of the relay's; None: the embedded one.
        services_in: makes what starts processes, from the folder of its logs.
    """
    original = template(shared(folder), lambda: PASSPHRASE)
    with services_in(private_folder(folder / "log")) as services:
        ministry = Ministry(folder, services, lambda: PASSPHRASE, units)
        furnish(ministry, original, services, database)
        ministry.unlock()
        scenes = Scenes(ministry, lambda _: None)
        scenes.wait_until_reachable(units)
        yield Live(ministry, services, scenes)
