"""The manifests that this terminal made: which prekeys were its own, and are gone.

A nack is for a prekey that was ours and is gone, never for what a stranger names
(NACK-1).  The seeds cannot tell: they are gone.  So the manifests themselves are
remembered, 150 bytes each, for as long as somebody may still have sealed to them.
"""

from collections.abc import Iterable
from typing import Final

from client.core.ports import Vault
from client.core.seeds import Seed
from crypto.digest import H
from crypto.types import Digest, PrekeyId
from protocol.codec import decode, encode
from protocol.manifest import Manifest, PrekeyKind, prekey_id, window
from protocol.nack import Gone
from protocol.prekey_erasure import SUPERSEDED

NAMED: Final = "manifest.named"  # .generation: W when the log first named it
_MADE: Final = "manifest.made"  # .H(manifest): its generation
_LAST: Final = "manifest.generation"  # of the last one
_KEPT: Final = "manifests.own"
# One a day, and an outbox waits 30 days: whoever was away for longer made none.
REMEMBERED: Final = 64
Documents = tuple[bytes, ...]


class OwnManifests:
    """What this terminal has signed as its prekeys, oldest first."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def next_generation(self) -> int:
        """Return the generation of the manifest that is made next.

        Numbers begin anew with each identity key, generations never: they say whose
        seeds are older.
        """
        documents = self._documents()
        last = int.from_bytes(self._vault.get(_LAST) or b"", "big")
        return 1 + max(last, *(self.generation(one) for one in documents), 0)

    def remember(self, manifest: bytes) -> None:
        """Keep a manifest that is about to be published, in one transaction with it."""
        generation = self.next_generation().to_bytes(8, "big")
        kept = (*self._documents(), manifest)[-REMEMBERED:]
        self._vault.put(_KEPT, encode(kept))
        self._vault.put(f"{_MADE}.{H(manifest).hex()}", generation)
        self._vault.put(_LAST, generation)

    def generation(self, manifest: bytes) -> int:
        """Return the generation of a manifest that was remembered."""
        kept = self._vault.get(f"{_MADE}.{H(manifest).hex()}")
        if kept is not None:
            return int.from_bytes(kept, "big")
        return decode(manifest, Manifest).number  # of a vault before rotations

    def last(self) -> int:
        """Return the generation of the last one; 0: none was made."""
        return self.next_generation() - 1

    def names(self) -> frozenset[Digest]:
        """Return H(manifest) of each: what the log may say of us."""
        return frozenset(Digest(H(document)) for document in self._documents())

    def gone(
        self, kid: PrekeyId, held: Iterable[Seed], *, witnessed: int
    ) -> Gone | None:
        """Return why an own prekey without its seed is gone; None: never ours.

        Args:
            kid: as the envelope names it.
            held: all seeds that are left.
            witnessed: W, POSIX seconds.
        """
        numbers = {seed.manifest for seed in held}
        replaced: int | None = None  # W when the manifest after it was witnessed
        for document in reversed(self._documents()):
            manifest, name = decode(document, Manifest), Digest(H(document))
            for index in range(manifest.n):
                if prekey_id(manifest.suite, name, index) != kid:
                    continue
                when = window(manifest, index)
                if witnessed >= when.until or (
                    replaced is not None and witnessed >= replaced + SUPERSEDED
                ):
                    return Gone.ERASED
                if self.generation(document) not in numbers:
                    return Gone.LOST
                once = when.kind is PrekeyKind.ONE_TIME
                return Gone.USED if once else Gone.ERASED
            named = self._vault.get(f"{NAMED}.{self.generation(document)}")
            replaced = replaced if named is None else int.from_bytes(named, "big")
        return None

    def _documents(self) -> Documents:
        kept = self._vault.get(_KEPT)
        return () if kept is None else decode(kept, Documents)
