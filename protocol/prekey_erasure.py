"""When a prekey's seed goes: forward secrecy is only as good as the erasing.

Pure: the caller holds the seeds, the times are witnessed times, and what comes back
is what to leave out of the next key sheet.  A one-time seed that opened a record goes
sooner, with the commit of that record (PRE-14); here it is as any other.

Source: docs/spec/prekeys.md section 5.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from protocol.manifest import PrekeyKind, Window

HOUR: Final = 3_600
SUPERSEDED: Final = 48 * HOUR  # after the next manifest was witnessed
OVERDUE: Final = 14 * 24 * HOUR  # after the key's own ``until``
ONLINE: Final = HOUR  # in which a terminal that was absent empties its mailbox


@dataclass(frozen=True, slots=True)
class HeldSeed:
    """What a terminal knows about one seed, without the seed."""

    manifest: int  # its generation: manifests of one terminal, counted
    index: int
    window: Window


def seeds_to_erase(
    seeds: Iterable[HeldSeed],
    *,
    superseded: Mapping[int, int],
    witnessed: int,
    online: int,
) -> frozenset[HeldSeed]:
    """Return the seeds that must not be in the next key sheet.

    Args:
        seeds: all that are held.
        superseded: generation -> witnessed time of the manifest after it.
        witnessed: W now, POSIX seconds.
        online: seconds since it came online.
    """
    if online < ONLINE:
        return frozenset()
    return frozenset(
        seed
        for seed in seeds
        if _replaced(seed, superseded, witnessed)
        or witnessed >= seed.window.until + OVERDUE
    )


def _replaced(seed: HeldSeed, superseded: Mapping[int, int], witnessed: int) -> bool:
    """Tell whether nobody seals to it any more, and nothing should be under way."""
    since = superseded.get(seed.manifest)
    if since is None or witnessed < since + SUPERSEDED:
        return False
    return seed.window.kind is not PrekeyKind.EPOCH or not seed.window.covers(witnessed)
