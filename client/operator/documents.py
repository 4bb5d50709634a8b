"""The files that enrolment passes from hand to hand (docs/spec/root-and-directory.md).

invitation  operator -> post      where the entry will go, and the nonces to prove
request     post -> operator      new keys with their proofs; no right is asked
proposal    operator -> operator  the very bytes to be signed, with one signature
rotation    post -> operator      the very entry that brings new keys, with the
                                  signature of each old one

They hold nothing secret.  Each is one CBOR document; a request or proposal that was
changed on the way fails its signatures.
"""

from pathlib import Path
from typing import Annotated, TypeVar

from msgspec import Meta

from client.files import read_bounded, write_atomic
from client.home import HomeError
from protocol.codec import Message, decode, encode
from protocol.directory_entry import NewMember, NewTerminal, Recovery
from protocol.errors import MalformedError
from protocol.fields import V1, Bytes32, DigestField, Name, PostId, Sequence, Time
from protocol.limits import MAX_DOCUMENT
from protocol.signed import Signed

M = TypeVar("M", bound=Message)


class Invitation(Message):
    """For one post, once."""

    v: V1
    root: DigestField  # H(root document): what the post compares with its paper
    post: PostId
    name_nl: Name
    name_en: Name
    version: Sequence
    prev: DigestField
    nonces: Annotated[tuple[Bytes32, ...], Meta(min_length=3, max_length=3)]
    until: Time
    number: Annotated[int, Meta(ge=1, le=255)] = 1  # of the terminal that will ask


class Request(Message):
    """What a new terminal asks to have enrolled; the rights in it are none."""

    v: V1
    invitation: Invitation
    terminal: NewTerminal
    member: NewMember
    recovery: Recovery


class RotationRequest(Message):
    """New keys in the place of old ones (ROTATE), for the post's next place.

    Each old key signs the entry itself, so the post makes the entry: its reason and
    its end are the post's, and operators add their signatures to the same bytes.
    """

    v: V1
    proposal: Signed  # usage ``dir``; signed by every old key, and by no operator


def write_document(path: Path, document: Message) -> None:
    """Write a document, durably."""
    write_atomic(path, encode(document))


def read_document(path: Path, of: type[M], kind: str) -> M:
    """Return the document in a file.

    Raises:
        HomeError: no such file, or not a document of this kind; says which.
    """
    try:
        return decode(read_bounded(path, MAX_DOCUMENT), of)
    except (OSError, MalformedError):
        raise HomeError("operator.bad-file", file=path, kind=kind) from None
