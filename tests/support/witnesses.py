"""Three witnesses of three organisations, and the keys of both logs."""

from crypto.notekey import NoteAlgorithm, NoteSigningKey
from crypto.types import Secret
from protocol.root import LogKey
from protocol.witness_policy import WitnessKey, WitnessPolicy
from tests.support.keys import stretched

ORGANISATIONS = {"w1": "BZ", "w2": "NCSC-NL", "w3": "Nationaal Archief"}


def note_key(name: str, algorithm: NoteAlgorithm) -> NoteSigningKey:
    seed = Secret(stretched(f"note/{algorithm.value}/{name}", 32))
    return NoteSigningKey.from_seed(algorithm, seed)


def witness_key(name: str) -> WitnessKey:
    return WitnessKey(
        name=f"{name}.example/witness",
        organisation=ORGANISATIONS[name],
        ed25519=note_key(name, NoteAlgorithm.ED25519).public,
        mldsa44=note_key(name, NoteAlgorithm.ML_DSA_44).public,
        address=f"https://{name}.example",
        mirror=int(name != "w3"),
    )


def log_key(log: str) -> LogKey:
    public = note_key(log, NoteAlgorithm.ED25519).public
    return LogKey(f"relay.example/{log}", public)


WITNESS_POLICY = WitnessPolicy(
    witnesses=tuple(map(witness_key, ORGANISATIONS)), quorum=2
)
