"""What a relay tells a terminal about its logs when it lies."""

import enum
from typing import TYPE_CHECKING

from crypto.merkle import consistency_path
from crypto.notekey import NoteAlgorithm
from protocol.checkpoint import Checkpoint
from protocol.codec import Message, encode
from protocol.cosignature import cosign
from protocol.note import add_lines, parse_note, sign_note
from protocol.requests import Checkpoint as CheckpointRequest
from protocol.requests import Entries, KeyLog, LogName, SignedCheckpoint
from tests.support.fake_relay import Log
from tests.support.witnesses import note_key

if TYPE_CHECKING:
    from tests.support.council.council import Council
    from tests.support.council.terminal import CouncilTerminal

LIAR = "w3"  # the one witness that signs whatever it is shown


class Lie(enum.Enum):
    """One for the time of a synchronisation."""

    NONE = 0
    STARVE = 1  # there is nothing new
    OLD = 2  # an older note
    FORK = 3  # another history, cosigned by one witness
    DEAF = 4  # no note at all
    ADMIT = 5  # the truth, also to those whose key has ended


def lied(council: "Council", of: "CouncilTerminal", body: Message) -> bytes | None:
    """Return the lie that answers a question; None: the truth is told."""
    lie, directory = council.lie, of.directory
    match body:
        case KeyLog(start=start) if lie is Lie.STARVE:
            return encode(Entries(start=start, size=start, entries=()))
        case KeyLog(start=start) if lie is Lie.FORK and directory is not None:
            forged = _forged(council, of)
            size = directory.size + len(forged)
            entries = tuple(forged[start - directory.size :])
            return encode(Entries(start=start, size=size, entries=entries))
        case CheckpointRequest(log=LogName.KEY, size=size) if lie is Lie.FORK:
            return encode(_fork(council, of, size))
        case CheckpointRequest(log=log) if lie is Lie.OLD and council.notes[log]:
            note = council.notes[log][len(council.notes[log]) // 2]
            return encode(SignedCheckpoint(note=note, consistency=()))
        case CheckpointRequest() if lie is Lie.DEAF:
            return b""
        case _:
            return None


def _forged(council: "Council", of: "CouncilTerminal") -> list[bytes]:
    """Return leaves that would count, and are not those of the log."""
    assert of.directory is not None
    size = of.directory.size
    true = council.log[size : size + 1]
    papers = [paper.leaf for paper in reversed(council.drawer)]
    return [next((leaf for leaf in papers if [leaf] != true), b"forged")]


def _fork(council: "Council", of: "CouncilTerminal", size: int) -> SignedCheckpoint:
    start = 1 if of.directory is None else of.directory.size
    log = Log("key")
    for leaf in (*council.log[:start], *_forged(council, of)):
        log.append(leaf)
    root = council.began.ministry.directory.root.document
    origin = root.key_log.origin
    text = Checkpoint(origin, log.frontier.size, log.frontier.root()).text()
    note = sign_note(text, origin, note_key("key", NoteAlgorithm.ED25519))
    signer, name = note_key(LIAR, NoteAlgorithm.ML_DSA_44), f"{LIAR}.example/witness"
    line = cosign(parse_note(note), name, signer, now=council.clock.wall())
    path = consistency_path(min(size, start), log.frontier.size, log.node)
    council.sometimes["another history shown"] += 1
    return SignedCheckpoint(note=add_lines(note, [line]), consistency=path)
