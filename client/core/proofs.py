"""Proofs of inclusion that the relay was asked for, one leaf each."""

from client.core.forgotten import Forgotten
from client.core.inbox import Inbox
from client.core.outbox import Outbox, deposited
from client.core.questions import Effect, HeldProofWanted, ProofWanted
from client.core.station import Station
from client.core.sync import Sync
from protocol.errors import VerificationError
from protocol.requests import Proof
from protocol.tlog_proof import write_proof


class Proofs:
    """Verifies what comes, and keeps it beside the record or the deposit."""

    def __init__(
        self,
        station: Station,
        sync: Sync,
        inbox: Inbox,
        outbox: Outbox,
        forgotten: Forgotten,
    ) -> None:
        self._vault = station.vault
        self._beliefs = station.beliefs
        self._sync = sync
        self._inbox = inbox
        self._outbox = outbox
        self._forgotten = forgotten

    def answered(
        self, tag: ProofWanted | HeldProofWanted, answer: Proof, now: int
    ) -> list[Effect]:
        """Verify inclusion under the checkpoint that the question named.

        Raises:
            VerificationError: it proves nothing of what came to us.
        """
        if isinstance(tag, HeldProofWanted):
            self._inbox.proven(tag, answer, now)
            return []
        log = self._beliefs.message_log
        if log.size != tag.size:
            return []  # the log moved on: the next round asks again
        leaf = self._sync.leaf(tag)
        try:
            log.check_inclusion(leaf, tag.index, answer.path)
        except VerificationError:
            if not tag.own:
                raise
            return [*map(deposited, self._forgotten.unproven(tag.name, now))]
        proof = write_proof(tag.index, answer.path, log.note)
        if tag.own:
            self._outbox.proven(tag.name, proof, log.witnessed, now)
        else:
            with self._vault.transaction():
                self._vault.set_proof(tag.name, proof)
        return []
