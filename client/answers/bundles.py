"""What the agent answers about courier bundles: ``export`` and ``import``.

A file's bytes go over the agent's socket as base64; the command reads and writes the
file, so that the agent touches no path that a command names.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from client.answers.names import Answer, Arguments, find, short
from client.clock import Clock
from client.core.courier import CourierError, Trouble
from client.core.machine import Machine
from client.core.ports import Vault
from client.core.rows import OUT
from client.core.withdrawals import withdrawn
from client.exits import AgentRefusal, Exit
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


class BundleCommands:
    """Answers about bundles of one unlocked terminal."""

    def __init__(self, machine: Machine, vault: Vault, clock: Clock) -> None:
        self._machine = machine
        self._vault = vault
        self._clock = clock

    @property
    def methods(self) -> Mapping[str, Answer]:
        """The methods by name."""
        return {"export": self._export, "import": self._import}

    def _export(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        row = find(self._vault, arguments["id"], OUT)
        if withdrawn(self._vault, row)[0]:
            raise AgentRefusal("courier.withdrawn", Exit.BAD_INPUT, {})
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
            "id": short(row.name),
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
            "id": short(came.name),
            "name": came.name.hex(),
            "known": came.known,
            "shown": came.shown,
            "directory": iso(came.view) if came.view else None,
        }


def refusal(error: CourierError) -> AgentRefusal:
    """Return the agent's answer to a bundle that was not made or not taken."""
    return AgentRefusal(f"courier.{error.trouble.value}", STATUS[error.trouble], {})
