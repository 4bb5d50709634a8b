"""The courier bundle: a record on a medium, where there is no line.

A bundle is sealed without the relay, at the last view of the directory, to keys that
were fetched while the line was there (:mod:`client.core.kept_keys`).

Exporting changes nothing of the record's way by the relay: it waits in the outbox as
before, and is sealed again there under a fresh directory.  The receiver tells the two
apart by nothing: the record is the same, and so is its place in the stream.

Source: docs/spec/courier-bundle.md.
"""

import enum
from collections.abc import Collection
from dataclasses import dataclass

from client.core.inbox import Inbox
from client.core.kept_keys import KeptKeys
from client.core.outbox import Outbox
from client.core.rows import RecordRow
from client.core.sealing import Arrived, UnreadableError, arrived, open_envelope
from client.core.station import Station
from crypto.kem import KemKey
from crypto.types import Digest, Secret
from protocol.admit import Outcome
from protocol.courier import (
    SenderView,
    check_view,
    make_bundle,
    read_bundle,
    sender_view,
)
from protocol.delivery import State
from protocol.errors import MalformedError, ProtocolError, StrangerError
from protocol.manifest import PrekeyKind

_ARRIVED = frozenset({State.DELIVERED, State.READ, State.ACKNOWLEDGED, State.REFUSED})


class Trouble(enum.Enum):
    """Why no bundle was made, or why one was not taken."""

    NO_KEY = "no-key"  # no key of any addressee is kept that is for now
    ARRIVED = "arrived"  # everybody has the record already
    NO_BUNDLE = "no-bundle"  # not a bundle of this version
    NOT_FOR_US = "not-for-us"
    KEY_GONE = "key-gone"  # our seed was erased: too long on its way
    STRANGER = "stranger"  # its signer is not in our directory: look for news first
    UNREADABLE = "unreadable"


class CourierError(Exception):
    """No bundle, for the reason that ``trouble`` names; nothing was changed."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Packed:
    """A file to carry away, and whom it is for."""

    data: bytes
    posts: tuple[str, ...]  # each has a terminal that can open it
    without: tuple[str, ...]  # addressees that it is not for
    view: int  # W of the directory it was sealed at, POSIX seconds


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A record that came by courier."""

    name: Digest
    known: bool  # it was here already
    shown: bool  # it is in the inbox; else it is kept unread
    view: int  # W of the sender's directory; 0: unknown


class Courier:
    """Bundles out and in."""

    def __init__(
        self, station: Station, outbox: Outbox, inbox: Inbox, kept: KeptKeys
    ) -> None:
        self._vault = station.vault
        self._identity = station.identity
        self._beliefs = station.beliefs
        self._seeds = station.seeds
        self._outbox = outbox
        self._inbox = inbox
        self._kept = kept

    # --- out

    def pack(self, row: RecordRow, only: Collection[str], now: int) -> Packed:
        """Return a bundle of a record that was written here.

        Args:
            row: the record.
            only: posts to pack it for; empty: all addressees.
            now: the wall clock, for the event.

        Raises:
            FreshnessError: this terminal was never synchronised.
            ExpiredError: the root document is over: nothing is sealed.
            PolicyError: the record, or this terminal, may not send any more.
            CourierError: NO_KEY, ARRIVED.
        """
        self._beliefs.view().require_current()
        allowed = self._outbox.may_have(row.name)
        targets = [
            target
            for target in self._vault.targets(row.name)
            if not only or target.post in only
        ]
        missing = [
            target for target in targets if target.delivery.state not in _ARRIVED
        ]
        if not missing:
            raise CourierError(Trouble.ARRIVED)
        keys = {
            target.terminal: key
            for target in missing
            if target.terminal in allowed
            and (key := self._kept.key(target.terminal)) is not None
        }
        if not keys:
            raise CourierError(Trouble.NO_KEY)
        chosen = [target for target in missing if target.terminal in keys]
        envelope = self._outbox.seal_apart(row, chosen, keys, now)
        posts = {target.post for target in chosen}
        every = {target.post for target in self._vault.targets(row.name)}
        return Packed(
            data=make_bundle(envelope, self._beliefs.key_log.note),
            posts=tuple(sorted(posts)),
            without=tuple(sorted(every - posts)),
            view=self._beliefs.witnessed,
        )

    # --- in

    def unpack(self, data: bytes, now: int) -> Unpacked:
        """Take a record out of a bundle, as if the relay had delivered it.

        Raises:
            FreshnessError: this terminal was never synchronised.
            CourierError: NO_BUNDLE, NOT_FOR_US, KEY_GONE, STRANGER, UNREADABLE.
        """
        try:
            carried = read_bundle(data)
        except MalformedError:
            raise CourierError(Trouble.NO_BUNDLE) from None
        receiver = self._inbox.receiver()
        try:
            split = carried.envelope.split(receiver.own.mailbox)
        except KeyError:
            raise CourierError(Trouble.NOT_FOR_US) from None
        try:
            outcome = self._opened(arrived(split, receiver))
            view = sender_view(carried.note, self._beliefs.key_log)
            check_view(view, outcome.genuine.slip.dir)
        except (UnreadableError, ProtocolError) as error:
            stranger = isinstance(error.__cause__, StrangerError)
            trouble = Trouble.STRANGER if stranger else Trouble.UNREADABLE
            raise CourierError(trouble) from None
        return self._taken(outcome, view, now)

    def _opened(self, came: Arrived) -> Outcome:
        seed = self._seeds.seed(came.wrap.kid)
        if seed is None:
            raise CourierError(Trouble.KEY_GONE)
        if seed.kind != PrekeyKind.EPOCH:  # of the relay's way: erased by that alone
            raise CourierError(Trouble.UNREADABLE)
        key = KemKey.from_seed(came.envelope.suite, Secret(seed.seed))
        return open_envelope(came, key, self._inbox.receiver())

    def _taken(self, outcome: Outcome, view: SenderView, now: int) -> Unpacked:
        name = outcome.genuine.name
        before = self._vault.record(name)
        with self._vault.transaction():
            self._inbox.take(outcome, None, now)
            if before is None:
                self._vault.put(view_of(name), view.witnessed.to_bytes(8, "big"))
        # A crash before the commit: nothing came, and the file is still there.
        after = self._vault.record(name)
        return Unpacked(
            name=name,
            known=before is not None,
            shown=after is not None and after.refused is None,
            view=view.witnessed,
        )


def view_of(name: Digest) -> str:
    """Return the vault's name for the view that a record by courier was sealed at."""
    return f"courier.view.{name.hex()}"
