"""Prekeys kept ahead: for the day without a line, and for what cannot wait for one.

While there is a line, a terminal keeps one epoch key of each terminal that it wrote to
last, and no more: a one-time key that nobody uses would be lost to everybody else, and
each kept key costs bytes on a bad line.  A courier bundle is sealed to them, and a
FLASH: it then leaves with the first cells of a session (PRE-19).

Source: docs/spec/courier-bundle.md (BUN-5), docs/spec/prekeys.md section 4.
"""

from typing import Final

from client.core.offered import Offered
from client.core.questions import CourierKeysWanted, Effect, Question
from client.core.station import Station
from crypto.types import Digest, KeyId
from protocol.codec import decode, encode
from protocol.limits import MAX_DOCUMENT
from protocol.requests import Ask, Offer, Offers, Prekeys
from protocol.trusted_manifest import Prekey

KEPT: Final = 8  # terminals that a key is kept of: those written to last
BULK: Final = 3  # lane: nobody waits for these
NEVER: Final = 1 << 48  # POSIX seconds


class KeptKeys:
    """One epoch key of each terminal written to last."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._beliefs = station.beliefs
        self._offered = Offered(station)
        self._look = False
        self._asked = False  # a question is on its way
        self._until = NEVER  # W at which the first kept key is over
        self._held: dict[KeyId, tuple[Digest, int]] = {}  # manifest and end of a key

    def connected(self) -> None:
        """Take note of a new session: what was asked in the last one is lost."""
        self._asked = False

    def look(self) -> None:
        """Take note of a newer directory, or of somebody who was written to."""
        self._look = True

    def pump(self) -> list[Effect]:
        """Return a question for the keys that are missing or over."""
        over = self._beliefs.witnessed >= self._until
        if self._asked or not (self._look or over):
            return []
        self._look, self._until = False, NEVER
        recent = map(self.current, self._vault.recent_terminals(KEPT))
        wanted = tuple(terminal for terminal in recent if not self._lasts(terminal))
        if not wanted:
            return []
        self._asked = True
        body = Prekeys(terminals=wanted, epoch=1)
        return [Question(CourierKeysWanted(), Ask.PREKEYS, body, BULK)]

    def offered(self, offers: Offers) -> None:
        """Keep the keys that came and are genuine."""
        self._asked = False
        for offer in offers.offers:
            prekey = self._offered.kept(offer)
            if prekey is None:
                continue
            with self._vault.transaction():
                self._vault.put(_kept(prekey.terminal), encode(offer))
            # A crash before the commit: the next session asks again.
            self._hold(prekey)

    def _lasts(self, terminal: KeyId) -> bool:
        """Tell whether the key that we keep is of the manifest that counts, for now."""
        if terminal not in self._held:
            self.key(terminal)
        manifest, until = self._held.get(terminal, (None, 0))
        named = self._beliefs.view().notice(terminal)
        if named is None or named.notice.manifest != manifest:
            return named is None  # nothing to be had, or something newer
        lasts = self._beliefs.witnessed < until
        if lasts:  # one that is over is asked for once, not until its owner is back
            self._until = min(self._until, until)
        return lasts

    def current(self, terminal: KeyId) -> KeyId:
        """Return the key that a terminal has now, by any that it had."""
        found = self._beliefs.view().successor(terminal)
        return terminal if found is None else found.key_id

    def key(self, terminal: KeyId) -> Prekey | None:
        """Return the key that we keep of a terminal, verified at today's view."""
        kept = self._vault.get(_kept(self.current(terminal)))
        if kept is None:
            return None
        prekey = self._offered.kept(decode(kept, Offer, limit=2 * MAX_DOCUMENT))
        if prekey is not None:
            self._hold(prekey)
        return prekey

    def _hold(self, prekey: Prekey) -> None:
        manifest = self._beliefs.book.manifests[prekey.terminal].digest
        self._held[prekey.terminal] = manifest, prekey.window.until
        self._until = min(self._until, prekey.window.until)


def _kept(terminal: KeyId) -> str:
    return f"courier.key.{terminal.hex()}"
