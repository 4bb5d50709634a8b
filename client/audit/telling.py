"""Findings as JSON, and as lines for a person: (code, parts) for the catalogues."""

from collections.abc import Iterator
from typing import Any

from client.audit.verifying import NAMES, Verified
from client.present import iso, level_of, subject_of
from protocol.directory_state import Adopted
from protocol.evidence.findings import Findings, Shown, Sighted, Signer, Standing, Told
from protocol.record_type import RecordType
from protocol.trusted_directory import Outcome

SHORT = 12  # hexadecimal characters of a key or a name that people compare
Line = tuple[str, dict[str, object]]


def findings_json(found: Findings) -> Any:  # noqa: ANN401 -- JSON
    """Return everything that a bundle proves."""
    record = found.record.record
    last = found.checkpoints[-1]
    return {
        "ministry": found.ministry,
        "root": found.root.hex(),
        "version": found.version,
        "name": found.record.name.hex(),
        "type": RecordType(record.type).name.lower(),
        "from": record.sender,
        "to": [addressee.post for addressee in record.to],
        "level": level_of(record),
        "subject": subject_of(record),
        "written": iso(record.ts),
        "witnessed": iso(found.record.witnessed),
        "index": found.record.index,
        "attachments": [attachment.digest.hex() for attachment in record.atts],
        "signatures": [*_signatures("record", found.record)],
        "receipts": [_receipt(told) for told in found.receipts],
        "cosignatures": [
            line for shown in _checkpoints(found) for line in _cosigned(shown)
        ],
        "key_log": {
            "size": last.size,
            "root": last.root.hex(),
            "witnessed": iso(last.witnessed),
            "refused": [one.index for one in found.refused],
        },
    }


def _checkpoints(found: Findings) -> tuple[Shown, ...]:
    """Return each checkpoint once, in the order of the bundle."""
    every = (
        *found.checkpoints,
        found.record.checkpoint,
        *(told.carrier.checkpoint for told in found.receipts),
    )
    return tuple(dict.fromkeys(every))


def _cosigned(shown: Shown) -> Iterator[dict[str, Any]]:
    for line in shown.lines:
        yield {
            "log": shown.origin,
            "size": shown.size,
            "by": line.name,
            "algorithm": line.algorithm,
            "at": None if line.time is None else iso(line.time),
        }


def _signatures(of: str, one: Sighted) -> Iterator[dict[str, Any]]:
    for signer in (one.terminal, one.member):
        if signer is not None:
            yield {"of": of, **_signer(signer)}


def _signer(signer: Signer) -> dict[str, Any]:
    return {
        "post": signer.post,
        "terminal": signer.number,
        "member": signer.name or None,
        "key": signer.key.hex(),
        "standing": signer.standing.value,
        "ended": None if signer.ended is None else signer.ended.reason,
    }


def _receipt(told: Told) -> dict[str, Any]:
    return {
        "kind": told.statement.kind.name.lower(),
        "said": iso(told.statement.time),
        "witnessed": iso(told.carrier.witnessed),
        "index": told.carrier.index,
        "reason": told.statement.reason,
        "carrier": told.carrier.name.hex(),
        "signatures": [*_signatures("receipt", told.carrier)],
        **_signer(told.signer),
    }


def findings_lines(found: Findings) -> Iterator[Line]:
    """Yield what a bundle proves, a sentence each."""
    told = findings_json(found)
    yield "audit.of-ministry", {"ministry": found.ministry, "root": told["root"]}
    yield (
        "audit.record",
        {
            "id": told["name"][:SHORT],
            "post": told["from"],
            "to": ", ".join(told["to"]),
            "level": told["level"],
            "subject": told["subject"] or "-",
        },
    )
    yield (
        "audit.witnessed",
        {"at": told["witnessed"], "index": told["index"], "written": told["written"]},
    )
    for one in told["signatures"]:
        yield _line(one)
    for receipt in told["receipts"]:
        yield (
            f"audit.receipt-{receipt['kind']}",
            {
                "post": receipt["post"],
                "said": receipt["said"],
                "at": receipt["witnessed"],
            },
        )
        for one in receipt["signatures"]:
            yield _line(one)
    for line in told["cosignatures"]:
        if line["at"] is None:
            yield "audit.log-line", line
        else:
            yield "audit.witness-line", line
    log = told["key_log"]
    yield (
        "audit.key-log",
        {"size": log["size"], "at": log["witnessed"], "refused": len(log["refused"])},
    )


def _line(one: dict[str, Any]) -> Line:
    who = "terminal" if one["member"] is None else "member"
    code = f"audit.signed-{who}-{one['standing']}"
    return code, {**one, "key": one["key"][:SHORT], "ended": one["ended"] or "-"}


def is_doubted(found: Findings) -> bool:
    """Tell whether somebody signed with a key that had ended, for all that is shown."""
    return any(signer.standing is Standing.ENDED for signer in found.signers())


def verified_json(found: Verified) -> Any:  # noqa: ANN401 -- JSON
    """Return what was found of one log."""
    return {
        "log": NAMES[found.log],
        "size": found.size,
        "root": found.root.hex(),
        "witnessed": iso(found.witnessed) if found.witnessed else None,
        "wrong": [code.removeprefix("audit.") for code in found.wrong],
        "unread": found.unread,
        "entries": [_outcome(one) for one in found.outcomes],
    }


def _outcome(one: Outcome) -> dict[str, Any]:
    if not isinstance(one, Adopted):
        return {"index": one.index, "verdict": "refused", "why": str(one.error)}
    return {
        "index": one.index,
        "verdict": "adopted",
        "kind": one.kind.name.lower(),
        "action": None if one.action is None else one.action.name.lower(),
        "post": one.post,
        "signers": sorted(key.hex()[:SHORT] for key in one.signers),
    }
