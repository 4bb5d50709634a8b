"""How much may be outstanding: of a post, and of a post for one mailbox.

*Outstanding* is what was deposited and neither acknowledged nor dropped.  Without a
bound a post that has gone wrong (or over) fills the disk of all; without a bound for
each pair it fills one addressee's mailbox.  What would go over is answered BUSY and
nothing of it is kept: the sender's outbox keeps it and asks again later.

The counts stand in the table ``outstanding``, one row for a pair, changed in the same
transaction as the deliveries; the :class:`Ledger` remembers those of the posts that
deposited since the start.  So nobody counts rows: a start reads none, the first
deposit of a post reads its pairs.

Beside them, how *often* a post may deposit (:mod:`server.rate_limit`), in memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from crypto.types import Mailbox
from protocol.errors import BusyError
from server.config import Quotas
from server.rate_limit import Buckets, Rate
from server.storage.erasure_interfaces import Pair
from server.storage.interfaces import Amount, Envelopes, StoredDelivery

MIB = 1024 * 1024
NOTHING: Final = Amount(0, 0)
NONE: Final = (0, 0)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of what is outstanding."""

    post: Amount
    pair: Amount

    @classmethod
    def of(cls, quotas: Quotas) -> "Limits":
        """Return those of a configuration."""
        return cls(
            Amount(quotas.post_messages, quotas.post_mib * MIB),
            Amount(quotas.pair_messages, quotas.pair_mib * MIB),
        )


class Ledger:
    """What is outstanding as of the last commit, of the posts that were asked for."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.posts: dict[str, dict[Mailbox, Amount]] = {}
        self.totals: dict[str, Amount] = {}

    def draft(self) -> "Draft":
        """Return one batch's draft of the next state."""
        return Draft(self)

    def learn(self, post: str, pairs: Mapping[Mailbox, Amount]) -> None:
        """Remember what the store says of ``post``."""
        self.posts[post] = dict(pairs)
        self.totals[post] = sum(pairs.values(), start=NOTHING)

    def adopt(self, changes: Mapping[Pair, Amount]) -> None:
        """Take over what is durable now."""
        for (post, mailbox), change in changes.items():
            pairs = self.posts.get(post)
            if pairs is not None:  # else it is read when the post deposits
                pairs[mailbox] = pairs.get(mailbox, NOTHING) + change
                self.totals[post] += change


class Draft:
    """What one batch changes; nothing counts before it is durable.

    Each count is a pair of numbers, messages and bytes: every submission changes two.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._pairs: dict[Pair, tuple[int, int]] = {}
        self._posts: dict[str, tuple[int, int]] = {}

    @property
    def changes(self) -> Mapping[Pair, Amount]:
        """What changed, for each pair."""
        return {pair: Amount(*change) for pair, change in self._pairs.items()}

    async def learn(self, envelopes: Envelopes, posts: Iterable[str]) -> None:
        """Read the counts of those posts that have not deposited since the start."""
        for post in posts:
            if post not in self._ledger.posts:
                self._ledger.learn(post, await envelopes.outstanding(post))

    def admit(self, new: Sequence[StoredDelivery]) -> None:
        """Count one envelope's deliveries, all of the same post, which is learnt.

        Raises:
            BusyError: they would go over a limit; none of them is counted.
        """
        post = new[0].post
        limits = self._ledger.limits
        size = sum([one.size for one in new])
        held, more = self._ledger.totals[post], self._posts.get(post, NONE)
        if (
            held.messages + more[0] + len(new) > limits.post.messages
            or held.size + more[1] + size > limits.post.size
        ):
            raise BusyError
        pairs = self._ledger.posts[post]
        for one in new:
            held = pairs.get(one.mailbox, NOTHING)
            more = self._pairs.get((post, one.mailbox), NONE)
            if (
                held.messages + more[0] >= limits.pair.messages
                or held.size + more[1] + one.size > limits.pair.size
            ):
                raise BusyError
        for one in new:
            self._change((post, one.mailbox), 1, one.size)

    def release(self, done: Iterable[tuple[Pair, int]]) -> None:
        """Count these deliveries, each of so many bytes, as outstanding no longer."""
        for pair, size in done:
            self._change(pair, -1, -size)

    def _change(self, pair: Pair, messages: int, size: int) -> None:
        before = self._pairs.get(pair, NONE)
        self._pairs[pair] = (before[0] + messages, before[1] + size)
        before = self._posts.get(pair[0], NONE)
        self._posts[pair[0]] = (before[0] + messages, before[1] + size)

    def adopt(self) -> None:
        """Make what the batch changed the ledger's: it is durable."""
        self._ledger.adopt(self.changes)


class Rates:
    """How often a post may deposit, and deposit for one mailbox."""

    def __init__(self, quotas: Quotas) -> None:
        self._posts = Buckets(Rate.per_minute(quotas.post_per_minute))
        self._pairs = Buckets(Rate.per_minute(quotas.pair_per_minute))

    def deposit(self, post: str, mailboxes: Iterable[Mailbox], now: float) -> None:
        """Count one deposit at ``now``, monotonic seconds.

        Raises:
            BusyError: too many of late; it was not counted.
        """
        pairs = [(post, mailbox) for mailbox in mailboxes]
        for pair in pairs:
            if not self._pairs.has(pair, now):
                raise BusyError
        if not self._posts.take(post, now):
            raise BusyError
        for pair in pairs:
            self._pairs.take(pair, now)
