"""What a terminal answers about messages that came in."""

from collections.abc import Mapping
from typing import Any

from client.answers.attachments import complete, listed
from client.answers.names import Answer, Arguments, find, page, short
from client.answers.oversight import doubts_of
from client.clock import Clock
from client.core.courier import view_of
from client.core.deadlines import ACTED_ON
from client.core.machine import Machine
from client.core.ports import Vault
from client.core.rows import IN, RecordRow
from client.core.showing import require_shown
from client.exits import AgentRefusal, Exit
from client.present import (
    envelope_of,
    iso,
    level_of,
    parts_of,
    subject_of,
    withdrawal_of,
)
from client.vault.spool import Spool
from protocol.codec import decode
from protocol.errors import PolicyError
from protocol.limits import MAX_RECORD
from protocol.record import Record
from protocol.record_type import RecordType


class ReadingCommands:
    """``inbox``, ``read`` and ``acknowledge``, among the terminal's methods."""

    def __init__(
        self, machine: Machine, vault: Vault, clock: Clock, spool: Spool
    ) -> None:
        self._machine = machine
        self._vault = vault
        self._clock = clock
        self._spool = spool

    @property
    def methods(self) -> Mapping[str, Answer]:
        """The methods by name."""
        return {
            "inbox": self._inbox,
            "read": self._read,
            "acknowledge": self._acknowledge,
        }

    def _inbox(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        return [self._line(row) for row in page(self._vault, IN, arguments)]

    def _line(self, row: RecordRow) -> Arguments:
        record = decode(row.document, Record, limit=MAX_RECORD)
        now = self._clock.wall()
        return {
            "id": short(row.name),
            "name": row.name.hex(),
            "type": RecordType(row.type).name.lower(),
            "withdraws": self._target(record),
            "post": row.post,
            "precedence": record.precedence.name,
            "level": level_of(record),
            "subject": self._subject(record),
            "received": iso(row.at),
            "logged": row.proof is not None,
            "courier": row.log_index is None,
            "attachments": len(record.atts),
            "complete": complete(self._vault.blobs.of(row.name)),
            **doubts_of(row, self._vault, self._machine.beliefs, now),
        }

    def _read(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        row = find(self._vault, arguments["id"], IN)
        record = decode(row.document, Record, limit=MAX_RECORD)
        self._require_shown(record)
        self._machine.read(row, self._clock.wall())
        line = {**self._line(row), **envelope_of(record), "parts": parts_of(record)}
        files = listed(row, self._vault.blobs, self._spool)
        return {**line, "files": files, "directory": self._directory_of(row)}

    def _target(self, record: Record) -> str | None:
        """Return which message this one withdraws; None: it is no withdrawal."""
        body = withdrawal_of(record)
        return None if body is None else short(body.target)

    def _directory_of(self, row: RecordRow) -> str | None:
        """Return of when the sender's directory was, of a record by courier."""
        seen = int.from_bytes(self._vault.get(view_of(row.name)) or b"", "big")
        return iso(seen) if seen else None

    def _acknowledge(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        row = find(self._vault, arguments["id"], IN)
        if row.type not in ACTED_ON:  # a withdrawal asks nobody to act
            raise AgentRefusal("agent.not-acted-on", Exit.BAD_INPUT, {})
        self._require_shown(decode(row.document, Record, limit=MAX_RECORD))
        self._machine.acknowledge(row, self._clock.wall())
        return {"id": short(row.name)}

    def _require_shown(self, record: Record) -> None:
        beliefs = self._machine.beliefs
        who, view = self._machine.identity, beliefs.view()
        require_shown(record, who, view, now=beliefs.witnessed)

    def _subject(self, record: Record) -> str:
        """Return the subject, or nothing to a member who may not be shown it."""
        try:
            self._require_shown(record)
        except PolicyError:
            return ""
        return subject_of(record)
