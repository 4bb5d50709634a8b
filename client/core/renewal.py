"""Going on in a new stream: when a peer froze the old one, or the member asks.

A peer that found two records in one place takes nothing more in that stream; the
alarm that it sends is no verdict, and what people write must arrive all the same.  So
this terminal draws a new stream for that peer, and what the peer has not confirmed is
given a place in it and sealed anew (docs/spec/delivery-and-streams.md, DEL-29).
"""

from collections.abc import Callable
from dataclasses import replace

from client.core.placing import STREAM, STREAM_BYTES
from client.core.station import Station
from client.core.tracking import Tracking
from crypto.types import ZERO_DIGEST, Digest, KeyId, StreamId
from protocol.delivery import Nacked, State
from protocol.slip import Place


class Renewal:
    """Ends streams of this terminal and begins new ones."""

    def __init__(self, station: Station, again: Callable[[Digest], None]) -> None:
        """``again`` is told each record that is to be sealed anew."""
        self._vault = station.vault
        self._entropy = station.entropy
        self._tracking = Tracking(station.vault)
        self._again = again

    def frozen(
        self, terminal: KeyId, post: str, stream: bytes | None, now: int
    ) -> None:
        """Take a peer's word that it froze ``stream``, in the caller's transaction.

        Of a stream that was left already it says nothing: its word may come twice.
        """
        last = self._vault.stream_out(terminal)
        if last is not None and stream == last.stream:
            self._leave(terminal, last, now)
            self._vault.add_event(now, "stream-renewed", None, post)

    def renew(self, now: int) -> int:
        """Begin a new stream with everybody; return with how many terminals.

        For a member who fears that somebody has a copy of this vault: what the copy
        sends in the old streams is then told apart.
        """
        with self._vault.transaction():
            self._vault.put(STREAM, self._entropy(STREAM_BYTES))
            peers = self._vault.streams_out()
            for terminal, last in peers:
                self._leave(terminal, last, now)
            self._vault.add_event(now, "streams-renewed", None, "")
            # A crash before the commit: the old streams, and the member asks again.
        return len(peers)

    def _leave(self, terminal: KeyId, last: Place, now: int) -> None:
        new = StreamId(self._entropy(STREAM_BYTES))
        self._vault.set_stream_out(terminal, Place(new, 0, ZERO_DIGEST))
        for target in self._vault.open_at(terminal, last.stream, (1, last.seq)):
            moved = target
            for kid in target.delivery.kids[-1:]:
                # Its seal is worth no more than one whose key is gone, and counts as
                # that: who freezes each stream costs no more than who loses all keys.
                moved = self._tracking.move(target, Nacked(kid), now)
            if moved.delivery.state is State.COMPOSED:
                self._vault.set_target(replace(moved, place=None, asked=0))
                self._again(target.name)
