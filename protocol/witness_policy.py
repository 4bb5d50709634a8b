"""Whose cosignatures count, and how many: part of the root document.

A quorum is k distinct organisations, by the ML-DSA-44 keys of their witnesses, with
at least one mirror among them: a witness that durably stores every entry before it
cosigns, so that a relay without its disk can be filled again.  Two witnesses of one
organisation are one voice, in the count and in the time.

Source: docs/spec/log.md section 5.
"""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from crypto.notekey import NoteAlgorithm, NoteVerifyKey
from crypto.types import PublicKey
from protocol.checkpoint import Checkpoint
from protocol.codec import Message
from protocol.cosignature import Cosigner, cosigned_at
from protocol.errors import ThresholdError
from protocol.fields import Bytes32, Name, UInt8
from protocol.note import Note

MlDsa44Public = Annotated[PublicKey, Meta(min_length=1312, max_length=1312)]
KeyName = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9./-]{0,99}\Z")]
WitnessAddress = Annotated[str, Meta(pattern=r"\Ahttps?://[!-~]{1,200}\Z")]


class WitnessKey(Message):
    """One witness."""

    name: KeyName
    organisation: Name
    ed25519: Bytes32
    mldsa44: MlDsa44Public
    address: WitnessAddress
    mirror: UInt8 = 0  # 1: stores all entries before it cosigns


class WitnessPolicy(Message):
    """The witnesses of a root document and their quorum."""

    witnesses: Annotated[tuple[WitnessKey, ...], Meta(min_length=1, max_length=16)]
    quorum: Annotated[int, Meta(ge=1, le=16)]


def cosigner(witness: WitnessKey, algorithm: NoteAlgorithm) -> Cosigner:
    """Return the witness's key of one kind.

    Raises:
        KeyFormatError: not a key; root documents with such keys are refused.
    """
    public = witness.ed25519
    if algorithm is NoteAlgorithm.ML_DSA_44:
        public = witness.mldsa44
    return Cosigner(witness.name, NoteVerifyKey.parse(algorithm, public))


def quorum_time(
    policy: WitnessPolicy,
    note: Note,
    checkpoint: Checkpoint,
    algorithm: NoteAlgorithm = NoteAlgorithm.ML_DSA_44,
) -> int:
    """Return the time that a quorum of witnesses vouches for.

    It is the k-th largest of the organisations' latest times: k - 1 organisations
    that lie cannot move it into the future.

    Args:
        policy: of the root document in force.
        note: the checkpoint's, its log signature verified.
        checkpoint: the note's text, parsed.
        algorithm: ML-DSA-44 for whatever is adopted; Ed25519 for freshness only.

    Raises:
        MalformedError: a witness's line without a time.
        VerificationError: a witness's line that does not verify.
        ThresholdError: too few organisations, or no mirror among them.
    """
    times: dict[WitnessKey, int] = {}
    for witness in policy.witnesses:
        time = cosigned_at(note, checkpoint, cosigner(witness, algorithm))
        if time is not None:
            times[witness] = time
    _require_quorum(policy, times)
    latest: dict[str, int] = {}
    for witness, time in times.items():
        organisation = witness.organisation
        latest[organisation] = max(time, latest.get(organisation, 0))
    return sorted(latest.values(), reverse=True)[policy.quorum - 1]


def _require_quorum(policy: WitnessPolicy, times: Mapping[WitnessKey, int]) -> None:
    organisations = {witness.organisation for witness in times}
    mirrored = any(witness.mirror for witness in times)
    if len(organisations) < policy.quorum or not mirrored:
        raise ThresholdError(
            valid=len(organisations),
            required=policy.quorum,
            missing=frozenset(
                witness.name.encode()
                for witness in policy.witnesses
                if witness not in times
            ),
        )
