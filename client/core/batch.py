"""Envelopes that came together: opened first, all of them, and then kept.

Opening changes nothing, so each step is done for all before the next one begins: the
processor stays with one primitive, and the vault's transaction holds nothing but
writing.  That alone takes a third of the time off a backlog.

A one-time seed is erased after the commit of the batch that used it (PRE-14); until
then the batch itself counts it as gone, so that what follows in the batch is judged as
if it had come later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from client.core.sealing import (
    Arrived,
    UnreadableError,
    arrived,
    judge,
    unseal,
    verified,
)
from client.core.seeds import Seed, Seeds
from crypto.kem import KemKey
from crypto.suite import SuiteId
from crypto.types import PrekeyId, Secret
from protocol.admit import Outcome
from protocol.genuine import Proven, Unsealed
from protocol.manifest import PrekeyKind
from protocol.receiver import Receiver

T = TypeVar("T")
After = TypeVar("After")


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope of our mailbox with what it holds; None: its prekey is gone."""

    came: Arrived
    found: Outcome | UnreadableError | None

    @property
    def kid(self) -> PrekeyId:
        """The prekey that it is sealed to."""
        return PrekeyId(self.came.wrap.kid)


class Batch:
    """One receiver, and the keys that its envelopes name."""

    def __init__(self, seeds: Seeds, receiver: Receiver) -> None:
        self._receiver = receiver
        self._seeds = seeds
        self._spent: set[PrekeyId] = set()
        # Today's key opens most of a backlog: it is expanded once, and kept no longer.
        self._epoch: dict[PrekeyId, KemKey] = {}

    def opened(self, envelopes: Sequence[bytes]) -> list[Opened | UnreadableError]:
        """Return each envelope with what it holds, or why it is not even one."""
        came = [_arrived(data, self._receiver) for data in envelopes]
        unsealed = [_next(self._unsealed, one) for one in came]
        proven = [_next(self._verified, one) for one in unsealed]
        judged: list[Outcome | UnreadableError | None] = [
            _next(self._judged, one) for one in proven
        ]
        return [
            one if isinstance(one, UnreadableError) else Opened(one, found)
            for one, found in zip(came, judged, strict=True)
        ]

    def _verified(self, unsealed: Unsealed) -> Proven:
        return verified(unsealed, self._receiver)

    def _judged(self, proven: Proven) -> Outcome:
        return judge(proven, self._receiver)

    def _unsealed(self, came: Arrived) -> Unsealed | None:
        key = self._key(PrekeyId(came.wrap.kid), came.envelope.suite)
        return None if key is None else unseal(came, key)

    def _key(self, kid: PrekeyId, suite: SuiteId) -> KemKey | None:
        """Return the private prekey that ``kid`` names, or None if it is gone.

        The kid has its suite's length, so a seed opens in its own suite only.
        """
        if kid in self._epoch:
            return self._epoch[kid]
        seed = self._seeds.seed(kid)
        if seed is None:
            return None
        key = KemKey.from_seed(suite, Secret(seed.seed))
        if seed.kind == PrekeyKind.EPOCH:
            self._epoch[kid] = key
        return key

    def is_spent(self, opened: Opened) -> bool:
        """Tell whether its prekey is gone by what the batch kept since."""
        return opened.kid in self._spent

    def is_once(self, opened: Opened) -> bool:
        """Tell whether a one-time key opened it."""
        return opened.kid not in self._epoch

    def spend(self, kid: PrekeyId) -> None:
        """Take note that a one-time key opened a record that is kept."""
        self._spent.add(kid)

    def seeds(self) -> list[Seed]:
        """Return all seeds that are left."""
        return [seed for seed in self._seeds.seeds() if seed.kid not in self._spent]


def _arrived(data: bytes, receiver: Receiver) -> Arrived | UnreadableError:
    try:
        return arrived(data, receiver)
    except UnreadableError as error:
        return error


def _next(
    step: Callable[[T], After | None], one: T | UnreadableError | None
) -> After | UnreadableError | None:
    """Return what ``step`` makes of what got so far, or where it stopped."""
    if one is None or isinstance(one, UnreadableError):
        return one
    try:
        return step(one)
    except UnreadableError as error:
        return error
