"""The key log as people read it: each leaf, when it was witnessed, who signed, what.

Read from the entries in the vault, which are what was adopted; a leaf that counted for
nothing is told as such, because somebody wrote it there.
"""

from collections.abc import Sequence
from typing import Any

from client.core.beliefs import Beliefs
from client.home import HomeError
from client.operator.effects import whom
from client.operator.showing import Sentence, sentences, short_id
from client.present import iso
from crypto.types import KeyId
from protocol.bodies import Subject
from protocol.codec import decode
from protocol.directory_state import State
from protocol.errors import ProtocolError
from protocol.key_log_entry import (
    KeyLogEntry,
    LeafKind,
    ManifestNotice,
    read_leaf,
    read_signed,
)
from protocol.root import RootDocument

SUBJECTS = {
    LeafKind.DIRECTORY: Subject.DIRECTORY_ENTRY,
    LeafKind.RESTRICTION: Subject.RESTRICTION,
    LeafKind.ZEROISE: Subject.ZEROISE,
}


def told(
    state: State, beliefs: Beliefs, entries: Sequence[tuple[bytes, int]]
) -> list[dict[str, Any]]:
    """Return every leaf of the key log, oldest first.

    Args:
        state: the directory now: it says whose a key was.
        beliefs: what became of each leaf.
        entries: (leaf, witnessed time) by position.
    """
    return [
        _line(state, beliefs, index, leaf, witnessed)
        for index, (leaf, witnessed) in enumerate(entries)
    ]


def signer_name(state: State, key: KeyId) -> str:
    """Return whose signature it is: an operator's, a holder's, the paper key's."""
    if key in state.root.operators or state.owner(key) is None:
        return f"operator {short_id(key)}"
    found = whom(state, key)
    return f"{found['post']} {found['who']}"


def _line(
    state: State, beliefs: Beliefs, index: int, leaf: bytes, witnessed: int
) -> dict[str, Any]:
    adopted = beliefs.adopted.get(index)
    kind, post, words = _read(state, leaf)
    action, signers = None, []
    if adopted is not None:
        found, _ = adopted
        post = found.post
        action = None if found.action is None else found.action.name
        signers = [signer_name(state, key) for key in sorted(found.signers)]
    return {
        "index": index,
        "witnessed": iso(witnessed),
        "kind": kind,
        "action": action,
        "post": post,
        "signers": signers,
        "counts": index not in beliefs.refused,
        "sentences": words,
    }


def _read(state: State, leaf: bytes) -> tuple[str | None, str | None, list[Sentence]]:
    """Return a leaf's kind, the post of a manifest, and what it says."""
    try:
        entry = read_leaf(leaf)
        if entry.kind is LeafKind.MANIFEST:
            return _manifest(state, entry)
        return entry.kind.name, None, _document(entry)
    except (ProtocolError, HomeError):
        return None, None, []  # it stands there, and counts for nothing


def _manifest(
    state: State, entry: KeyLogEntry
) -> tuple[str, str | None, list[Sentence]]:
    notice = decode(entry.body, ManifestNotice)
    owner = state.owner(notice.terminal)
    parts = {**whom(state, notice.terminal), "number": notice.number}
    post = None if owner is None else owner.post
    return entry.kind.name, post, [("history.manifest", parts)]


def _document(entry: KeyLogEntry) -> list[Sentence]:
    signed = read_signed(entry.body)
    subject = SUBJECTS.get(entry.kind)
    if subject is not None:
        return sentences(signed.document, subject)
    if entry.kind is LeafKind.EXTENSION:
        return [("history.extension", {})]
    document = decode(signed.document, RootDocument)
    return [
        (
            "history.root",
            {
                "version": document.version,
                "root": short_id(signed.digest),
                "operators": len(document.operators),
                "until": iso(document.expires),
            },
        )
    ]
