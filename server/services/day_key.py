"""The relay's day key: what hellos are sealed to, new each day, in memory only.

After a restart there is a new one: a session never outlives its process anyway.  The
last one is kept for handshakes that were under way when the day changed.
"""

from dataclasses import dataclass
from typing import Final

from crypto.entropy import Entropy
from crypto.session import SessionKemKey
from crypto.sign import Realm, SigningKey
from crypto.suite import SUITES, SuiteId
from crypto.types import Secret
from protocol.handshake import Challenge, DayKey, sign_day_key
from server.clock import Clock

LIFE: Final = 86_400  # seconds that a day key is offered
GRACE: Final = 86_400  # seconds beyond: its document outlives slow witnesses' time


@dataclass(frozen=True, slots=True)
class Offered:
    """A day key, and what is said of it."""

    signed: Challenge
    key: SessionKemKey
    until: float  # monotonic seconds: then another is made


class DayKeys:
    """Makes them, one at a time."""

    def __init__(self, identity: SigningKey, clock: Clock, entropy: Entropy) -> None:
        self._identity = identity
        self._clock = clock
        self._entropy = entropy
        self._offered: Offered | None = None

    def current(self, suite: SuiteId, realm: Realm) -> Offered:
        """Return today's key under this root's suite and realm."""
        now = self._clock.monotonic()
        if self._offered is None or now >= self._offered.until:
            self._offered = self._made(suite, realm, now + LIFE)
        return self._offered

    def _made(self, suite: SuiteId, realm: Realm, until: float) -> Offered:
        seed = Secret(self._entropy(SUITES[suite].kem_seed))
        key = SessionKemKey.from_seed(suite, seed)
        start = self._clock.wall()
        document = DayKey(
            v=1,
            relay=self._identity.id,
            suite=suite,
            public=key.public,
            start=start,
            until=start + LIFE + GRACE,
        )
        return Offered(sign_day_key(self._identity, document, realm), key, until)
