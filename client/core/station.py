"""What every part of the core works with: one terminal, unlocked."""

from dataclasses import dataclass

from client.core.beliefs import Beliefs
from client.core.identity import Identity
from client.core.ports import Vault
from client.core.seeds import Seeds
from crypto.entropy import Entropy


@dataclass(frozen=True, slots=True)
class Station:
    """Stores, keys, beliefs and randomness of one terminal."""

    vault: Vault
    seeds: Seeds
    identity: Identity
    beliefs: Beliefs
    entropy: Entropy
