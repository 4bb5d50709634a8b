"""Passphrases: the floor is compiled in, and the derivation is Argon2id."""

import ast

import pytest

from crypto import passphrase
from crypto.errors import ParameterError
from crypto.passphrase import FLOOR, Parameters, WorkFloor, derive_key, from_text
from crypto.types import Secret
from tests.support.keys import drawn
from tests.support.tree import PACKAGES, parsed, sources

SMALL = WorkFloor(passes=1, memory_kib=8)
SALT = b"s" * 16
PHRASE = from_text("correct horse battery staple")


def test_the_floor_is_the_specifications() -> None:
    assert WorkFloor(passes=3, memory_kib=262_144) == FLOOR
    fresh = Parameters.fresh(drawn("salt"))
    assert (fresh.passes, fresh.memory_kib, len(fresh.salt)) == (3, 262_144, 16)


def test_a_phrase_and_its_parameters_give_one_key() -> None:
    parameters = Parameters(SALT, 1, 8)
    key = derive_key(PHRASE, parameters, floor=SMALL)
    assert key == derive_key(PHRASE, parameters, floor=SMALL)
    for other in (
        derive_key(from_text("another"), parameters, floor=SMALL),
        derive_key(PHRASE, Parameters(b"t" * 16, 1, 8), floor=SMALL),
        derive_key(PHRASE, Parameters(SALT, 2, 8), floor=SMALL),
        derive_key(PHRASE, Parameters(SALT, 1, 16), floor=SMALL),
    ):
        assert key != other


def test_it_is_argon2id_version_13_with_one_lane() -> None:
    """Against libsodium, which shares no code with OpenSSL."""
    from nacl.pwhash import argon2id

    expected = argon2id.kdf(32, PHRASE.reveal(), SALT, opslimit=1, memlimit=8192)
    assert derive_key(PHRASE, Parameters(SALT, 1, 8), floor=SMALL) == Secret(expected)


@pytest.mark.parametrize(
    "weak",
    [
        Parameters(SALT, 2, 262_144),
        Parameters(SALT, 3, 262_143),
        Parameters(SALT, 0, 0),
        Parameters(SALT, -3, 262_144),
        Parameters(b"s" * 15, 3, 262_144),
        Parameters(b"", 3, 262_144),
        Parameters(SALT, 65, 262_144),
        Parameters(SALT, 3, 4 * 1024 * 1024 + 1),
    ],
)
def test_parameters_outside_the_bounds_are_refused_before_any_work(
    weak: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(passphrase, "Argon2id")
    with pytest.raises(ParameterError):
        derive_key(PHRASE, weak)


def test_the_same_letters_typed_in_two_ways_are_one_phrase() -> None:
    assert from_text("caf\u00e9") == from_text("cafe\u0301")
    assert from_text("cafe") != from_text("caf\u00e9")


def test_no_package_makes_a_floor_of_its_own() -> None:
    """Only a test can lower the floor: the packages hand on the one compiled in."""
    for path in sources(*PACKAGES):
        made = {
            ast.unparse(node)
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.Call)
            and (
                ast.unparse(node.func).endswith("WorkFloor")
                or (
                    ast.unparse(node.func).endswith("replace")
                    and "FLOOR" in ast.unparse(node)
                )
            )
        }
        compiled_in = {"WorkFloor(passes=3, memory_kib=256 * 1024)"}
        assert made == (compiled_in if str(path) == "crypto/passphrase.py" else set())


def test_what_a_terminal_could_not_decode_is_a_passphrase_like_any_other() -> None:
    """A lone surrogate stands for such a byte; an error would quote it."""
    odd = passphrase.from_text("correct\udcff horse")
    assert odd == passphrase.from_text("correct\udcff horse")
    assert odd != passphrase.from_text("correct horse")
