"""When a prekey's seed goes: forward secrecy is only as good as the erasing.

Pure: the caller holds the seeds, the times are witnessed times, and what comes back
is what to leave out of the next key sheet.  Source: docs/spec/prekeys.md section 5.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from crypto.types import Digest
from protocol.manifest import PrekeyKind, Window

HOUR: Final = 3_600
SUPERSEDED: Final = 48 * HOUR  # after the next manifest was witnessed
OVERDUE: Final = 14 * 24 * HOUR  # after the key's own ``until``
ONLINE: Final = HOUR  # an absent terminal waits no longer for its mailbox than this


@dataclass(frozen=True, slots=True)
class HeldSeed:
    """What a terminal knows about one seed, without the seed."""

    manifest: Digest
    index: int
    window: Window
    used: bool  # a record that was opened with it is durably in the vault


def seeds_to_erase(
    seeds: Iterable[HeldSeed],
    *,
    superseded: Mapping[Digest, int],
    witnessed: int,
    drained: bool,
    online: int,
) -> frozenset[HeldSeed]:
    """Return the seeds that must not be in the next key sheet.

    Args:
        seeds: all that are held.
        superseded: H(manifest) -> witnessed time of the manifest after it.
        witnessed: W now, POSIX seconds.
        drained: whether the mailbox was empty since the terminal came online.
        online: seconds since it came online.
    """
    caught_up = drained or online >= ONLINE
    return frozenset(
        seed
        for seed in seeds
        if _spent(seed)
        or (caught_up and _replaced(seed, superseded, witnessed))
        or (caught_up and witnessed >= seed.window.until + OVERDUE)
    )


def _spent(seed: HeldSeed) -> bool:
    return seed.used and seed.window.kind is PrekeyKind.ONE_TIME


def _replaced(seed: HeldSeed, superseded: Mapping[Digest, int], witnessed: int) -> bool:
    """Tell whether nobody seals to it any more, and nothing should be under way."""
    since = superseded.get(seed.manifest)
    if since is None or witnessed < since + SUPERSEDED:
        return False
    today = seed.window.kind is PrekeyKind.EPOCH and seed.window.covers(witnessed)
    return not seed.used and not today
