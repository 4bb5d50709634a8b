"""The courier bundle: an envelope on a medium, and when its sender last looked.

::

    bundle = CBOR{v, kind, envelope, note}

The envelope is an ordinary one, whole, with a wrap per receiving terminal.  The note
is the cosigned checkpoint of the key log that the sender trusted when it sealed: the
slip names its size and root, so whoever opens the envelope can tell by witnesses how
old the sender's directory was.  Nothing here opens anything or can be believed.

Source: docs/spec/courier-bundle.md sections 1 and 3.
"""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from msgspec import Meta

from crypto.types import Digest
from protocol.codec import Message, decode, encode
from protocol.envelope import Envelope, parse_envelope
from protocol.errors import BindingError
from protocol.fields import V1
from protocol.limits import MAX_ENVELOPE, MAX_NOTE
from protocol.slip import Heads
from protocol.trusted_log import TrustedLog, signed_checkpoint

KIND: Final = "koerier-courier"
MAX_BUNDLE: Final = MAX_ENVELOPE + MAX_NOTE + 64  # bytes: what a reader takes in


class Bundle(Message):
    """The file."""

    v: V1
    kind: Literal["koerier-courier"]
    envelope: Annotated[bytes, Meta(min_length=1, max_length=MAX_ENVELOPE)]
    note: Annotated[bytes, Meta(min_length=1, max_length=MAX_NOTE)]


@dataclass(frozen=True, slots=True)
class Carried:
    """A bundle as it was read; nothing of it is believed yet."""

    envelope: Envelope
    note: bytes


@dataclass(frozen=True, slots=True)
class SenderView:
    """The checkpoint of the key log that a bundle's sender trusted."""

    size: int
    root: Digest
    witnessed: int  # POSIX seconds; 0: no quorum of the witnesses that we know


def make_bundle(envelope: bytes, note: bytes) -> bytes:
    """Return the file for an envelope sealed at the view that ``note`` shows."""
    return encode(Bundle(v=1, kind=KIND, envelope=envelope, note=note))


def read_bundle(data: bytes) -> Carried:
    """Return what a file carries.

    Raises:
        MalformedError: not the one encoding of a bundle, or too large.
    """
    bundle = decode(data, Bundle, limit=MAX_BUNDLE)
    return Carried(parse_envelope(bundle.envelope), bundle.note)


def sender_view(note: bytes, log: TrustedLog) -> SenderView:
    """Return the checkpoint of ``note``, signed by the key log.

    A note without a quorum of the witnesses that we know vouches for no time.

    Args:
        note: from the bundle.
        log: our key log, for its key and witnesses; nothing is adopted.

    Raises:
        MalformedError: not a note.
        VerificationError: not signed by this log, or a false line of a witness.
    """
    signed_checkpoint(note, log.key)
    seen = log.recalled(note)
    return SenderView(seen.size, seen.root, seen.witnessed)


def check_view(view: SenderView, heads: Heads) -> None:
    """Return if the bundle's note is the view that the slip was signed at.

    Raises:
        BindingError: somebody put another note beside the envelope.
    """
    if (view.size, view.root) != (heads.key_size, heads.key_root):
        raise BindingError("B19")
