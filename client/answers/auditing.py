"""What the agent answers to an auditor: evidence of one record, and the logs.

The agent reaches no network for it: the paths that it lacks are asked for by
``audit-wanted`` and brought by the command, and whatever it makes of them is verified
before it is written.
"""

import base64
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from client.answers.names import Answer, Arguments, find, short
from client.core.evidence import (
    Gathered,
    LackingError,
    Paths,
    gather,
    made,
    proof_of,
    reigning,
    wanted,
)
from client.core.machine import Machine
from client.core.ports import Vault
from client.core.rows import RecordRow
from client.core.witnesses import EVIDENCE
from client.exits import AgentRefusal, Exit
from client.files import write_atomic
from client.present import iso
from client.vault.making import PIN
from crypto.digest import H
from crypto.notekey import NoteAlgorithm
from crypto.types import Digest
from protocol.checkpoint import parse_checkpoint
from protocol.codec import decode
from protocol.cosignature import cosigned_at
from protocol.errors import FreshnessError, VerificationError
from protocol.evidence.check import verify_bundle
from protocol.evidence.findings import EvidenceError
from protocol.limits import MAX_NOTE
from protocol.note import parse_note
from protocol.tlog_proof import verify_proof
from protocol.trusted_log import TrustedLog
from protocol.witness_policy import cosigner

PAGE: Final = 4 * 1024 * 1024  # bytes of entries in one answer


class AuditAnswers:
    """Answers of one unlocked terminal."""

    def __init__(self, machine: Machine, vault: Vault) -> None:
        self._machine = machine
        self._vault = vault

    @property
    def methods(self) -> Mapping[str, Answer]:
        """The methods by name."""
        return {
            "audit-status": self._status,
            "audit-entries": self._entries,
            "audit-wanted": self._wanted,
            "audit-prove": self._prove,
            "audit-evidence": self._evidence,
        }

    # --- the logs

    def _status(self, _: Arguments) -> Any:  # noqa: ANN401 -- JSON
        beliefs = self._machine.beliefs
        if beliefs.directory is None:
            raise FreshnessError("nothing was synchronised yet")
        logs = {"key": beliefs.key_log, "message": beliefs.message_log}
        kept = self._vault.get(EVIDENCE)
        notes = (
            () if kept is None else decode(kept, tuple[bytes, ...], limit=4 * MAX_NOTE)
        )
        return {
            **{name: _told(log) for name, log in logs.items()},
            "evidence": [note.decode() for note in notes],
        }

    def _entries(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Return entries of the key log from a position on, as many as fit."""
        start, size = int(arguments["start"]), 0
        entries: list[str] = []
        rows = self._vault.entries()
        for entry, _ in rows[start:]:
            size += len(entry)
            if entries and size > PAGE:
                break
            entries.append(base64.b64encode(entry).decode())
        return {"start": start, "size": len(rows), "entries": entries}

    # --- one record

    def _wanted(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Return the paths that evidence needs, whichever checkpoints it will take."""
        row = find(self._vault, arguments["id"])
        plans = [wanted(plan) for plan in self._plans(row)]
        return {
            "consistency": sorted({s for plan in plans for s in plan.consistency}),
            "inclusion": sorted({s for plan in plans for s in plan.inclusion}),
        }

    def _plans(self, row: RecordRow) -> list[Gathered]:
        try:
            plans = [gather(self._vault, row)]
        except LackingError as error:
            status = Exit.REFUSED
            raise AgentRefusal(f"audit.{error.lacking.value}", status, {}) from None
        with contextlib.suppress(LackingError):  # the last checkpoint is not so far yet
            plans.append(gather(self._vault, row, fresh=True))
        return plans

    def _prove(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        row = find(self._vault, arguments["id"])
        root = self._machine.beliefs.view().root
        reigns = reigning(self._vault, self._machine.identity.realm)
        for plan in self._plans(row):
            proof = proof_of(plan.record, _paths(arguments), reigns)
            try:
                logged = verify_proof(
                    proof, plan.record.leaf, root.message_log, root.witnesses
                )
            except VerificationError:
                continue  # by witnesses that the root document does not name any more
            return {
                "id": short(row.name),
                "name": row.name.hex(),
                "leaf": plan.record.leaf.hex(),
                "index": logged.index,
                "size": logged.size,
                "witnessed": iso(logged.witnessed),
                "proof": proof.decode(),
            }
        raise AgentRefusal("audit.evidence-unproven", Exit.INTEGRITY, {})

    def _evidence(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        row = find(self._vault, arguments["id"])
        paths, realm = _paths(arguments), self._machine.identity.realm
        pin = Digest(self._vault.get(PIN) or b"")
        reigns = reigning(self._vault, realm)
        for plan in self._plans(row):
            data = made(self._vault, plan, paths, reigns)
            try:
                found = verify_bundle(data, pin, realm)
            except EvidenceError:
                continue  # the next plan takes the last checkpoint for all
            out = Path(arguments["file"])
            write_atomic(out, data)
            return {
                "id": short(row.name),
                "name": row.name.hex(),
                "file": str(out),
                "bytes": len(data),
                "sha256": H(data).hex(),
                "receipts": len(found.receipts),
                "unproven": plan.unproven,
            }
        raise AgentRefusal("audit.evidence-unproven", Exit.INTEGRITY, {})


def _paths(arguments: Arguments) -> Paths:
    """Return the paths that the command brought; what is missing is empty."""
    brought = (_by_span(arguments[name]) for name in ("consistency", "inclusion"))
    return Paths(*brought)


def _by_span(rows: Any) -> dict[tuple[int, int], tuple[Digest, ...]]:  # noqa: ANN401
    return {
        (int(first), int(second)): tuple(Digest(bytes.fromhex(n)) for n in nodes)
        for first, second, nodes in rows
    }


def _told(log: TrustedLog) -> Any:  # noqa: ANN401 -- JSON
    note = parse_note(log.note) if log.note else None
    witnesses = []
    for witness in log.policy.witnesses:
        time = None
        if note is not None:
            key = cosigner(witness, NoteAlgorithm.ML_DSA_44)
            time = cosigned_at(note, parse_checkpoint(note.text), key)
        witnesses.append(
            {
                "name": witness.name,
                "organisation": witness.organisation,
                "mirror": bool(witness.mirror),
                "cosigned": None if time is None else iso(time),
            }
        )
    return {
        "origin": log.key.origin,
        "size": log.size,
        "root": log.root.hex(),
        "witnessed": iso(log.witnessed),
        "quorum": log.policy.quorum,
        "witnesses": witnesses,
    }
