"""Prekeys that the relay offers: genuine ones out, and a word about the others.

An offer that is only behind or ahead of our directory is an honest race, and waits
for the next one.  One that is of another terminal, broken, or older than what the
relay's own log said before we asked is a lie, and people are told.
"""

from client.core.alarms import Alarm, Alarms
from client.core.questions import PrekeysWanted
from client.core.station import Station
from crypto.digest import H
from crypto.types import Digest, KeyId, PrekeyId, Signature
from protocol.codec import decode
from protocol.errors import (
    ChainError,
    ExpiredError,
    MalformedError,
    ProtocolError,
    RollbackError,
    VerificationError,
)
from protocol.manifest import Manifest, SignedManifest, prekey_id
from protocol.requests import Offer, Offers
from protocol.trusted_manifest import Prekey, PrekeyBook, TrustedManifest, choose


class Offered:
    """Believes prekeys for one terminal's outbox."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._beliefs = station.beliefs
        self._alarms = Alarms(station.vault)

    def genuine(
        self, offers: Offers, wanted: PrekeysWanted, now: int
    ) -> dict[KeyId, Prekey]:
        """Return the genuine prekeys by the first key of the terminal they are of."""
        found: dict[KeyId, Prekey] = {}
        for offer in offers.offers:
            try:
                prekey = self._genuine(offer)
            except (RollbackError, MalformedError):
                self._odd(offer, wanted, now)
            except ChainError:  # another manifest than the log names
                if self._is_behind(offer, wanted):
                    self._odd(offer, wanted, now)
            except ExpiredError:
                pass  # tomorrow's key by the relay's clock, a manifest that ran out
            except VerificationError:
                self._odd(offer, wanted, now)
            else:
                terminal = self._beliefs.view().terminal(prekey.terminal)
                if terminal is not None and prekey.terminal in wanted.terminals:
                    found[terminal.first] = prekey
                else:
                    self._odd(offer, wanted, now)
        return found

    def kept(self, offer: Offer) -> Prekey | None:
        """Return the key of an offer that may have grown old, if it is still good."""
        try:
            prekey = self._genuine(offer)
        except ProtocolError:
            return None
        return None if self.is_lost(prekey.terminal) else prekey

    def _genuine(self, offer: Offer) -> Prekey:
        beliefs = self._beliefs
        view = beliefs.view()
        signed = SignedManifest(offer.manifest, Signature(offer.signature))
        terminal = _terminal_of(offer)
        beliefs.book = self._remembered(terminal).adopt(terminal, signed, view)
        with self._vault.transaction():
            self._vault.put(_manifest_of(terminal), signed.manifest)
        prekey = beliefs.book.prekey(terminal, offer.index, offer.key, offer.path, view)
        return choose([prekey], beliefs.witnessed)

    def lost(self, terminal: KeyId, kid: PrekeyId) -> None:
        """Take a terminal's word that it lost the seeds of the manifest of ``kid``.

        Every other key of it is lost with them, so nothing is sealed to it until the
        log names the next one.  Inside the caller's transaction.
        """
        kept = self._vault.get(_manifest_of(terminal))
        if kept is None:
            return
        manifest, name = decode(kept, Manifest), Digest(H(kept))
        kids = (prekey_id(manifest.suite, name, n) for n in range(manifest.n))
        if kid in kids:
            # A crash after the caller's commit: it is lost for the next process too.
            self._vault.put(_lost_of(terminal), name)

    def is_lost(self, terminal: KeyId) -> bool:
        """Tell whether the manifest that was verified last is one of :meth:`lost`."""
        last = self._beliefs.book.manifests.get(terminal)
        return last is not None and self._vault.get(_lost_of(terminal)) == last.digest

    def _remembered(self, terminal: KeyId) -> PrekeyBook:
        """Return the book with the last manifest that verified before a restart.

        Without it a relay could name an old manifest again, whose keys may be stolen.
        """
        book = self._beliefs.book
        kept = self._vault.get(_manifest_of(terminal))
        if kept is None or terminal in book.manifests:
            return book
        last = TrustedManifest(decode(kept, Manifest), H(kept))
        return PrekeyBook({**book.manifests, terminal: last})

    def _is_behind(self, offer: Offer, wanted: PrekeysWanted) -> bool:
        """Tell whether the relay logged a newer manifest before we asked it."""
        manifest = decode(offer.manifest, Manifest)
        notice = self._beliefs.view().notice(KeyId(manifest.terminal))
        return (
            notice is not None
            and notice.index < wanted.size
            and manifest.number <= notice.notice.number
        )

    def _odd(self, offer: Offer, wanted: PrekeysWanted, now: int) -> None:
        """Tell people, with the post that was asked for, where one is meant."""
        view = self._beliefs.view()
        try:
            terminal = view.terminal(_terminal_of(offer))
        except MalformedError:
            terminal = None
        if terminal is None or terminal.key_id not in wanted.terminals:
            terminal = view.terminal(wanted.terminals[0])
        elif terminal.ended is not None:
            return  # it ended after we asked, by the log or a bulletin: nobody lies
        post = "" if terminal is None else terminal.post
        with self._vault.transaction():
            self._alarms.tell(Alarm.PREKEY_ODD, now, None, post)


def _terminal_of(offer: Offer) -> KeyId:
    """Return the terminal that a manifest claims to be of; nothing is believed yet.

    Raises:
        MalformedError: not a manifest.
    """
    return KeyId(decode(offer.manifest, Manifest).terminal)


def _lost_of(terminal: KeyId) -> str:
    return f"manifest.lost.{terminal.hex()}"


def _manifest_of(terminal: KeyId) -> str:
    return f"manifest.of.{terminal.hex()}"
