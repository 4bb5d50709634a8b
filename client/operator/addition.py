"""Adding a member or a terminal to a post that there is: documents and steps.

    position    post -> operator      where the post's next entry goes
    addition    operator -> post      the invitation: that place, and a nonce
    request     post -> operator      the new key with its proof for that place (B23)
    proposal    operator -> operator  as for an enrolment

A terminal beside a live one needs consent: a live terminal of the post, or its paper
key, signs the very entry, so that nobody gets a second terminal by two operators
alone (docs/spec/root-and-directory.md, section 4).  Whatever else changes the post in
between takes its place, and the addition is asked anew.
"""

from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, structs

from client.home import HomeError
from client.operator.documents import Invitation, Request, read_document
from client.operator.enrolment import MAILBOX_BYTES, NONCE_BYTES, NONE, invite
from crypto.entropy import Entropy
from crypto.sign import Realm, SigningKey, Usage
from crypto.types import Mailbox
from protocol.codec import Message, decode
from protocol.directory_adopt import position
from protocol.directory_entry import (
    Action,
    AddedMembers,
    AddedTerminals,
    DirectoryEntry,
    NewMember,
    NewTerminal,
    change_of,
)
from protocol.directory_state import State
from protocol.errors import BindingError, ChainError
from protocol.fields import V1, Bytes32, DigestField, PostId, Sequence, Time
from protocol.label import Clearance, Level
from protocol.proposal import Place, propose, prove
from protocol.signed import Signed, carried, gather, sign_document

HIGHEST_NUMBER: Final = 255  # of a terminal
Number = Annotated[int, Meta(ge=1, le=HIGHEST_NUMBER)]


class Position(Message):
    """Where the next entry of a post goes; true until the next one is there."""

    v: V1
    root: DigestField
    post: PostId
    version: Sequence
    prev: DigestField
    number: Number  # the next terminal's


class Addition(Message):
    """An invitation to add one member or one terminal."""

    v: V1
    position: Position
    action: Action
    nonce: Bytes32
    until: Time


class AdditionRequest(Message):
    """What is asked to be added; the rights in it are none."""

    v: V1
    addition: Addition
    terminal: NewTerminal | None = None
    member: NewMember | None = None


def read_invitation(path: Path) -> Invitation | Addition:
    """Return the invitation in a file, to a new post or to one that there is.

    Raises:
        HomeError: neither.
    """
    try:
        return read_document(path, Addition, "invitation")
    except HomeError:
        return read_document(path, Invitation, "invitation")


def read_request(path: Path) -> Request | AdditionRequest:
    """Return the request in a file, of a new post or of one that there is.

    Raises:
        HomeError: neither.
    """
    try:
        return read_document(path, AdditionRequest, "request")
    except HomeError:
        return read_document(path, Request, "request")


def position_of(state: State, post: str) -> Position:
    """Return the position of ``post`` in an adopted directory.

    Raises:
        ChainError: no such post, or no number is left for a terminal.
    """
    record = state.posts.get(post)
    if record is None:
        raise ChainError("no such post")
    number = 1 + max(holder.number for holder in record.holders)
    if number > HIGHEST_NUMBER:
        raise ChainError("no terminal number is left")
    version, prev = position(state, post)
    return Position(
        v=1,
        root=state.root.digest,
        post=post,
        version=version,
        prev=prev,
        number=number,
    )


def invite_addition(
    where: Position, action: Action, *, until: int, entropy: Entropy
) -> Addition:
    """Return the invitation for ``action`` at a position.

    Raises:
        ValueError: another action, a caller's bug.
    """
    if action not in {Action.ADD_MEMBER, Action.ADD_TERMINAL}:
        raise ValueError("not an addition")
    nonce = entropy(NONCE_BYTES)
    return Addition(v=1, position=where, action=action, nonce=nonce, until=until)


def invite_again(
    where: Position, names: tuple[str, str], *, until: int, entropy: Entropy
) -> Invitation:
    """Return the invitation of a post that there is, to be enrolled with all keys new.

    Every key that it had ends with the entry (RE_ENROL); restrictions stand on until
    they are lifted.
    """
    first = invite(where.root, where.post, names, until=until, entropy=entropy)
    return structs.replace(
        first, version=where.version, prev=where.prev, number=where.number
    )


def request_terminal(
    addition: Addition,
    key: SigningKey,
    *,
    realm: Realm,
    until: int,
    entropy: Entropy,
) -> AdditionRequest:
    """Return the request of a new terminal."""
    proof = prove(key, _place(addition), nonce=addition.nonce, realm=realm)
    terminal = NewTerminal(
        number=addition.position.number,
        key=carried(key),
        mailbox=Mailbox(entropy(MAILBOX_BYTES)),
        clearance=NONE,
        until=until,
        proof=proof,
    )
    return AdditionRequest(v=1, addition=addition, terminal=terminal)


def request_member(
    addition: Addition, key: SigningKey, name: str, *, realm: Realm, until: int
) -> AdditionRequest:
    """Return the request of a new member."""
    proof = prove(key, _place(addition), nonce=addition.nonce, realm=realm)
    member = NewMember(
        key=carried(key), name=name, clearance=NONE, until=until, proof=proof
    )
    return AdditionRequest(v=1, addition=addition, member=member)


def addition_proposal(
    asked: AdditionRequest, cleared: Clearance, release: Level | None, *, expires: int
) -> bytes:
    """Return the entry that adds what was asked, with these rights.

    Raises:
        BindingError: not exactly what the invitation was for.
    """
    change: AddedTerminals | AddedMembers
    match asked.addition.action, asked.terminal, asked.member:
        case Action.ADD_TERMINAL, NewTerminal() as terminal, None:
            new = structs.replace(terminal, clearance=cleared)
            change = AddedTerminals(terminals=(new,))
        case Action.ADD_MEMBER, None, NewMember() as member:
            person = structs.replace(member, clearance=cleared, may_release=release)
            change = AddedMembers(members=(person,))
        case _:
            raise BindingError("B23")
    return propose(
        _place(asked.addition),
        change,
        expires=expires,
        reason="addition by invitation",
    )


def consented(proposed: Signed, key: SigningKey, post: str, *, realm: Realm) -> Signed:
    """Return the proposal with the consent of a terminal or the paper key.

    Raises:
        MalformedError: not an entry.
        BindingError: it adds no terminal, or to another post.
    """
    entry = decode(proposed.document, DirectoryEntry)
    if entry.post != post or not isinstance(change_of(entry), AddedTerminals):
        raise BindingError("B23")
    own = sign_document(proposed.document, [key], usage=Usage.DIR, realm=realm)
    return gather([proposed, own])


def _place(addition: Addition) -> Place:
    where = addition.position
    return Place(
        root=where.root,
        post=where.post,
        action=addition.action,
        version=where.version,
        prev=where.prev,
    )
