"""Every key and nonce that something was encrypted under, each allowed once.

A recorder at the seams where ``crypto`` meets its libraries, and where a prekey that
serves once is sealed to.  It only looks: what is encrypted is what it would be without.

::

    with spending() as spent:
        ...                    # SpentTwiceError where a pair comes a second time
    assert spent["body"] > 0

Not seen are the pages of a vault's database, each under a nonce that SQLite3 Multiple
Ciphers draws for it at each write.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.secret import Aead

from client.core.placing import PlacedSealing
from client.core.rows import RecordRow, Target
from client.core.sealing import Sealed
from crypto import _chunked, _hpke, session, stream
from crypto.suite import SUITES, SuiteId
from crypto.types import KeyId
from protocol.manifest import PrekeyKind
from protocol.trusted_manifest import Prekey


class SpentTwiceError(AssertionError):
    """A key, or a nonce under its key, served a second time."""


class Spent:
    """What was spent in one run, and how often of each kind."""

    def __init__(self) -> None:
        self._names: set[bytes] = set()
        self.count: Counter[str] = Counter()

    def __getitem__(self, kind: str) -> int:
        return self.count[kind]

    def once(self, kind: str, *parts: bytes) -> None:
        """Take note that something served, which may not do so again."""
        name = hashlib.sha256()
        for part in (kind.encode(), *parts):
            name.update(len(part).to_bytes(8, "big") + part)
        if name.digest() in self._names:
            raise SpentTwiceError(kind)
        self._names.add(name.digest())
        self.count[kind] += 1


@contextmanager
def spending() -> Iterator[Spent]:
    """Look at everything that is encrypted in this process, until the block ends."""
    spent = Spent()
    with pytest.MonkeyPatch.context() as patch:
        _boxes(patch, spent)
        _frames(patch, spent)
        _wraps(patch, spent)
        _bodies(patch, spent)
        _prekeys(patch, spent)
        yield spent


def _boxes(patch: pytest.MonkeyPatch, spent: Spent) -> None:
    encrypt = Aead.encrypt

    def seen(self: Aead, plaintext: bytes, aad: bytes, nonce: bytes) -> Any:  # noqa: ANN401 -- nacl's
        spent.once("box", bytes(self), nonce)
        return encrypt(self, plaintext, aad, nonce)

    patch.setattr(Aead, "encrypt", seen)


def _frames(patch: pytest.MonkeyPatch, spent: Spent) -> None:
    class Seen:
        def __init__(self, key: bytes) -> None:
            self._key, self._aead = key, AESGCM(key)

        def encrypt(self, nonce: bytes, data: bytes, aad: None) -> bytes:
            spent.once("frame", self._key, nonce)
            return self._aead.encrypt(nonce, data, aad)

        def decrypt(self, nonce: bytes, data: bytes, aad: None) -> bytes:
            return self._aead.decrypt(nonce, data, aad)

    patch.setattr(session, "AESGCM", Seen)


def _wraps(patch: pytest.MonkeyPatch, spent: Spent) -> None:
    """The key and nonce of an HPKE ciphertext are those of its encapsulation."""
    seal = _hpke.seal

    def seen(suite: SuiteId, public: bytes, info: bytes, plaintext: bytes) -> bytes:
        sealed = seal(suite, public, info, plaintext)
        spent.once("wrap", public, sealed[: SUITES[suite].kem_enc])
        return sealed

    patch.setattr(_hpke, "seal", seen)


def _bodies(patch: pytest.MonkeyPatch, spent: Spent) -> None:
    """A content key is of one ciphertext, whose chunks it counts by itself."""
    for module, kind in ((_chunked, "body"), (stream, "attachment")):
        made = module.Cobblestone256Encryptor

        def seen(key: bytes, context: bytes, made: Any = made, kind: str = kind) -> Any:  # noqa: ANN401 -- the library's
            spent.once(kind, key)
            return made(key, context)

        patch.setattr(module, "Cobblestone256Encryptor", seen)


def _prekeys(patch: pytest.MonkeyPatch, spent: Spent) -> None:
    """A one-time key is of one envelope, whoever seals to it."""
    seal = PlacedSealing.seal

    def seen(
        self: PlacedSealing,
        row: RecordRow,
        targets: Sequence[Target],
        prekeys: Mapping[KeyId, Prekey],
    ) -> tuple[Sealed, list[Target]]:
        for target in targets:
            prekey = prekeys[target.terminal]
            if prekey.window.kind is PrekeyKind.ONE_TIME:
                spent.once("one-time key", prekey.kid)
        return seal(self, row, targets, prekeys)

    patch.setattr(PlacedSealing, "seal", seen)
