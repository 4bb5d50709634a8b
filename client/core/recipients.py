"""Whom a record is sealed to: terminals by proven prekeys, and the archive.

An archive key of the root document is an addressee outside every stream
(docs/spec/record-and-envelope.md section 9).
"""

from typing import Final

from client.core.sealing import Recipient
from crypto.digest import H
from crypto.types import ZERO_DIGEST, KeyId, StreamId
from protocol.directory_view import Terminal
from protocol.manifest import archive_prekey_id
from protocol.record import ARCHIVE
from protocol.root import ArchiveKey
from protocol.slip import Place
from protocol.trusted_manifest import Prekey

NO_STREAM: Final = Place(StreamId(bytes(16)), 0, ZERO_DIGEST)


def to_terminal(terminal: Terminal, prekey: Prekey, place: Place) -> Recipient:
    """Return a terminal as a recipient, by a prekey that is proven to be its own.

    Raises:
        ValueError: the prekey is another terminal's, a caller's bug.
    """
    if prekey.terminal != terminal.key_id:
        raise ValueError("a prekey of another terminal")
    return Recipient(
        post=terminal.post,
        key_id=terminal.key_id,
        mailbox=terminal.mailbox,
        kid=prekey.kid,
        public=prekey.public,
        place=place,
    )


def to_archive(archive: ArchiveKey) -> Recipient:
    """Return an archive key of the root document as a recipient."""
    return Recipient(
        post=ARCHIVE,
        key_id=KeyId(H(archive.public)),
        mailbox=archive.mailbox,
        kid=archive_prekey_id(archive.suite, archive.public),
        public=archive.public,
        place=NO_STREAM,
    )
