"""What the agent answers about courier bundles: ``export`` and ``import``.

A file's bytes go over the agent's socket as base64; the command reads and writes the
file, so that the agent touches no path that a command names.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from client.cli.exits import Exit
from client.clock import Clock
from client.core.courier import CourierError, Trouble
from client.core.machine import Machine
from client.core.rows import OUT, RecordRow
from client.link import AgentRefusal
from client.present import iso
from protocol.codec import decode
from protocol.errors import ExpiredError
from protocol.limits import MAX_RECORD
from protocol.record import Record

STATUS: Final = {
    Trouble.NO_KEY: Exit.FAILED,
    Trouble.ARRIVED: Exit.REFUSED,
    Trouble.NO_BUNDLE: Exit.BAD_INPUT,
    Trouble.NOT_FOR_US: Exit.BAD_INPUT,
    Trouble.KEY_GONE: Exit.FAILED,
    Trouble.STRANGER: Exit.FAILED,
    Trouble.UNREADABLE: Exit.BAD_INPUT,
}
SHORT_NAME: Final = 12  # hexadecimal characters of a name that a person sees

Arguments = dict[str, Any]


class BundleCommands:
    """Answers about bundles of one unlocked terminal."""

    def __init__(
        self,
        machine: Machine,
        clock: Clock,
        found: Callable[[str, int], RecordRow],
    ) -> None:
        self._machine = machine
        self._clock = clock
        self._found = found  # a record by the start of its name, and its way

    @property
    def methods(self) -> Mapping[str, Callable[[Arguments], Any]]:
        """The methods by name."""
        return {"export": self._export, "import": self._import}

    def _export(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        row = self._found(arguments["id"], OUT)
        record = decode(row.document, Record, limit=MAX_RECORD)
        try:
            packed = self._machine.courier.pack(
                row, tuple(arguments.get("to", ())), self._clock.wall()
            )
        except CourierError as error:
            raise refusal(error) from None
        except ExpiredError:
            raise AgentRefusal("courier.root-expired", Exit.REFUSED, {}) from None
        return {
            "id": row.name.hex()[:SHORT_NAME],
            "name": row.name.hex(),
            "to": list(packed.posts),
            "without": list(packed.without),
            "directory": iso(packed.view),
            "attachments": len(record.atts),
            "bundle": base64.b64encode(packed.data).decode(),
        }

    def _import(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        try:
            data = base64.b64decode(arguments["bundle"], validate=True)
        except binascii.Error:
            raise refusal(CourierError(Trouble.NO_BUNDLE)) from None
        try:
            came = self._machine.courier.unpack(data, self._clock.wall())
        except CourierError as error:
            raise refusal(error) from None
        return {
            "id": came.name.hex()[:SHORT_NAME],
            "name": came.name.hex(),
            "known": came.known,
            "shown": came.shown,
            "directory": iso(came.view) if came.view else None,
        }


def refusal(error: CourierError) -> AgentRefusal:
    """Return the agent's answer to a bundle that was not made or not taken."""
    return AgentRefusal(f"courier.{error.trouble.value}", STATUS[error.trouble], {})
