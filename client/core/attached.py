"""Attachments in a record: what the signed line says, as the stream's names and back.

The sealer of a file gives names; they, its key, media type and file name become the
record's line.  A receiver turns the line of an *admitted* record into what the
opener demands, so that nothing but the signed line decides which bytes are shown
(B17, docs/spec/attachments.md).
"""

from dataclasses import dataclass, field

from crypto.padding import padme
from crypto.stream import AttachmentNames
from crypto.types import Secret
from protocol.label import Label
from protocol.record import Attachment

_CHUNK, _TAG, _HEADER = 16 * 1024, 16, 56  # bytes: Cobblestone-256


@dataclass(frozen=True, slots=True)
class Spooled:
    """A file that was sealed into the spool, and the line that a record has for it."""

    line: Attachment = field(repr=False)
    file: str  # name in the spool
    total: int  # bytes of the blob


def blob_size(length: int) -> int:
    """Return the length in bytes of the blob of a file of ``length`` bytes.

    The last chunk is always shorter than a whole one, and may be empty.
    """
    padded = padme(length)
    return _HEADER + padded + _TAG * (padded // _CHUNK + 1)


def attachment_line(
    names: AttachmentNames,
    key: Secret,
    *,
    media: str,
    name: str,
    label: Label | None = None,
) -> Attachment:
    """Return the record's line for a file that was sealed under ``key``."""
    return Attachment(
        blob=names.blob,
        key=key.reveal(),
        length=names.length,
        digest=names.plaintext,
        media=media,
        name=name,
        label=label,
    )


def demanded(line: Attachment) -> tuple[Secret, AttachmentNames]:
    """Return the key of a line and the names that its blob must turn out to have."""
    names = AttachmentNames(line.blob, line.length, line.digest)
    return Secret(line.key), names
