"""Whose cosignatures count, and how many: part of the root document.

A quorum is k distinct witnesses, of k distinct organisations, by their ML-DSA-44
keys, with at least one mirror among them: a witness that durably stores every entry
before it cosigns, so that a relay without its disk can be filled again.

Source: docs/spec/log.md section 5.
"""

from typing import Annotated

from msgspec import Meta

from crypto.notekey import NoteAlgorithm, NoteVerifyKey
from crypto.types import PublicKey
from protocol.codec import Message
from protocol.cosignature import Cosigner
from protocol.errors import ThresholdError
from protocol.fields import Bytes32, Name, UInt8

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


def require_quorum(policy: WitnessPolicy, names: frozenset[str]) -> None:
    """Return if the witnesses ``names`` are a quorum.

    Raises:
        ThresholdError: too few organisations, or no mirror among them.
    """
    present = [witness for witness in policy.witnesses if witness.name in names]
    organisations = {witness.organisation for witness in present}
    mirrored = any(witness.mirror for witness in present)
    if len(organisations) < policy.quorum or not mirrored:
        raise ThresholdError(
            valid=len(organisations),
            required=policy.quorum,
            missing=frozenset(
                witness.name.encode()
                for witness in policy.witnesses
                if witness.name not in names
            ),
        )
