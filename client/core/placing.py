"""Sealing with a place: each record gets its place in each stream once.

A place survives every reseal and every way a record goes; the stream's id is drawn
when it is first needed, and anew after a restore (docs/spec/delivery-and-streams.md
section 2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from client.core.rows import RecordRow, Target
from client.core.sealing import Recipient, Sealed, Sender, seal
from client.core.station import Station
from crypto.types import ZERO_DIGEST, KeyId, Signature, StreamId
from protocol.codec import decode
from protocol.given import Given, give
from protocol.limits import MAX_RECORD
from protocol.record import Record
from protocol.signed import SignatureLine
from protocol.slip import Place
from protocol.trusted_manifest import Prekey

STREAM: Final = "stream.id"
STREAM_BYTES: Final = 16


class PlacedSealing:
    """Seals records of this terminal, inside the caller's transaction."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._identity = station.identity
        self._beliefs = station.beliefs
        self._entropy = station.entropy

    def seal(
        self,
        row: RecordRow,
        targets: Sequence[Target],
        prekeys: Mapping[KeyId, Prekey],
    ) -> tuple[Sealed, list[Target]]:
        """Return a sealing of a record, and the targets with their places.

        Raises:
            PolicyError: as :func:`client.core.sealing.seal`.
        """
        placed = [self._placed(target) for target in targets]
        view = self._beliefs.view()
        sealed = seal(
            row.document,
            sender=Sender(
                self._identity.terminal, view, self._beliefs.heads, view.policy.floor
            ),
            recipients=[_recipient(t, prekeys[t.terminal]) for t in placed],
            entropy=self._entropy,
            release=_release(row),
        )
        return sealed, placed

    def stream(self) -> StreamId:
        """Return the id of the stream that new peers are written to in."""
        stream = self._vault.get(STREAM)
        if stream is None:
            stream = self._entropy(STREAM_BYTES)
            self._vault.put(STREAM, stream)
        return StreamId(stream)

    def _placed(self, target: Target) -> Target:
        """Return the target with its place in the stream, given once."""
        if target.place is not None:
            return target
        last = self._vault.stream_out(target.terminal)
        if last is None:
            last = Place(self.stream(), 0, ZERO_DIGEST)
        given, place = give(Given(*last), target.name)
        after = Place(given.stream, given.seq, given.last)
        self._vault.set_stream_out(target.terminal, after)
        return replace(target, place=place)


def _release(row: RecordRow) -> SignatureLine | None:
    if not row.release:
        return None
    record = decode(row.document, Record, limit=MAX_RECORD)
    return SignatureLine(record.by[0], Signature(row.release))


def _recipient(target: Target, prekey: Prekey) -> Recipient:
    if target.place is None:
        raise RuntimeError("a target without its place")
    return Recipient(
        post=target.post,
        key_id=prekey.terminal,
        mailbox=prekey.mailbox,
        kid=prekey.kid,
        public=prekey.public,
        place=target.place,
    )
