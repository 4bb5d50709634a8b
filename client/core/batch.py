"""Envelopes that came together: opened first, all of them, and then kept.

Opening changes nothing, so each step is done for all before the next one begins: the
processor stays with one primitive, and the vault's transaction holds nothing but
writing.  That alone takes a third of the time off a backlog.

A one-time seed is erased after the commit of the batch that used it (PRE-14); until
then the batch itself counts it as gone, so that what follows in the batch is judged as
if it had come later.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from client.core.sealing import Arrived, UnreadableError, arrived, judge, unseal
from client.core.seeds import Seed, Seeds
from crypto.kem import KemKey
from crypto.suite import SuiteId
from crypto.types import PrekeyId, Secret
from protocol.admit import Outcome
from protocol.genuine import Unsealed
from protocol.manifest import PrekeyKind
from protocol.receiver import Receiver


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
        came = [self._arrived(data) for data in envelopes]
        unsealed = [self._unsealed(one) for one in came]
        return [self._judged(*pair) for pair in zip(came, unsealed, strict=True)]

    def _arrived(self, data: bytes) -> Arrived | UnreadableError:
        try:
            return arrived(data, self._receiver)
        except UnreadableError as error:
            return error

    def _unsealed(
        self, came: Arrived | UnreadableError
    ) -> Unsealed | UnreadableError | None:
        if isinstance(came, UnreadableError):
            return came
        key = self._key(PrekeyId(came.wrap.kid), came.envelope.suite)
        try:
            return None if key is None else unseal(came, key)
        except UnreadableError as error:
            return error

    def _judged(
        self,
        came: Arrived | UnreadableError,
        unsealed: Unsealed | UnreadableError | None,
    ) -> Opened | UnreadableError:
        if isinstance(came, UnreadableError):
            return came
        if not isinstance(unsealed, Unsealed):
            return Opened(came, unsealed)
        try:
            return Opened(came, judge(unsealed, self._receiver))
        except UnreadableError as error:
            return Opened(came, error)

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
