"""Whom a record is sealed to: terminals by proven prekeys, and the archive.

An archive key of the root document is an addressee outside every stream
(docs/spec/record-and-envelope.md section 9).  An envelope is of one suite: that of the
keys it is sealed to (docs/spec/suites.md, SUITE-7).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from crypto.digest import H
from crypto.suite import SuiteId
from crypto.types import (
    ZERO_DIGEST,
    KeyId,
    Mailbox,
    PrekeyId,
    PublicKey,
    StreamId,
)
from protocol.directory_view import DirectoryView
from protocol.errors import PolicyError, Reason
from protocol.label import refusals
from protocol.manifest import archive_prekey_id
from protocol.record import ARCHIVE, Record
from protocol.root import ArchiveKey
from protocol.slip import Place
from protocol.trusted_manifest import Prekey

NO_STREAM: Final = Place(StreamId(bytes(16)), 0, ZERO_DIGEST)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One wrap to make: whose it is, to which prekey, at which place."""

    post: str
    key_id: KeyId  # of the terminal; for an archive H(public)
    mailbox: Mailbox
    kid: PrekeyId
    public: PublicKey
    place: Place
    suite: SuiteId  # of the prekey


def to_terminal(post: str, prekey: Prekey, place: Place) -> Recipient:
    """Return a terminal of ``post``, by a prekey that is proven to be its own."""
    return Recipient(
        post=post,
        key_id=prekey.terminal,
        mailbox=prekey.mailbox,
        kid=prekey.kid,
        public=prekey.public,
        place=place,
        suite=prekey.suite,
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
        suite=archive.suite,
    )


def suite_of(recipients: Sequence[Recipient], empty: Iterable[Recipient]) -> SuiteId:
    """Return the one suite of those that an envelope is sealed to (SUITE-7).

    Raises:
        ValueError: of two suites, a caller's bug.
    """
    suite = recipients[0].suite
    if any(to.suite is not suite for to in (*recipients, *empty)):
        raise ValueError("an envelope is of one suite")
    return suite


def check_allowed(
    record: Record, sender: KeyId, recipients: Iterable[Recipient], view: DirectoryView
) -> None:
    """Refuse what record or directory do not allow, whoever asked for it.

    Raises:
        PolicyError: the sending terminal or a recipient is not current, a suite is not
            sealed with any more, or a clearance does not dominate the label.
        ValueError: a post that the record does not address: a caller's bug.
    """
    own = view.terminal(sender)
    if own is None or own.ended is not None:
        raise PolicyError(Reason.NOT_ACTIVE)
    posts = {addressee.post for addressee in record.to}
    for to in recipients:
        if to.post not in posts:
            raise ValueError("a recipient whose post is not addressed")
        if to.post != ARCHIVE:
            _check_terminal(to, record, view)


def _check_terminal(to: Recipient, record: Record, view: DirectoryView) -> None:
    terminal = view.terminal(to.key_id)
    if (
        terminal is None
        or terminal.ended is not None
        or (terminal.post, terminal.mailbox) != (to.post, to.mailbox)
    ):
        raise PolicyError(Reason.NOT_ACTIVE)
    since = view.sealed_until(to.suite)
    if since is not None and not view.seals(to.suite):
        raise PolicyError(Reason.SUITE_RETIRED, post=to.post, retired=(to.suite, since))
    if record.label is not None:
        for reason in refusals(terminal.clearance, to.post, record.label):
            raise PolicyError(reason)
