"""Checkpoints of the key log that are kept for ever: those around an end of a key.

Whether a record is older than the end of the key that signed it, a stranger sees by
two checkpoints: the last one without the entry that ended the key, and the first one
with it (docs/spec/evidence.md section 3).  The log itself has no times, so they are
kept when they pass by.
"""

from collections.abc import Sequence
from typing import Final

from client.core.ports import Vault
from protocol.codec import decode, encode
from protocol.directory_entry import Action
from protocol.directory_state import Adopted
from protocol.evidence.bundle import MAX_NOTES
from protocol.key_log_entry import LeafKind
from protocol.limits import MAX_NOTE
from protocol.trusted_directory import Outcome

KEPT: Final = "log.key.kept"
ENDING: Final = frozenset({Action.RE_ENROL, Action.ROTATE, Action.REVOKE})
# The last one is the vault's own.
MOST: Final = MAX_NOTES - 1


def kept_notes(vault: Vault) -> tuple[bytes, ...]:
    """Return the kept checkpoints, earliest first."""
    kept = vault.get(KEPT)
    if kept is None:
        return ()
    return decode(kept, tuple[bytes, ...], limit=2 * MAX_NOTES * MAX_NOTE)


def keep_notes(
    vault: Vault, around: tuple[bytes, bytes], outcomes: Sequence[Outcome]
) -> None:
    """Keep the notes before and after entries that end a key or a root document.

    Args:
        vault: in the caller's transaction.
        around: the note that was trusted before; b"": none; and the adopted one.
        outcomes: what became of the entries between them.
    """
    before, after = around
    if not before or not any(map(_ends, outcomes)):
        return
    kept = kept_notes(vault)
    new = tuple(note for note in (before, after) if note not in kept[-1:])
    vault.put(KEPT, encode((*kept, *new)[-MOST:]))


def _ends(outcome: Outcome) -> bool:
    return isinstance(outcome, Adopted) and (
        outcome.kind in {LeafKind.ROOT, LeafKind.RESTRICTION}
        or outcome.action in ENDING
    )
