"""Signatures that cost nothing, behind the same classes: for the deep volume only.

A stand-in signature is a hash of the public key, the context and the message.  Anybody
could make one; nobody here does, because what a council forges it forges by signing
other bytes, in another realm, or with other keys.  Lengths, contexts, key ids and the
refusal are those of the real ones.
"""

import hashlib
from typing import Final

import pytest

from crypto.errors import SignatureError
from crypto.notekey import NoteAlgorithm, NoteSigningKey, NoteVerifyKey
from crypto.sign import Realm, SigningKey, Usage, VerifyKey, context
from crypto.suite import SUITES
from crypto.types import Signature

NOTES: Final = {NoteAlgorithm.ED25519: 64, NoteAlgorithm.ML_DSA_44: 2420}


def _made(public: bytes, ctx: bytes, message: bytes, size: int) -> bytes:
    name = hashlib.blake2b(public).digest() + bytes([len(ctx)]) + ctx
    return hashlib.shake_128(name + message).digest(size)


def _sign(self: SigningKey, usage: Usage, message: bytes, *, realm: Realm) -> Signature:
    size = SUITES[self.suite].signature
    return Signature(_made(self.public, context(usage, realm), message, size))


def _verify(
    self: VerifyKey, signature: bytes, usage: Usage, message: bytes, realm: Realm
) -> None:
    size = SUITES[self.suite].signature
    if signature != _made(self.public, context(usage, realm), message, size):
        raise SignatureError


def _sign_note(self: NoteSigningKey, message: bytes) -> bytes:
    return _made(self.public, b"", message, NOTES[self.algorithm])


def _verify_note(self: NoteVerifyKey, signature: bytes, message: bytes) -> None:
    if signature != _made(self.public, b"", message, NOTES[self.algorithm]):
        raise SignatureError


def stand_in(patch: pytest.MonkeyPatch) -> None:
    """Let this process sign and verify for nothing until the patch is undone."""
    patch.setattr(SigningKey, "sign", _sign)
    patch.setattr(VerifyKey, "verify", _verify)
    patch.setattr(NoteSigningKey, "sign", _sign_note)
    patch.setattr(NoteVerifyKey, "verify", _verify_note)
