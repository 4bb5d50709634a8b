"""Every key that a relay or a witness holds, and which of them is in force.

``keys/relay.seeds`` is the first set of seeds, ``relay-2.seeds`` the next, and so on; a
file is never changed.  ``rotate`` writes the next one, with fresh seeds for what is to
be rotated and the old ones for the rest, and its public part for the root ceremony.
Nothing switches by that: what is used is whatever the root document names, part by
part, looked up in all the sets.  So there is no flag day and no step between two keys
in which a crash could stop the relay: before the new root document is in the log the
old keys are named, from then on the new ones are, and both are here.

Until ``rotate --finish`` the old keys stay, and sign beside the new ones what a
terminal checks that was away (:mod:`server.services.checkpoints`).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import structs

from crypto.certificate import Certificate
from crypto.entropy import Entropy
from crypto.notekey import NoteAlgorithm, NoteSigningKey
from crypto.sign import SigningKey
from crypto.suite import SUITES
from crypto.types import Secret
from protocol.codec import encode
from protocol.requests import LogName
from protocol.root import LogKey, RootDocument
from protocol.witness_policy import WitnessKey
from server.config import ConfigError, Home
from server.files import sync_folder, write_atomic
from server.keys import RelayKeys, RelaySeeds, WitnessSeeds, load_seeds, relay_keys

RELAY, WITNESS = "relay", "witness"
PARTS: Final = {
    "identity": ("identity",),
    "log": ("key_log", "message_log"),
    "tls": ("tls",),
}


def seed_files(home: Home, name: str) -> list[Path]:
    """Return the files of seeds in ``home``, the oldest first."""
    shape = re.compile(rf"{name}(?:-(\d{{1,4}}))?\.seeds")
    found = []
    for path in home.keys.glob(f"{name}*.seeds"):
        match = shape.fullmatch(path.name)
        if match is not None:
            found.append((int(match[1] or 1), path))
    return [path for _, path in sorted(found)]


def _next_file(home: Home, name: str) -> Path:
    last = seed_files(home, name)[-1].stem.removeprefix(name).removeprefix("-")
    return home.keys / f"{name}-{int(last or 1) + 1}.seeds"


@dataclass
class RelayRing:
    """What the relay can sign with, the oldest first; it looks again when asked."""

    identities: Sequence[SigningKey] = field(repr=False)
    notes: Mapping[LogName, Sequence[NoteSigningKey]] = field(repr=False)
    certificates: Sequence[Certificate] = field(repr=False, default=())
    again: "Callable[[], RelayRing] | None" = field(repr=False, default=None)

    @classmethod
    def of(cls, sets: Sequence[RelayKeys]) -> "RelayRing":
        """Return the ring of sets of keys."""
        seeds = {
            LogName.KEY: [one.key_log for one in sets],
            LogName.MESSAGE: [one.message_log for one in sets],
        }
        return cls(
            identities=[one.identity for one in sets],
            notes={log: [_note(seed) for seed in each] for log, each in seeds.items()},
            certificates=[one.certificate for one in sets],
        )

    def lacks(self, root: RootDocument) -> bool:
        """Tell whether ``root`` names something that is not here, not even by now.

        A set that was made since the start is found: the relay needs no restart.
        """
        if self._has(root):
            return False
        if self.again is not None:
            found = self.again()
            self.identities, self.notes = found.identities, found.notes
            self.certificates = found.certificates
        return not self._has(root)

    def _has(self, root: RootDocument) -> bool:
        pins = [one.pin for one in self.certificates]
        return (
            any(key.public == root.relay.key.public for key in self.identities)
            and all(
                any(key.public == log.public for key in self.notes[name])
                for name, log in _logs(root)
            )
            and (not pins or root.relay.tls_pin in pins)  # none: plain HTTP
        )

    def require(self, root: RootDocument) -> None:
        """Return if everything that ``root`` names is here.

        Raises:
            ConfigError: another relay's root document, or lost keys.
        """
        if self.lacks(root):
            raise ConfigError("the root document names another relay's keys")

    def identity(self, root: RootDocument) -> SigningKey:
        """Return what signs day keys under ``root``; :meth:`require` holds."""
        return next(
            key for key in self.identities if key.public == root.relay.key.public
        )

    def certificate(self, root: RootDocument) -> Certificate:
        """Return the certificate whose pin ``root`` names; :meth:`require` holds."""
        return next(one for one in self.certificates if one.pin == root.relay.tls_pin)

    def signing(
        self, log: LogName, key: LogKey, former: Iterable[LogKey]
    ) -> list[NoteSigningKey]:
        """Return what signs the notes of ``log``: its key, then those it had.

        A terminal that was away knows an older root document only; it believes the
        older line until it has followed the newer document.
        """
        older = [one.public for one in former if one.origin == key.origin]
        mine = {bytes(one.public): one for one in self.notes[log]}
        return [mine[one] for one in dict.fromkeys((key.public, *older)) if one in mine]


def _note(seed: Secret) -> NoteSigningKey:
    return NoteSigningKey.from_seed(NoteAlgorithm.ED25519, seed)


def _logs(root: RootDocument) -> Iterable[tuple[LogName, LogKey]]:
    return (LogName.KEY, root.key_log), (LogName.MESSAGE, root.message_log)


def load_relay_ring(home: Home, entropy: Entropy) -> RelayRing:
    """Return the relay's keys.

    Raises:
        ConfigError: none there, readable by others, or not a seeds file.
    """
    files = seed_files(home, RELAY) or [home.keys / f"{RELAY}.seeds"]
    ring = RelayRing.of(
        [relay_keys(load_seeds(path, RelaySeeds), entropy) for path in files]
    )
    ring.again = partial(load_relay_ring, home, entropy)
    return ring


def load_witness_ring(home: Home) -> list[WitnessSeeds]:
    """Return the witness's seeds, the oldest first.

    Raises:
        ConfigError: none there, readable by others, or not a seeds file.
    """
    files = seed_files(home, WITNESS) or [home.keys / f"{WITNESS}.seeds"]
    return [load_seeds(path, WitnessSeeds) for path in files]


def next_relay(home: Home, what: Iterable[str], entropy: Entropy) -> RelaySeeds:
    """Write the relay's next set of seeds, and return it.

    A crash before the rename leaves no new set; one after it a set that no root
    document names, and that nobody uses: `rotate` is typed again.

    Raises:
        ConfigError: as :func:`load_relay_ring`.
    """
    load_relay_ring(home, entropy)
    seeds = load_seeds(seed_files(home, RELAY)[-1], RelaySeeds)
    fresh: dict[str, bytes] = {}
    for part in what:
        for name in PARTS[part]:
            size = SUITES[seeds.suite].signature_seed if name == "identity" else 32
            fresh[name] = entropy(size)
    made = structs.replace(seeds, **fresh)
    write_atomic(_next_file(home, RELAY), encode(made))
    return made


def next_witness(home: Home, entropy: Entropy) -> WitnessSeeds:
    """Write the witness's next pair of seeds, and return it; as :func:`next_relay`."""
    last = load_witness_ring(home)[-1]
    made = structs.replace(last, ed25519=entropy(32), mldsa44=entropy(32))
    write_atomic(_next_file(home, WITNESS), encode(made))
    return made


def finish_relay(home: Home, root: RootDocument, entropy: Entropy) -> int:
    """Forget the sets before the last one; return how many they were.

    The last one is whole, so it is enough once the root document names all of it.  A
    crash in between leaves some of the old ones, which nobody uses.

    Raises:
        ConfigError: the root document names other keys than the last set's.
    """
    files = seed_files(home, RELAY) or [home.keys / f"{RELAY}.seeds"]
    last = relay_keys(load_seeds(files[-1], RelaySeeds), entropy)
    if RelayRing.of([last]).lacks(root):
        raise ConfigError("the root document does not name the last keys yet")
    return _forget(files[:-1])


def finish_witness(home: Home, root: RootDocument) -> int:
    """Forget the pairs before the last one; as :func:`finish_relay`."""
    if named_in([root], load_witness_ring(home)[-1:]) == []:
        raise ConfigError("the root document does not name the last keys yet")
    return _forget(seed_files(home, WITNESS)[:-1])


def _forget(files: Sequence[Path]) -> int:
    for path in files:
        path.unlink()
    for folder in {path.parent for path in files}:
        sync_folder(folder)
    return len(files)


def note_pair(seeds: WitnessSeeds) -> tuple[NoteSigningKey, NoteSigningKey]:
    """Return the Ed25519 and the ML-DSA-44 key of ``seeds``."""
    return (
        _note(Secret(seeds.ed25519)),
        NoteSigningKey.from_seed(NoteAlgorithm.ML_DSA_44, Secret(seeds.mldsa44)),
    )


def named_in(
    roots: Iterable[RootDocument], ring: Sequence[WitnessSeeds]
) -> list[tuple[NoteSigningKey, NoteSigningKey]]:
    """Return the pairs of ``ring`` that one of ``roots`` names, the newest first."""
    named = {_names(witness) for root in roots for witness in root.witnesses.witnesses}
    pairs = [(seeds.name, note_pair(seeds)) for seeds in reversed(ring)]
    return [
        (ed25519, mldsa44)
        for name, (ed25519, mldsa44) in pairs
        if (name, ed25519.public, mldsa44.public) in named
    ]


def _names(witness: WitnessKey) -> tuple[str, bytes, bytes]:
    return witness.name, witness.ed25519, witness.mldsa44
