"""What the demonstration shows: one report on its way, told as it happens."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from client.demo.ministry import POST, TFC, Ministry
from client.demo.processes import StepFailedError, command, run_json

LIMIT: Final = 60.0  # seconds for each state: a loaded machine takes a few
STEP: Final = 0.1
STATES: Final = ("sealed", "stored", "delivered", "accepted", "read", "acknowledged")

Tell = Callable[[str], None]


class Story:
    """One report from the post to the Taskforce Cyber."""

    def __init__(self, ministry: Ministry, tell: Tell) -> None:
        self._post = ministry.terminal(POST)
        self._tfc = ministry.terminal(TFC)
        self._tell = tell
        self._told: set[str] = set()

    def wait_until_reachable(self) -> None:
        """Return when both terminals are enrolled, connected and have prekeys out."""
        for home in (self._post, self._tfc):
            self._until(home, lambda status: status["reachable"] and status["online"])

    def send(self, report: Path) -> str:
        """Send the report at the post and return its name."""
        sent = run_json(
            command(
                "koerier", "--home", self._post, "incident", "send", report, "--json"
            )
        )
        return str(sent["id"])

    def follow(self, message: str, *states: str) -> dict[str, Any]:
        """Return the message's receipts when all ``states`` are reached."""
        limit = time.monotonic() + LIMIT
        while True:
            found: dict[str, Any] = run_json(
                command("koerier", "--home", self._post, "receipts", message, "--json")
            )
            reached = found["to"][0]["states"]
            for state in STATES:
                if reached[state] is not None and state not in self._told:
                    self._told.add(state)
                    self._tell(state)
            if all(reached[state] is not None for state in states):
                return found
            if time.monotonic() > limit:
                missing = [state for state in states if reached[state] is None]
                raise StepFailedError(", ".join(missing))
            time.sleep(STEP)

    def read_and_acknowledge(self) -> dict[str, Any]:
        """Let TFC read the report that came in, and take it on; return it."""
        inbox = run_json(command("koerier", "--home", self._tfc, "inbox", "--json"))
        message = inbox[0]["id"]
        opened: dict[str, Any] = run_json(
            command("koerier", "--home", self._tfc, "read", message, "--json")
        )
        run_json(command("koerier", "--home", self._tfc, "ack", message, "--json"))
        return opened

    def _until(self, home: Path, condition: Callable[[dict[str, Any]], bool]) -> None:
        limit = time.monotonic() + LIMIT
        line = command("koerier", "--home", home, "terminal", "status", "--json")
        while not condition(run_json(line)):
            if time.monotonic() > limit:
                raise StepFailedError(home.name)
            time.sleep(STEP)
