"""The sealed session: binding B20, and cells that come once and in order."""

import copy
import pickle
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto import _hpke
from crypto.errors import KeyFormatError, OpenError, SignatureError
from crypto.session import (
    MAX_CELLS,
    Direction,
    FrameOpener,
    FrameSealer,
    Handshake,
    SessionKemKey,
    hello_size,
    open_hello,
    relay_frames,
    seal_hello,
    terminal_frames,
)
from crypto.sign import Realm, Usage
from crypto.suite import SUITES, SuiteId
from crypto.types import KeyId, PublicKey, Secret, Signature
from tests.support.keys import flipped, kem_key, secret, signing_key

suites = pytest.mark.parametrize("suite", SuiteId)


def day_key(suite: SuiteId, name: str = "monday") -> SessionKemKey:
    return SessionKemKey.from_seed(suite, secret(f"day/{name}"))


def offered(suite: SuiteId) -> Handshake:
    return Handshake(suite, b"relay-1", b"n" * 32, day_key(suite).public)


def proof(handshake: Handshake) -> Signature:
    key = signing_key(handshake.suite)
    transcript = handshake.transcript(key.id, secret("session"))
    return key.sign(Usage.SESSION, transcript, realm=Realm.KOERIER)


def hello(handshake: Handshake) -> bytes:
    key = signing_key(handshake.suite)
    return seal_hello(handshake, key.id, secret("session"), proof(handshake))


def other_handshakes(suite: SuiteId) -> list[Handshake]:
    """Return handshakes that differ in one of the things that are bound."""
    handshake = offered(suite)
    return [
        replace(handshake, relay=b"relay-2"),
        replace(handshake, nonce=b"o" * 32),
        replace(handshake, day_key=day_key(suite, "tuesday").public),
        replace(handshake, relay=b"relay-1n", nonce=b"n" * 31),
    ]


@suites
def test_a_hello_says_who_and_proves_it(suite: SuiteId) -> None:
    handshake, identity = offered(suite), signing_key(suite)
    sealed = hello(handshake)
    assert len(sealed) == hello_size(suite)
    assert len(sealed) == {SuiteId.S1: 4573, SuiteId.S2: 6486}[suite]
    opened = open_hello(handshake, day_key(suite), sealed)
    assert opened.terminal == identity.id
    assert opened.secret == secret("session")
    identity.verify_key.verify(
        opened.proof,
        Usage.SESSION,
        handshake.transcript(opened.terminal, opened.secret),
        Realm.KOERIER,
    )
    assert "proof" not in repr(opened)


@suites
def test_a_hello_for_another_relay_nonce_or_day_is_refused(suite: SuiteId) -> None:
    sealed = hello(offered(suite))
    for other in other_handshakes(suite):
        with pytest.raises(OpenError):
            open_hello(other, day_key(suite), sealed)
    with pytest.raises(OpenError):
        open_hello(offered(suite), day_key(suite, "tuesday"), sealed)


@suites
def test_a_proof_for_another_relay_nonce_or_day_is_refused(suite: SuiteId) -> None:
    """A relay that opened a hello cannot seal its content to another relay."""
    identity, session = signing_key(suite), secret("session")
    stolen = proof(offered(suite))
    transcripts = [h.transcript(identity.id, session) for h in other_handshakes(suite)]
    transcripts.append(
        offered(suite).transcript(identity.id, secret("one the thief knows"))
    )
    transcripts.append(offered(suite).transcript(signing_key(suite, "b").id, session))
    for transcript in transcripts:
        with pytest.raises(SignatureError):
            identity.verify_key.verify(stolen, Usage.SESSION, transcript, Realm.KOERIER)


@suites
def test_a_changed_or_cut_hello_is_refused(suite: SuiteId) -> None:
    handshake = offered(suite)
    sealed = hello(handshake)
    for wrong in (
        b"",
        sealed[:-1],
        sealed + b"\0",
        flipped(sealed, 0),
        flipped(sealed, len(sealed) - 1),
    ):
        with pytest.raises(OpenError):
            open_hello(handshake, day_key(suite), wrong)


def test_a_hello_of_one_suite_is_refused_in_the_other() -> None:
    sealed = hello(offered(SuiteId.S1))
    downgraded = replace(offered(SuiteId.S1), suite=SuiteId.S2)
    with pytest.raises(OpenError):
        open_hello(downgraded, day_key(SuiteId.S1), sealed)
    with pytest.raises(OpenError):
        open_hello(downgraded, day_key(SuiteId.S1), sealed.ljust(6486, b"\0"))


def test_a_genuine_ciphertext_of_another_length_is_refused() -> None:
    handshake = offered(SuiteId.S1)
    short = _hpke.seal(SuiteId.S1, handshake.day_key, handshake.info, b"short")
    with pytest.raises(OpenError):
        open_hello(handshake, day_key(SuiteId.S1), short)


def test_an_envelopes_wrap_is_no_hello() -> None:
    """One seed in both roles: the labels still keep the two apart."""
    suite = SuiteId.S1
    key = SessionKemKey.from_seed(suite, secret("kem/anna"))
    handshake = replace(offered(suite), day_key=key.public)
    assert key.public == kem_key(suite).public
    content = bytes(32 + 32 + SUITES[suite].signature)
    sealed = _hpke.seal(suite, key.public, b"koerier/v1/wrap", content)
    assert len(sealed) == hello_size(suite)
    with pytest.raises(OpenError):
        open_hello(handshake, key, sealed)


def test_a_part_of_another_length_is_the_callers_bug() -> None:
    handshake, identity = offered(SuiteId.S1), signing_key(SuiteId.S1)
    good = (identity.id, secret("session"), proof(handshake))
    for terminal, session, signature in (
        (KeyId(good[0][:-1]), good[1], good[2]),
        (good[0], Secret(bytes(31)), good[2]),
        (good[0], good[1], Signature(good[2][:-1])),
    ):
        with pytest.raises(ValueError, match="another length"):
            seal_hello(handshake, terminal, session, signature)


def test_a_day_key_that_is_refused_gets_no_hello() -> None:
    weak = PublicKey(day_key(SuiteId.S1).public[:-32] + bytes(32))
    with pytest.raises(KeyFormatError):
        hello(replace(offered(SuiteId.S1), day_key=weak))


@suites
def test_both_ends_derive_the_same_keys_and_each_direction_its_own(
    suite: SuiteId,
) -> None:
    handshake, terminal = offered(suite), signing_key(suite).id
    t_sealer, t_opener = terminal_frames(handshake, terminal, secret("session"))
    r_sealer, r_opener = relay_frames(handshake, terminal, secret("session"))
    for number in range(3):
        assert r_opener.open_(t_sealer.seal(b"up %d" % number)) == b"up %d" % number
        assert t_opener.open_(r_sealer.seal(b"down")) == b"down"
    assert (t_sealer.cells, r_opener.cells) == (3, 3)


def test_a_cell_reflected_to_its_sender_is_refused() -> None:
    handshake, terminal = offered(SuiteId.S1), signing_key(SuiteId.S1).id
    sealer, opener = terminal_frames(handshake, terminal, secret("session"))
    with pytest.raises(OpenError):
        opener.open_(sealer.seal(b"mine"))


@suites
def test_frame_keys_depend_on_everything_that_is_bound(suite: SuiteId) -> None:
    terminal, session = signing_key(suite).id, secret("session")
    keys = [
        handshake.frame_key(terminal, session, direction).reveal()
        for handshake in [offered(suite), *other_handshakes(suite)]
        for direction in Direction
    ]
    base = offered(suite)
    up = Direction.TO_RELAY
    keys.append(base.frame_key(KeyId(bytes(32)), session, up).reveal())
    keys.append(base.frame_key(terminal, secret("other"), up).reveal())
    assert len(set(keys)) == len(keys)
    assert {len(key) for key in keys} == {32}


def test_frame_keys_of_the_suites_differ() -> None:
    terminal, session, up = KeyId(bytes(32)), secret("session"), Direction.TO_RELAY
    same = day_key(SuiteId.S1).public
    s1, s2 = (
        Handshake(suite, b"relay", b"nonce", same).frame_key(terminal, session, up)
        for suite in SuiteId
    )
    assert s1 != s2


def test_repeated_lost_or_swapped_cells_are_refused_and_change_nothing() -> None:
    sealer, opener = FrameSealer(secret("frame")), FrameOpener(secret("frame"))
    first, second, third = (sealer.seal(b"%d" % number) for number in range(3))
    for early in (second, third, flipped(first, 0), first[:-1], b""):
        with pytest.raises(OpenError):
            opener.open_(early)
    assert opener.cells == 0
    assert opener.open_(first) == b"0"
    for wrong in (first, third):
        with pytest.raises(OpenError):
            opener.open_(wrong)
    assert opener.open_(second) == b"1"
    assert opener.open_(third) == b"2"


def test_no_number_is_used_twice() -> None:
    sealer = FrameSealer(secret("frame"))
    assert sealer.seal(b"same") != sealer.seal(b"same")


def test_the_worked_cell() -> None:
    """nonce = u32 0 || u64 number, no associated data."""
    sealer = FrameSealer(secret("frame"))
    sealer.seal(b"first")
    aead = AESGCM(secret("frame").reveal())
    nonce = bytes(4) + (1).to_bytes(8, "big")
    assert sealer.seal(b"second") == aead.encrypt(nonce, b"second", None)


def test_a_session_ends_before_its_numbers_do() -> None:
    sealer, opener = FrameSealer(secret("frame")), FrameOpener(secret("frame"))
    sealer._cells = opener._cells = MAX_CELLS - 1  # noqa: SLF001 -- years of cells
    last = sealer.seal(b"last")
    assert opener.open_(last) == b"last"
    with pytest.raises(RuntimeError, match="must end"):
        sealer.seal(b"one more")
    with pytest.raises(OpenError):
        opener.open_(last)
    assert MAX_CELLS == 2**48


def test_nothing_of_a_session_is_copied_pickled_or_printed() -> None:
    things = (
        FrameSealer(secret("frame")),
        FrameOpener(secret("frame")),
        day_key(SuiteId.S1),
    )
    for thing in things:
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="copied"):
                attempt(thing)
    assert repr(things[2]) == "<session KEM key of S1>"
