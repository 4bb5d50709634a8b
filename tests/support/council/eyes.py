"""When one client saw what, and what it must therefore believe about each key.

Sizes and times of its adoptions are noted from outside; the rest is the model's.

Source: docs/spec/root-and-directory.md, sections 4 to 6; docs/spec/time.md section 3.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from crypto.types import Digest
from tests.support.council.model import Cut, Model, Post, Seat

CONSENT = 86_400  # seconds before a terminal without consent is used (demo policy)


class Batch(NamedTuple):
    """Leaves that were adopted at once: up to ``size``."""

    size: int
    after: int  # W of the log without them; 0: none
    witnessed: int  # W of the log with them


class End(NamedTuple):
    """The end of a key, as a client must see it."""

    witnessed: int
    reason: str


@dataclass
class Eyes:
    """What one client saw."""

    until: int  # POSIX seconds: every key's end
    batches: list[Batch] = field(default_factory=list)
    heard: dict[Digest, tuple[Cut, int]] = field(default_factory=dict)  # and since when

    def moment(self, index: int) -> Batch:
        """Return the adoption that brought the leaf at ``index``."""
        return next(batch for batch in self.batches if batch.size > index)

    def cuts(self) -> list[Cut]:
        return [cut for cut, _ in self.heard.values()]

    # --- ends

    def end(self, model: Model, key: str, now: int) -> End | None:
        """Return the first end of a key of a post, or None while it is current."""
        post = model.post_of(key)
        if post is None:
            return None
        seat = next((seat for seat in post.seats if key in seat.keys), None)
        ends = [] if seat is None else list(self._ends(model, post, seat, key, now))
        return min(ends, default=None)

    def _ends(
        self, model: Model, post: Post, seat: Seat, key: str, now: int
    ) -> Iterator[End]:
        place = seat.keys.index(key)
        if place < len(seat.rotated):
            seen = self.moment(seat.rotated[place])
            yield End(seen.witnessed if seen.after else 0, "rotated")
        if seat.gone is not None:
            yield End(self.moment(seat.gone).after, "revoked")
        yield from (
            End(since, "restricted") for since in self._suspended(model, post, seat)
        )
        if now >= self.until:
            yield End(self.until, "expired")

    def _suspended(self, model: Model, post: Post, seat: Seat) -> Iterator[int]:
        """Yield since when each suspension counts here."""
        for cut in model.against(post, seat, self.cuts()):
            if cut.fact.highest is None:
                yield (
                    self.heard[cut.fact.name][1]
                    if cut.index is None
                    else self.moment(cut.index).after
                )

    # --- rights

    def readers(self, model: Model, now: int) -> Mapping[str, int]:
        """Return each terminal that may be sealed to, with its level."""
        return {
            seat.current: self._level(model, post, seat)
            for post, seat in self._seats(model, now)
            if seat.new.number and self._usable(model, post, seat) <= now
        }

    def speakers(self, model: Model, now: int) -> Mapping[str, tuple[int, int]]:
        """Return each member with level and release."""
        found = {}
        for post, seat in self._seats(model, now):
            if not seat.new.number:
                level = self._level(model, post, seat)
                release = -1 if seat.release is None else min(seat.release, level)
                found[seat.current] = level, release
        return found

    def _seats(self, model: Model, now: int) -> Iterator[tuple[Post, Seat]]:
        for post in model.posts.values():
            for seat in post.live():
                if self.end(model, seat.current, now) is None:
                    yield post, seat

    def _level(self, model: Model, post: Post, seat: Seat) -> int:
        cuts = [
            cut.fact.highest
            for cut in model.against(post, seat, self.cuts())
            if cut.fact.highest is not None
        ]
        return min(seat.level, post.level, *cuts)

    def _usable(self, model: Model, post: Post, seat: Seat) -> int:
        since = self.moment(seat.since).witnessed
        consent = seat.consent
        agreed = consent is None or any(
            not self._cut_off(model, post, key) for key in consent
        )
        return since if agreed else since + CONSENT

    def _cut_off(self, model: Model, post: Post, key: str) -> bool:
        seat = next((seat for seat in post.seats if key in seat.keys), None)
        return seat is not None and any(self._suspended(model, post, seat))
