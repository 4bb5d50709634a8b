"""The outbox: from a record that people signed to its last receipt.

A record waits here until every terminal that it is for has it, by that terminal's
own receipt.  Sealing happens when the relay is there and the directory is fresh; the
envelope is then kept, so that a retry sends the same bytes.  Where each record stands
is :mod:`protocol.delivery`'s business; this module gives it events and carries out
its effects.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from client.core.compose import Composed
from client.core.questions import Deposited, Effect, PrekeysWanted, Question
from client.core.rows import OUT, Deposit, RecordRow, Target
from client.core.sealing import Recipient, Sealed, Sender, seal
from client.core.station import Station
from crypto.digest import H
from crypto.merkle import leaf_hash
from crypto.types import ZERO_DIGEST, Digest, KeyId, Signature, StreamId
from protocol import delivery
from protocol.codec import decode
from protocol.decision import Decision, draft_of, may_send
from protocol.directory_view import Terminal
from protocol.errors import (
    ExpiredError,
    FreshnessError,
    PolicyError,
    ProtocolError,
    Reason,
)
from protocol.given import Given, give
from protocol.label import Level, Precedence
from protocol.leaf import message_leaf
from protocol.limits import MAX_RECORD
from protocol.manifest import Manifest, SignedManifest
from protocol.record import Record
from protocol.requests import Ask, Offer, Offers, Prekeys, Submit
from protocol.signed import SignatureLine
from protocol.slip import Place
from protocol.trusted_manifest import Prekey, PrekeyBook, TrustedManifest, choose

STREAM = "stream.id"
STREAM_BYTES = 16


class Outbox:
    """Records on their way out."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._identity = station.identity
        self._beliefs = station.beliefs
        self._entropy = station.entropy
        self._asked: set[Digest] = set()  # records whose prekeys were asked for

    # --- composed

    def enqueue(self, composed: Composed, now: int) -> None:
        """Put a record into the outbox, inside the caller's transaction.

        Raises:
            PolicyError: an addressee may not have it, or is not there.
        """
        record = composed.record
        targets = self._receivers(record)
        self._vault.add_record(
            RecordRow(
                name=composed.name,
                id=record.id,
                way=OUT,
                type=record.type,
                post=record.sender,
                at=now,
                document=composed.document,
                release=b"" if composed.release is None else composed.release.signature,
            )
        )
        retention = self._beliefs.view().policy.retention
        for terminal in targets:
            started, _ = delivery.begin(now + retention)
            self._vault.add_target(
                Target(composed.name, terminal.key_id, terminal.post, None, started)
            )

    def _receivers(self, record: Record) -> tuple[Terminal, ...]:
        """Return every terminal to seal to, or refuse for the first rule broken."""
        decision = self._decision(record)
        for refusal in decision.refusals:
            raise PolicyError(refusal.reason, post=refusal.post)
        return decision.terminals

    def _allowed(self, name: Digest) -> tuple[Terminal, ...]:
        """Return the terminals that may have a waiting record by today's directory.

        What an addressee lost since holds up that addressee; what the message or
        this terminal lost holds up all.
        """
        try:
            decision = self._decision(self._record(name))
        except PolicyError:
            return ()
        own = self._identity.post
        if any(refusal.post in {None, own} for refusal in decision.refusals):
            return ()
        return decision.terminals

    def may_have(self, name: Digest) -> frozenset[KeyId]:
        """Return the terminals that may have a waiting record by today's directory.

        Raises:
            PolicyError: the message, or this terminal, may not go at all any more.
        """
        decision = self._decision(self._record(name))
        for refusal in decision.refusals:
            if refusal.post in {None, self._identity.post}:
                raise PolicyError(refusal.reason, post=refusal.post)
        return frozenset(terminal.key_id for terminal in decision.terminals)

    def _decision(self, record: Record) -> Decision:
        view = self._beliefs.view()
        own = view.terminal(self._identity.terminal.id)
        if own is None or own.ended is not None:
            raise PolicyError(Reason.NOT_ACTIVE)
        return may_send(
            draft_of(record), own, view, now=record.ts, archive=bool(view.root.archive)
        )

    # --- sealing

    def pump(self, wall: int) -> list[Effect]:
        """Return what can be done now: prekeys to ask for, envelopes to deposit."""
        wanted: dict[Digest, list[KeyId]] = {}
        for target in self._vault.waiting(delivery.State.COMPOSED):
            if target.name not in self._asked and self._may_seal(target.name, wall):
                wanted.setdefault(target.name, []).append(target.terminal)
        effects: list[Effect] = []
        for name, terminals in wanted.items():
            self._asked.add(name)
            question = PrekeysWanted((name,))
            body = Prekeys(terminals=tuple(terminals))
            lane = self._lane(name)
            effects.append(Question(question, Ask.PREKEYS, body, lane))
        return effects

    def redeposit(self) -> list[Effect]:
        """Return every envelope that the relay has not confirmed: after a cut."""
        self._asked.clear()
        return [deposited(deposit) for deposit in self._vault.unstored()]

    def synced(self) -> None:
        """Take note of a newer directory: what still waits may be asked for again."""
        self._asked.clear()

    def offered(
        self, names: Iterable[Digest], offers: Offers, now: int
    ) -> list[Effect]:
        """Seal records to the prekeys that came, and deposit them.

        A terminal without a genuine prekey, or that may not have the record any more,
        keeps it waiting for the next directory or session; the others get theirs.
        """
        found: dict[KeyId, Prekey] = {}
        for offer in offers.offers:
            prekey = self.genuine(offer)
            if prekey is not None:
                found[prekey.terminal] = prekey
        effects: list[Effect] = []
        for name in names:
            effects.extend(self._seal(name, found, now))
        return effects

    def genuine(self, offer: Offer) -> Prekey | None:
        """Return the offered key, if the log names its manifest and it is for now."""
        beliefs = self._beliefs
        view = beliefs.view()
        signed = SignedManifest(offer.manifest, Signature(offer.signature))
        try:
            terminal = terminal_of(signed)
            beliefs.book = self._remembered(terminal).adopt(terminal, signed, view)
            with self._vault.transaction():
                self._vault.put(_manifest_of(terminal), signed.manifest)
            prekey = beliefs.book.prekey(
                terminal, offer.index, offer.key, offer.path, view
            )
            return choose([prekey], beliefs.witnessed)
        except ProtocolError:
            return None

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

    def _seal(
        self, name: Digest, prekeys: dict[KeyId, Prekey], now: int
    ) -> list[Effect]:
        row = self._vault.record(name)
        if row is None or not self._may_seal(name, now):
            return []
        allowed = {terminal.key_id for terminal in self._allowed(name)}
        targets = [
            target
            for target in self._vault.targets(name)
            if target.delivery.state is delivery.State.COMPOSED
            and target.terminal in allowed & prekeys.keys()
        ]
        if not targets:
            return []
        with self._vault.transaction():
            placed = [self._placed(target) for target in targets]
            sealed = seal(
                row.document,
                sender=self._sender(),
                recipients=[_recipient(t, prekeys[t.terminal]) for t in placed],
                entropy=self._entropy,
                release=self._release(row),
            )
            deposit = self._deposit(sealed)
            self._vault.add_deposit(deposit)
            for target in placed:
                event = delivery.Sealed(deposit.envelope, prekeys[target.terminal].kid)
                after, _ = delivery.step(target.delivery, event)
                self._vault.set_target(replace(target, delivery=after))
            # A crash after this commit: the envelope is here, `redeposit` sends it.
            self._vault.add_event(now, "sealed", name, "")
        return [deposited(deposit)]

    def seal_apart(
        self,
        row: RecordRow,
        targets: Sequence[Target],
        prekeys: Mapping[KeyId, Prekey],
        now: int,
    ) -> bytes:
        """Return an envelope that goes another way than by the relay.

        Places are given as for any sealing; the delivery stands where it stood.
        """
        with self._vault.transaction():
            placed = [self._placed(target) for target in targets]
            sealed = seal(
                row.document,
                sender=self._sender(),
                recipients=[_recipient(t, prekeys[t.terminal]) for t in placed],
                entropy=self._entropy,
                release=self._release(row),
            )
            for target in placed:
                self._vault.set_target(target)
            # A crash before the commit: no file was written; after it: the places
            # are given, and the next sealing has the same.
            self._vault.add_event(now, "couriered", row.name, "")
        return sealed.envelope

    def _placed(self, target: Target) -> Target:
        """Return the target with its place in the stream, given once."""
        if target.place is not None:
            return target
        last = self._vault.stream_out(target.terminal)
        if last is None:
            stream = self._vault.get(STREAM)
            if stream is None:
                stream = self._entropy(STREAM_BYTES)
                self._vault.put(STREAM, stream)
            last = Place(StreamId(stream), 0, ZERO_DIGEST)
        given, place = give(Given(*last), target.name)
        after = Place(given.stream, given.seq, given.last)
        self._vault.set_stream_out(target.terminal, after)
        return replace(target, place=place)

    def _sender(self) -> Sender:
        view = self._beliefs.view()
        return Sender(
            self._identity.terminal, view, self._beliefs.heads, view.policy.floor
        )

    def _release(self, row: RecordRow) -> SignatureLine | None:
        if not row.release:
            return None
        record = decode(row.document, Record, limit=MAX_RECORD)
        return SignatureLine(record.by[0], Signature(row.release))

    def _deposit(self, sealed: Sealed) -> Deposit:
        return Deposit(
            envelope=H(sealed.envelope),
            name=sealed.name,
            sealed=sealed.envelope,
            slip=sealed.slip,
            commitment=sealed.commitment,
            leaf=message_leaf(sealed.commitment, sealed.body),
            lane=self._lane(sealed.name),
        )

    def _may_seal(self, name: Digest, wall: int) -> bool:
        record = self._record(name)
        level = Level.ONGERUBRICEERD if record.label is None else record.label.level
        try:
            self._beliefs.view().require_current()  # an expired root: read-only
            self._beliefs.require_fresh(level, wall)
        except (ExpiredError, FreshnessError):
            return False
        return True

    def _lane(self, name: Digest) -> int:
        addressees = self._record(name).to
        return max((a.precedence for a in addressees), default=Precedence.ROUTINE).lane

    def _record(self, name: Digest) -> Record:
        row = self._vault.record(name)
        if row is None:
            raise RuntimeError("a target without its record")
        return decode(row.document, Record, limit=MAX_RECORD)

    # --- what the relay and the log say

    def stored(self, envelope: Digest, index: int, leaf: bytes, now: int) -> None:
        """Note that the relay has the envelope durably, and where its leaf is.

        Args:
            envelope: H(envelope).
            index: in the message log.
            leaf: RFC 6962 hash of the leaf, as the relay logged it.
            now: the wall clock.
        """
        deposit = self._vault.deposit(envelope)
        if deposit is None or deposit.log_index is not None:
            return
        if leaf != leaf_hash(deposit.leaf):  # logged as something else: never accepted
            self._vault.add_event(now, "leaf-odd", deposit.name, "")
            return
        with self._vault.transaction():
            self._vault.set_deposit(replace(deposit, log_index=index))
            self._step(deposit, delivery.Stored(envelope))
            if deposit.proof is not None:  # proven once, before the relay lost it
                self._step(deposit, delivery.Proven(envelope))
            # A crash before this commit: it is deposited again, and answered again.
            self._vault.add_event(now, "stored", deposit.name, "")

    def proven(self, envelope: Digest, proof: bytes, witnessed: int, now: int) -> None:
        """Note that the leaf of a deposit stands in the witnessed log."""
        deposit = self._vault.deposit(envelope)
        if deposit is None:
            return
        with self._vault.transaction():
            after = replace(deposit, accepted=witnessed, proof=proof)
            self._vault.set_deposit(after)
            self._step(deposit, delivery.Proven(envelope))
            # A crash before this commit: the proof is asked for again.
            self._vault.add_event(now, "accepted", deposit.name, "")

    def _step(self, deposit: Deposit, event: delivery.Event) -> None:
        for target in self._vault.targets(deposit.name):
            if target.delivery.envelope == deposit.envelope:
                after, _ = delivery.step(target.delivery, event)
                self._vault.set_target(replace(target, delivery=after))


def terminal_of(signed: SignedManifest) -> KeyId:
    """Return the terminal that a manifest claims to be of; nothing is believed yet.

    Raises:
        MalformedError: not a manifest.
    """
    return decode(signed.manifest, Manifest).terminal


def _manifest_of(terminal: KeyId) -> str:
    return f"manifest.of.{terminal.hex()}"


def _recipient(target: Target, prekey: Prekey) -> Recipient:
    if target.place is None:
        raise RuntimeError("a target without its place")
    return Recipient(
        post=target.post,
        key_id=target.terminal,
        mailbox=prekey.mailbox,
        kid=prekey.kid,
        public=prekey.public,
        place=target.place,
    )


def deposited(deposit: Deposit) -> Deposited:
    """Return the wish to hand a sealed envelope to the relay."""
    if deposit.sealed is None:
        raise RuntimeError("an envelope that is gone is not deposited")
    body = Submit(envelope=deposit.sealed, commitment=deposit.commitment)
    return Deposited(deposit.envelope, body, deposit.lane)
