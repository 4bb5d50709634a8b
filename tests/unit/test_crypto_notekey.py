"""Keys of logs and witnesses (docs/spec/log.md)."""

import copy
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crypto.errors import KeyFormatError, SignatureError
from crypto.notekey import NoteAlgorithm, NoteSigningKey, NoteVerifyKey
from crypto.types import Secret
from tests.support.keys import flipped, secret

MESSAGE = b"koerier.example/log\n3\nroot=\n"
LENGTHS = {NoteAlgorithm.ED25519: (32, 64), NoteAlgorithm.ML_DSA_44: (1312, 2420)}
both = pytest.mark.parametrize("algorithm", NoteAlgorithm)


def key_of(algorithm: NoteAlgorithm, name: str = "log") -> NoteSigningKey:
    return NoteSigningKey.from_seed(algorithm, secret(name))


@both
def test_a_line_verifies_under_its_key_only(algorithm: NoteAlgorithm) -> None:
    key = key_of(algorithm)
    signature = key.sign(MESSAGE)
    public = NoteVerifyKey.parse(algorithm, key.public)
    public.verify(signature, MESSAGE)
    assert (len(key.public), len(signature)) == LENGTHS[algorithm]
    other = NoteVerifyKey.parse(algorithm, key_of(algorithm, "witness").public)
    for verifier, given, text in (
        (other, signature, MESSAGE),
        (public, signature, MESSAGE + b"\n"),
        (public, flipped(signature, 9), MESSAGE),
        (public, signature[:-1], MESSAGE),
        (public, b"", MESSAGE),
    ):
        with pytest.raises(SignatureError):
            verifier.verify(given, text)


def test_ed25519_is_the_one_of_rfc_8032() -> None:
    key = key_of(NoteAlgorithm.ED25519)
    library = Ed25519PrivateKey.from_private_bytes(secret("log").reveal())
    assert key.public == library.public_key().public_bytes_raw()
    assert key.sign(MESSAGE) == library.sign(MESSAGE)


@both
def test_what_is_no_key_is_refused(algorithm: NoteAlgorithm) -> None:
    public = key_of(algorithm).public
    for wrong in (b"", public[:-1], public + b"\0"):
        with pytest.raises(KeyFormatError):
            NoteVerifyKey.parse(algorithm, wrong)
    with pytest.raises(KeyFormatError):
        NoteVerifyKey.parse(NoteAlgorithm.ED25519, bytes(32))
    with pytest.raises(ValueError, match="32 bytes"):
        NoteSigningKey.from_seed(algorithm, Secret(bytes(31)))


@both
def test_keys_never_print_and_are_not_copied(algorithm: NoteAlgorithm) -> None:
    key = key_of(algorithm)
    public = NoteVerifyKey.parse(algorithm, key.public)
    assert repr(key) == f"<note signing key, {algorithm.value}>"
    assert repr(public) == f"<note verify key, {algorithm.value}>"
    assert public == NoteVerifyKey.parse(algorithm, key.public)
    assert len({public, NoteVerifyKey.parse(algorithm, key.public)}) == 1
    assert public.__eq__(key) is NotImplemented
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="not pickled or copied"):
            attempt(key)
