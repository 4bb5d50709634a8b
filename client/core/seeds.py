"""The key sheet, as the core sees it: seeds by prekey id, and their end."""

from collections.abc import Collection, Iterable
from typing import Annotated, Protocol

from msgspec import Meta

from crypto.types import PrekeyId
from protocol.codec import Message
from protocol.fields import Bytes32, PrekeyIdField, Time, UInt8, UInt32, UInt48


class Seed(Message):
    """One prekey's private half, and what decides about its end."""

    kid: PrekeyIdField
    manifest: UInt48  # the manifest's generation: later ones have higher
    index: UInt32
    kind: UInt8
    start: Time
    until: Time
    seed: Bytes32


SeedList = Annotated[tuple[Seed, ...], Meta(max_length=8192)]


class Seeds(Protocol):
    """Where seeds are kept; changes are durable on return."""

    def seed(self, kid: PrekeyId) -> Seed | None:
        """Return the seed of a prekey, or None if it is gone or was never ours."""

    def seeds(self) -> list[Seed]:
        """Return all seeds that are left."""

    def add(self, seeds: Iterable[Seed]) -> None:
        """Keep new seeds, before their public halves are published."""

    def erase(self, kids: Collection[PrekeyId]) -> None:
        """Erase seeds; those that are gone already do not matter."""
