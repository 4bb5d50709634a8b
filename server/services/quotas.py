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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crypto.types import Mailbox
from protocol.errors import BusyError
from server.config import Quotas
from server.rate_limit import Buckets, Rate
from server.storage.erasure_interfaces import Pair
from server.storage.interfaces import Amount, Envelopes, StoredDelivery

MIB = 1024 * 1024
NOTHING = Amount(0, 0)


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
    """What one batch changes; nothing counts before it is durable."""

    def __init__(self, ledger: Ledger) -> None:
        self.changes: dict[Pair, Amount] = {}
        self._ledger = ledger
        self._posts: dict[str, Amount] = {}

    async def admit(
        self, envelopes: Envelopes, deliveries: Iterable[StoredDelivery]
    ) -> None:
        """Count one envelope's deliveries, all of the same post.

        Raises:
            BusyError: they would go over a limit; none of them is counted.
        """
        new = list(deliveries)
        post = new[0].post
        if post not in self._ledger.posts:
            self._ledger.learn(post, await envelopes.outstanding(post))
        limits = self._ledger.limits
        size = sum(one.size for one in new)
        held, more = self._ledger.totals[post], self._posts.get(post, NOTHING)
        if (
            held.messages + more.messages + len(new) > limits.post.messages
            or held.size + more.size + size > limits.post.size
        ):
            raise BusyError
        pairs = self._ledger.posts[post]
        for one in new:
            held = pairs.get(one.mailbox, NOTHING)
            more = self.changes.get((post, one.mailbox), NOTHING)
            if (
                held.messages + more.messages >= limits.pair.messages
                or held.size + more.size + one.size > limits.pair.size
            ):
                raise BusyError
        for one in new:
            self._change((post, one.mailbox), Amount(1, one.size))

    def release(self, done: Iterable[tuple[Pair, int]]) -> None:
        """Count these deliveries, each of so many bytes, as outstanding no longer."""
        for pair, size in done:
            self._change(pair, Amount(-1, -size))

    def _change(self, pair: Pair, change: Amount) -> None:
        self.changes[pair] = self.changes.get(pair, NOTHING) + change
        self._posts[pair[0]] = self._posts.get(pair[0], NOTHING) + change

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
        if not all(self._pairs.has(pair, now) for pair in pairs):
            raise BusyError
        if not self._posts.take(post, now):
            raise BusyError
        for pair in pairs:
            self._pairs.take(pair, now)
