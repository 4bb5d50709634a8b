"""What the agent answers about attachments: JSON in and out, like its other commands.

The command line seals a file into the spool by itself and hands over the line that the
record gets for it; it opens a blob from the spool by itself too, with the key that the
agent gives to a member who may be shown the record.  So a large file holds up nobody,
and goes through no socket.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from client.answers.names import Answer, Arguments, find
from client.clock import Clock
from client.core.attached import Spooled
from client.core.machine import Machine
from client.core.ports import Blobs, Vault
from client.core.rows import IN, BlobRow, BlobState, RecordRow
from client.core.showing import require_shown
from client.exits import AgentRefusal, Exit
from client.vault.spool import Spool
from crypto.types import Digest
from protocol.codec import decode
from protocol.label import SHORT
from protocol.limits import MAX_RECORD
from protocol.record import Attachment, Record


class AttachmentCommands:
    """``spool``, ``attachments`` and ``attach-open``, among the agent's methods."""

    def __init__(
        self,
        machine: Machine,
        vault: Vault,
        clock: Clock,
        spool: Spool,
    ) -> None:
        self._machine = machine
        self._vault = vault
        self._blobs = vault.blobs
        self._clock = clock
        self._spool = spool
        self.methods: Mapping[str, Answer] = {
            "spool": self._place,
            "attachments": self._list,
            "attach-open": self._open,
        }

    def _place(self, _: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Say where the command line seals to, and under which suite."""
        self._spool.keep_only(self._blobs.files())  # what a killed command left
        suite = self._machine.beliefs.view().suite
        return {"folder": str(self._spool.folder), "suite": int(suite)}

    def _list(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        return listed(self._shown(arguments), self._blobs, self._spool)

    def _open(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Give out what opens the attachments; to have them is to have read them."""
        row = self._shown(arguments, IN)
        self._machine.read(row, self._clock.wall())
        return opened(row, self._blobs, self._spool)

    def _shown(self, arguments: Arguments, *ways: int) -> RecordRow:
        """Return the record that is meant, if this member may be shown it."""
        row = find(self._vault, arguments["id"], *ways)
        record = decode(row.document, Record, limit=MAX_RECORD)
        beliefs = self._machine.beliefs
        who, view = self._machine.identity, beliefs.view()
        require_shown(record, who, view, now=beliefs.witnessed)
        return row


def spooled(arguments: Arguments, spool: Spool) -> tuple[Spooled, ...]:
    """Return the sealed files that a message is to be sent with.

    Raises:
        AgentRefusal: one is not in the spool: sealed for another home, or before a
            restart.
    """
    found = tuple(_spooled(one) for one in arguments.get("attachments", ()))
    for one in found:
        if spool.size(one.file) != one.total:
            raise AgentRefusal("attach.not-sealed", Exit.FAILED, {})
    return found


def as_json(one: Spooled) -> Any:  # noqa: ANN401 -- JSON
    """Return what :func:`spooled` reads."""
    line = one.line
    return {
        "file": one.file,
        "total": one.total,
        "blob": line.blob.hex(),
        "key": line.key.hex(),
        "length": line.length,
        "digest": line.digest.hex(),
        "media": line.media,
        "name": line.name,
    }


def _spooled(one: Any) -> Spooled:  # noqa: ANN401 -- JSON of our own command
    line = Attachment(
        blob=Digest(bytes.fromhex(one["blob"])),
        key=bytes.fromhex(one["key"]),
        length=one["length"],
        digest=Digest(bytes.fromhex(one["digest"])),
        media=one["media"],
        name=one["name"],
    )
    return Spooled(line, one["file"], one["total"])


def listed(row: RecordRow, blobs: Blobs, spool: Spool) -> list[Any]:
    """Return the attachments of a record, with what is here of each."""
    record = decode(row.document, Record, limit=MAX_RECORD)
    rows = {one.blob: one for one in blobs.of(row.name)}
    return [
        {
            "number": number,
            "name": line.name,
            "media": line.media,
            "size": line.length,
            "level": None if line.label is None else SHORT[line.label.level],
            **_where(rows.get(line.blob), spool),
        }
        for number, line in enumerate(record.atts, 1)
    ]


def _where(row: BlobRow | None, spool: Spool) -> Arguments:
    if row is None:
        return {"complete": False, "here": 0, "total": 0}
    here = spool.size(row.file) if row.way == IN else row.total
    complete = row.state is not BlobState.WAITING
    return {"complete": complete, "here": here, "total": row.total}


def opened(row: RecordRow, blobs: Blobs, spool: Spool) -> list[Any]:
    """Return what opens the attachments of a record that may be shown."""
    record = decode(row.document, Record, limit=MAX_RECORD)
    rows = {one.blob: one for one in blobs.of(row.name)}
    return [
        {**shown, "path": path, "suite": suite, **_secret(line)}
        for shown, line, (path, suite) in zip(
            listed(row, blobs, spool),
            record.atts,
            (_place(rows.get(line.blob), spool) for line in record.atts),
            strict=True,
        )
    ]


def _place(row: BlobRow | None, spool: Spool) -> tuple[str | None, int]:
    if row is None or not row.suite:
        return None, 0
    return str(spool.path(row.file)), row.suite


def _secret(line: Attachment) -> Arguments:
    return {
        "blob": line.blob.hex(),
        "key": line.key.hex(),
        "digest": line.digest.hex(),
    }


def complete(rows: Sequence[BlobRow]) -> bool | None:
    """Say whether all blobs of a record are here, verified; None: it has none."""
    if not rows:
        return None
    return all(row.state is not BlobState.WAITING for row in rows)
