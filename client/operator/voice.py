"""The new keys of a request as words, to compare by voice before anybody signs.

Whoever made the keys and whoever proposes them see the same words, or the same digits
for a line on which words are misheard; another key, post or root document gives others.
Eighty bits, since what is compared was made by somebody else.

Source: docs/spec/root-and-directory.md section 11.
"""

from collections.abc import Iterable
from typing import Final

from client.operator.addition import AdditionRequest
from client.operator.documents import Request
from client.operator.fingerprint import words_of
from crypto.digest import H, T
from crypto.types import Digest
from protocol.directory_adopt import new_keys
from protocol.directory_entry import Change, DirectoryEntry
from protocol.signed import SignatureKey

LABEL: Final = b"koerier/v1/voice"
SIZE: Final = 10  # bytes: 80 bits
DIGITS: Final = 25  # as many as they need
GROUP: Final = 5


def voice(root: Digest, post: str, keys: Iterable[SignatureKey]) -> bytes:
    """Return what the words of new keys are made of.

    Args:
        root: H(root document) that they are asked under.
        post: whose they will be.
        keys: in the order of the entry: recovery, terminals, members.
    """
    parts = (key.public for key in keys)
    return H(T(LABEL, root, post.encode(), *parts))[:SIZE]


def of_request(asked: Request | AdditionRequest) -> bytes:
    """Return it for a request, as its maker and its proposer see it."""
    if isinstance(asked, Request):
        where = asked.invitation
        keys = [asked.recovery.key, asked.terminal.key, asked.member.key]
        return voice(where.root, where.post, keys)
    place = asked.addition.position
    added = (asked.terminal, asked.member)
    return voice(place.root, place.post, [new.key for new in added if new is not None])


def of_entry(entry: DirectoryEntry, change: Change) -> bytes | None:
    """Return it for an entry; None: it brings no key."""
    keys = [new.key for new in new_keys(change)]
    return voice(entry.root, entry.post, keys) if keys else None


def said(found: bytes) -> dict[str, object]:
    """Return the words, and the same as groups of digits."""
    plain = str(int.from_bytes(found, "big")).zfill(DIGITS)
    groups = (plain[at : at + GROUP] for at in range(0, DIGITS, GROUP))
    return {"words": words_of(found), "digits": " ".join(groups)}
