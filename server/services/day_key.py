"""The relay's day key: what hellos are sealed to, new each day, in memory only.

After a restart there is a new one: a session never outlives its process anyway.  A
handshake that is under way keeps the key that it began with.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from crypto.entropy import Entropy
from crypto.session import SessionKemKey
from crypto.sign import SigningKey
from crypto.suite import SUITES
from crypto.types import Secret
from protocol.handshake import Challenge, DayKey, sign_day_key
from protocol.root import RootDocument, realm_of
from server.clock import Clock

LIFE: Final = 86_400  # seconds that a day key is offered
GRACE: Final = 86_400  # seconds beyond: its document outlives slow witnesses' time


@dataclass(frozen=True, slots=True)
class Offered:
    """A day key, and what is said of it."""

    signed: Challenge
    key: SessionKemKey
    start: int  # POSIX seconds; it is offered for LIFE from here
    root: RootDocument  # under which it was made


class DayKeys:
    """Makes them, one at a time, as time goes by or is corrected."""

    def __init__(
        self,
        identity: Callable[[RootDocument], SigningKey],
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        """Take what a day key is made with; ``identity`` knows the key of a root."""
        self._identity = identity
        self._clock = clock
        self._entropy = entropy
        self._offered: Offered | None = None

    def current(self, root: RootDocument) -> Offered:
        """Return today's key under this root's identity, suite and realm."""
        now = self._clock.wall()
        last = self._offered
        # Time may also fall, once: from a wrong machine's to the witnesses'.
        if (
            last is None
            or last.root is not root
            or not last.start <= now < last.start + LIFE
        ):
            last = self._offered = self._made(root, now)
        return last

    def _made(self, root: RootDocument, start: int) -> Offered:
        suite, identity = root.suite, self._identity(root)
        seed = Secret(self._entropy(SUITES[suite].kem_seed))
        key = SessionKemKey.from_seed(suite, seed)
        document = DayKey(
            v=1,
            relay=identity.id,
            suite=suite,
            public=key.public,
            start=start,
            until=start + LIFE + GRACE,
        )
        signed = sign_day_key(identity, document, realm_of(root))
        return Offered(signed, key, start, root)
