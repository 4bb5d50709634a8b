"""The next root document of a ministry in memory, signed by two of its holders."""

from typing import Any

from msgspec import structs

from crypto.notekey import NoteAlgorithm
from protocol.codec import encode
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.root import LogKey
from protocol.witness_policy import WitnessPolicy
from server.keys import WitnessSeeds
from tests.support.keys import stretched
from tests.support.ministry import Ministry, sign_root
from tests.support.witnesses import ORGANISATIONS, log_key, note_key, witness_key


def next_root(people: Ministry, *, holders: int = 2, **changes: Any) -> bytes:  # noqa: ANN401 -- fields of any type
    """Return the leaf of the next version, with these fields changed."""
    root = people.directory.root
    document = structs.replace(
        root.document,
        **{"version": root.document.version + 1, "prev": root.digest, **changes},
    )
    signed = sign_root(encode(document), people.holders[:holders], people.realm)
    return signed_leaf(LeafKind.ROOT, signed)


def rekeyed(log: str) -> LogKey:
    """Return the log of that name with its second key."""
    return LogKey(log_key(log).origin, log_key(f"{log}/2").public)


def second_keys() -> WitnessPolicy:
    """Return the three witnesses, each with its second pair of keys."""
    witnesses = tuple(
        structs.replace(
            witness_key(name),
            ed25519=note_key(f"{name}/2", NoteAlgorithm.ED25519).public,
            mldsa44=note_key(f"{name}/2", NoteAlgorithm.ML_DSA_44).public,
        )
        for name in ORGANISATIONS
    )
    return WitnessPolicy(witnesses=witnesses, quorum=2)


def seeds(name: str, number: int = 1) -> WitnessSeeds:
    """Return the seeds of a witness's first or second pair."""
    keys = name if number == 1 else f"{name}/{number}"
    ed25519, mldsa44 = (
        stretched(f"note/{algorithm.value}/{keys}", 32)
        for algorithm in (NoteAlgorithm.ED25519, NoteAlgorithm.ML_DSA_44)
    )
    whole = f"{name}.example/witness"
    return WitnessSeeds(v=1, name=whole, ed25519=ed25519, mldsa44=mldsa44)
