"""``koerier-witness check``: does everything that a witness keeps agree?

Read from its files alone, beside a working witness too and after every crash test:

1. what is remembered of each log can be read, and is a checkpoint that the log signed
   and that this witness cosigned with both its keys
2. a mirror's entries up to there give its root; what lies above is whole, or torn at
   its very end
3. the bulletins can be read

A fault is one line that names what is hurt; nothing of the content.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from crypto.merkle import EMPTY_ROOT, Frontier
from crypto.notekey import NoteAlgorithm, NoteSigningKey, NoteVerifyKey
from protocol.cosignature import Cosigner, cosigned_at
from protocol.errors import ProtocolError
from protocol.root import LogKey, RootDocument
from protocol.trusted_log import genuine_checkpoint
from server.storage.interfaces import StoreBrokenError
from server.witness.entries import entries_in
from server.witness.memory import LogFiles, files_of, read_memory, recall_board
from server.witness.noticeboard import FILE


def check_witness(
    data: Path,
    root: RootDocument,
    name: str,
    keys: Sequence[NoteSigningKey],
    former: Collection[LogKey] = (),
) -> list[str]:
    """Return one line for each fault in what the witness ``name`` keeps in ``data``.

    Args:
        data: the folder.
        root: the root document that it follows.
        name: of the witness.
        keys: its own, those that it is about to be named with too.
        former: what earlier root documents named of the logs.
    """
    faults: list[str] = []
    for log, key in (("key log", root.key_log), ("message log", root.message_log)):
        files = files_of(key, data)
        if files.seen.exists() or files.entries.exists():
            found = _log((key, *former), files, name, keys)
            faults += [f"{log}: {fault}" for fault in found]
    try:
        recall_board(data / FILE)
    except StoreBrokenError as error:
        faults.append(str(error))
    return faults


def _log(
    log: Sequence[LogKey], files: LogFiles, name: str, keys: Sequence[NoteSigningKey]
) -> list[str]:
    try:
        seen, note = read_memory(log[0], files)
    except FileNotFoundError:
        return ["what was cosigned is gone"]
    except StoreBrokenError as error:
        return [str(error)]
    faults = []
    if seen.size or note:
        faults += _note(log, (seen.size, seen.root), note, name, keys)
    elif seen.root != EMPTY_ROOT:
        faults.append("nothing was cosigned, under another root")
    if files.entries.exists() and not _given(files.entries, seen.size, seen.root):
        faults.append("the mirror's entries are not what was cosigned")
    return faults


def _verifying(key: NoteSigningKey) -> NoteVerifyKey:
    return NoteVerifyKey.parse(key.algorithm, key.public)


def _note(
    log: Sequence[LogKey],
    seen: tuple[int, bytes],
    note: bytes,
    name: str,
    keys: Sequence[NoteSigningKey],
) -> list[str]:
    try:
        signed, checkpoint = genuine_checkpoint(note, log[0], log[1:])
        ours = {
            key.algorithm
            for key in keys
            if cosigned_at(signed, checkpoint, Cosigner(name, _verifying(key)))
        }
    except ProtocolError:
        return ["the remembered checkpoint does not verify"]
    faults = []
    if (checkpoint.size, checkpoint.root) != seen:
        faults.append("the remembered checkpoint is of another tree")
    if ours != set(NoteAlgorithm):
        faults.append("the remembered checkpoint was not cosigned with our keys")
    return faults


def _given(path: Path, size: int, root: bytes) -> bool:
    tree = Frontier()
    for entry in entries_in(path):
        if tree.size == size:
            break
        tree = tree.append(entry)
    return (tree.size, tree.root()) == (size, root)
