"""Whether a terminal may have a record: it was sealed to it, whichever way it went.

A place is given with the first seal.  A terminal that came in the place of a lost one
gives places of its own, anew (:mod:`client.vault.restore`); what the lost one sealed is
remembered all the same, because somebody may have it.
"""

from typing import Final

from client.core.ports import Vault
from client.core.rows import Target

SEALED_BEFORE: Final = "sealed-before"


def may_have(vault: Vault, target: Target) -> bool:
    """Tell whether a record was ever sealed to a terminal."""
    return target.place is not None or vault.get(_key(target)) is not None


def note_place(vault: Vault, target: Target) -> None:
    """Remember that a place was given which is taken back, in the same transaction."""
    if target.place is not None:
        vault.put(_key(target), b"")


def _key(target: Target) -> str:
    return f"{SEALED_BEFORE}.{target.name.hex()}.{target.terminal.hex()}"
