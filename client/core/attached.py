"""Attachments in a record: what the signed line says, as the stream's names and back.

The sealer of a file gives names; they, its key, media type and file name become the
record's line.  A receiver turns the line of an *admitted* record into what the
opener demands, so that nothing but the signed line decides which bytes are shown
(B17, docs/spec/attachments.md).
"""

from crypto.stream import AttachmentNames
from crypto.types import Secret
from protocol.label import Label
from protocol.record import Attachment


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
