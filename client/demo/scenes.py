"""What the demonstration shows: messages on their way, told as it happens.

Three scenes, each by the commands that people type: a post sends a ROUTINE message
with an attachment, another a FLASH incident report from a file, and the Taskforce
Cyber warns all posts.  Who receives, reads and acknowledges.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from client.demo.ministry import BERN, NAIROBI, POSTS, TFC, UNITS, Ministry, Unit
from client.demo.processes import StepFailedError, command, run_json

LIMIT: Final = 180.0  # seconds for each state: a loaded machine takes many
STEP: Final = 0.1
STATES: Final = ("sealed", "stored", "delivered", "accepted", "read", "acknowledged")


@dataclass(frozen=True, slots=True)
class News:
    """A message reached a state at a post; ``size`` is the envelope's, in bytes."""

    sender: str
    post: str
    precedence: str
    state: str
    size: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A message on its way."""

    id: str
    sender: Unit
    to: tuple[Unit, ...]


class Scenes:
    """What happens in one founded ministry."""

    def __init__(self, ministry: Ministry, tell: Callable[[News], None]) -> None:
        self._ministry = ministry
        self._tell = tell
        self._told: set[tuple[str, str, str]] = set()  # message, post, state

    def wait_until_reachable(self, units: Iterable[Unit] = UNITS) -> None:
        """Return when all are enrolled, connected and have prekeys out."""
        for unit in units:
            self._until(unit, lambda status: status["reachable"] and status["online"])

    # --- scenes

    def report(self, report: Path) -> Sent:
        """Let a post send an incident report; it goes to the Taskforce as FLASH."""
        sent = self._run(NAIROBI, "incident", "send", report, "--json")
        return Sent(str(sent["id"]), NAIROBI, (TFC,))

    def message(self, subject: str, text: Path, attachment: Path) -> Sent:
        """Let a post send a ROUTINE message with an attachment to the Taskforce."""
        return self._send(
            *(BERN, (TFC,), "--precedence", "ROUTINE", "--subject", subject),
            *("--text", text, "--attach", attachment),
        )

    def warning(self, subject: str, text: Path) -> Sent:
        """Let the Taskforce warn all posts, who must acknowledge within the hour."""
        return self._send(
            *(TFC, POSTS, "--precedence", "IMMEDIATE", "--subject", subject),
            *("--text", text),
        )

    def _send(self, sender: Unit, to: tuple[Unit, ...], *options: object) -> Sent:
        addressees = (part for unit in to for part in ("--to", unit.post))
        label = ("--level", "Dep.V", "--event", "Einde oefening")
        sent = self._run(sender, "send", *addressees, *label, *options, "--json")
        return Sent(str(sent["id"]), sender, to)

    # --- following

    def follow(self, sent: Sent, *states: str) -> dict[str, Any]:
        """Return the message's receipts when all ``states`` are reached everywhere.

        Raises:
            StepFailedError: they were not in LIMIT seconds.
        """
        limit = time.monotonic() + LIMIT
        while True:
            found: dict[str, Any] = self._run(
                sent.sender, "receipts", sent.id, "--json"
            )
            self._note(sent, found)
            missing = [
                f"{target['post']}: {state}"
                for target in found["to"]
                for state in states
                if not _reached(target, state)
            ]
            if not missing:
                return found
            if time.monotonic() > limit:
                raise StepFailedError(", ".join(missing))
            time.sleep(STEP)

    def _note(self, sent: Sent, found: dict[str, Any]) -> None:
        for state in STATES:
            for target in found["to"]:
                key = (sent.id, target["post"], state)
                if target["states"][state] is not None and key not in self._told:
                    self._told.add(key)
                    self._tell(
                        News(
                            sender=sent.sender.post,
                            post=target["post"],
                            precedence=found["precedence"],
                            state=state,
                            size=found["size"]["sealed"] + found["size"]["attachments"],
                        )
                    )

    def read_and_acknowledge(self, sent: Sent) -> None:
        """Let every addressee read the message that came in, and take it on."""
        for unit in sent.to:
            mine = self._run(unit, "inbox", "--json")
            found = [line["id"] for line in mine if line["id"] == sent.id]
            if not found:
                raise StepFailedError(f"{unit.post}: {sent.id}")
            self._run(unit, "read", sent.id, "--json")
            self._run(unit, "ack", sent.id, "--json")

    def save_attachment(self, sent: Sent, folder: Path) -> bytes:
        """Let the addressee save the message's attachment; return what is in it."""
        for unit in sent.to:
            self._run(unit, "attach", "save", sent.id, "--out", folder, "--json")
        (file,) = folder.iterdir()
        return file.read_bytes()

    # --- commands

    def _run(self, unit: Unit, *arguments: object) -> Any:  # noqa: ANN401 -- JSON
        home = self._ministry.terminal(unit)
        return run_json(command("koerier", "--home", home, *arguments))

    def _until(self, unit: Unit, condition: Callable[[dict[str, Any]], bool]) -> None:
        limit = time.monotonic() + LIMIT
        while not condition(self._run(unit, "terminal", "status", "--json")):
            if time.monotonic() > limit:
                raise StepFailedError(unit.post)
            time.sleep(STEP)


def _reached(target: dict[str, Any], state: str) -> bool:
    """Say whether a state is reached; a text without its attachments is not there."""
    if state == "delivered" and target["complete"] is False:
        return False
    return target["states"][state] is not None
