"""Which object goes next (docs/spec/line.md, section 6).

Lane 0 (FLASH) first and to its end; lanes 1-3 by lane, oldest first and whole; lane
4 (bulk) with what is left, one cell per object in turn.  Two rules keep the lower
lanes alive: what waited long counts as one lane higher, never as lane 0; and bulk
that got nothing for a minute gets one cell in 32, never while lane 0 waits.

Pure bookkeeping: the time is an argument, and nothing here knows of bytes.
"""

from typing import Final

from protocol.line.frames import LANES

PROMOTIONS: Final = (60.0, 180.0, 600.0)  # seconds waited: one lane up for each
STARVED: Final = 60.0  # seconds without a cell, then bulk has a share
SHARE: Final = 32  # of so many cells one is bulk's
FLASH, BULK = 0, LANES - 1


class Lanes:
    """The objects that have something to send, by lane, in the order they came.

    A lane where nobody waits is not kept, and no dictionary that was used is: a line
    is idle nearly all of its time.
    """

    __slots__ = ("_bulk_since", "_lanes", "_others", "_starved", "_where")

    def __init__(self) -> None:
        self._lanes: dict[int, dict[bytes, float]] = {}  # id -> since when
        self._where: dict[bytes, int] = {}
        self._bulk_since = 0.0  # when bulk last got a cell, or began to wait
        self._starved = False
        self._others = 0  # cells given to other lanes since bulk's last

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, object_id: object) -> bool:
        return object_id in self._where

    def add(self, object_id: bytes, lane: int, since: float, now: float) -> None:
        """Let an object wait in ``lane``, behind the others; ``since`` is its age."""
        waiting = self._lanes.get(lane)
        if waiting is None:
            waiting = self._lanes[lane] = {}
            if lane == BULK:
                self._bulk_since = now
        waiting[object_id] = since
        self._where[object_id] = lane

    def discard(self, object_id: bytes) -> None:
        """Take an object out; nothing happens if it does not wait."""
        lane = self._where.pop(object_id, None)
        if lane is None:
            return
        del self._lanes[lane][object_id]
        if not self._lanes[lane]:
            del self._lanes[lane]
        if not self._where:
            self._lanes, self._where = {}, {}

    @property
    def urgent(self) -> bool:
        """Whether an object of lane 0 waits."""
        return FLASH in self._lanes

    def choose(self, now: float) -> bytes | None:
        """Return who is next, or None if nobody waits."""
        lanes = self._lanes
        if not lanes:
            return None
        if FLASH in lanes:
            return next(iter(lanes[FLASH]))
        bulk = next(iter(lanes[BULK])) if BULK in lanes else None
        if bulk is not None and self._has_share(now):
            return bulk
        heads = []
        for lane, waiting in lanes.items():
            if lane == BULK:
                continue
            object_id, since = next(iter(waiting.items()))  # the oldest of its lane
            heads.append((promoted(lane, now - since), since, object_id))
        return min(heads)[2] if heads else bulk

    def sent(self, object_id: bytes, now: float) -> None:
        """Note that a cell went to ``object_id``, which waits here."""
        lane = self._where[object_id]
        if lane != BULK:
            self._others += 1
            return
        waiting = self._lanes[BULK]
        if len(waiting) == len(self._where):  # nobody waits in another lane
            self._starved = False
        self._bulk_since, self._others = now, 0
        waiting[object_id] = waiting.pop(object_id)  # its turn is over

    def _has_share(self, now: float) -> bool:
        if now - self._bulk_since >= STARVED:
            self._starved = True
        return self._starved and self._others >= SHARE - 1


def promoted(lane: int, waited: float) -> int:
    """Return the lane that counts after ``waited`` seconds in lane 1, 2 or 3."""
    if waited < PROMOTIONS[0]:
        return lane
    return max(FLASH + 1, lane - sum(waited >= limit for limit in PROMOTIONS))
