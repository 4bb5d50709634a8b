"""A start: what was adopted before is believed again, from the vault.

The vault is ours and authenticated, so checkpoints are taken as they were verified;
entries are replayed in the batches in which they were witnessed, so that a terminal
that was restarted believes what one does that was not.
"""

from collections.abc import Sequence

from client.core.beliefs import Beliefs
from client.core.ports import Vault
from client.core.sync import NOTES, TIME, WATCHED, after_of
from crypto.merkle import Frontier
from crypto.sign import Realm
from crypto.types import Digest
from protocol.checkpoint import parse_checkpoint
from protocol.note import parse_note
from protocol.requests import LogName
from protocol.trusted_directory import (
    TrustedDirectory,
    Witnessed,
    found_directory,
)


def restore(vault: Vault, beliefs: Beliefs, pin: Digest, realm: Realm) -> None:
    """Fill ``beliefs`` from the vault."""
    beliefs.witnessed = int.from_bytes(vault.get(TIME) or b"", "big")
    _replay(vault, beliefs, pin, realm)
    watched = int.from_bytes(vault.get(WATCHED) or b"", "big")
    beliefs.unwatched = [one for one in beliefs.unwatched if one.index >= watched]
    if beliefs.directory is not None:
        beliefs.follow(beliefs.directory.root.document)
    for log, name in NOTES.items():
        note = vault.get(name)
        if note is None:
            continue
        if log is LogName.KEY:
            since = 0 if beliefs.directory is None else beliefs.directory.witnessed
            beliefs.key_log = beliefs.key_log.recalled(note, since)
        else:
            since = _adopted_at(vault, note)
            beliefs.message_log = beliefs.message_log.recalled(note, since)
    if beliefs.directory is not None:
        seen = max(beliefs.key_log.witnessed, beliefs.directory.witnessed)
        beliefs.directory = _seen(beliefs.directory, seen)
    for trusted, roots in (
        (beliefs.key_log, beliefs.key_roots),
        (beliefs.message_log, beliefs.message_roots),
    ):
        roots[trusted.size] = trusted.root


def _adopted_at(vault: Vault, note: bytes) -> int:
    """Return the witnessed time at which a note of the message log was adopted."""
    size = parse_checkpoint(parse_note(note).text).size
    found = vault.checkpoint_over(size - 1)
    return 0 if found is None else found[2]


def _replay(vault: Vault, beliefs: Beliefs, pin: Digest, realm: Realm) -> None:
    directory: TrustedDirectory | None = None
    frontier, batch, time = Frontier(), list[bytes](), 0
    rows = vault.entries()
    for position, (entry, witnessed) in enumerate(rows):
        batch.append(entry)
        frontier = frontier.append(entry)
        beliefs.key_roots[position + 1] = frontier.root()
        if not _ends_batch(vault, rows, position):
            continue
        time = max(time, witnessed)
        seen = Witnessed(frontier.size, frontier.root(), time)
        if directory is None:
            directory, outcomes = found_directory(
                batch, pin=pin, realm=realm, checkpoint=seen
            )
        else:
            kept = vault.get(after_of(position + 1 - len(batch)))
            after = int.from_bytes(kept or b"", "big")
            directory = _seen(directory, max(after, directory.witnessed))
            directory, outcomes = directory.adopt(batch, seen)
        beliefs.note(outcomes, witnessed)
        batch = []
    beliefs.directory = directory


def _ends_batch(vault: Vault, rows: Sequence[tuple[bytes, int]], at: int) -> bool:
    """Tell whether the next entry was adopted later, even at one witnessed time."""
    following = at + 1
    return (
        following == len(rows)
        or rows[following][1] != rows[at][1]
        or vault.get(after_of(following)) is not None
    )


def _seen(directory: TrustedDirectory, time: int) -> TrustedDirectory:
    """Return the directory as it was witnessed again later, without a new entry.

    It decides from when on a key that is taken away is doubted: a terminal that was
    restarted doubts no more than one that was not.
    """
    again, _ = directory.adopt(
        (), Witnessed(directory.size, directory.tree.root(), time)
    )
    return again
