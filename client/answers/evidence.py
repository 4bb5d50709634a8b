"""What a kept proof says, for people and for the summary of a demonstration."""

from typing import Any

from crypto.notekey import NoteAlgorithm
from protocol.checkpoint import parse_checkpoint
from protocol.cosignature import cosigned_at
from protocol.note import Note, parse_note
from protocol.tlog_proof import read_proof
from protocol.witness_policy import WitnessKey, WitnessPolicy, cosigner


def evidence_of(proof: bytes, policy: WitnessPolicy) -> dict[str, Any]:
    """Return leaf, checkpoint and number of witnesses of a tlog-proof from the vault.

    Only proofs that :mod:`client.core.machine` verified are kept; what is counted
    here is who cosigned the very checkpoint under which it did.
    """
    found = read_proof(proof)
    note = parse_note(found.note)
    return {
        "verified": True,
        "leaf": found.index,
        "checkpoint": parse_checkpoint(note.text).size,
        "witnesses": witnesses_of(found.note, policy),
    }


def witnesses_of(data: bytes, policy: WitnessPolicy) -> int:
    """Return how many witnesses of the policy cosigned an adopted note."""
    note = parse_note(data)
    return sum(_cosigned(note, witness) for witness in policy.witnesses)


def _cosigned(note: Note, witness: WitnessKey) -> bool:
    key = cosigner(witness, NoteAlgorithm.ML_DSA_44)
    return cosigned_at(note, parse_checkpoint(note.text), key) is not None
