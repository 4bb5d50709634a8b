"""Leaves of messages, and proofs for a reader who has only the root document."""

import pytest

from crypto.digest import H, T
from crypto.types import Digest
from protocol.errors import (
    BindingError,
    MalformedError,
    ThresholdError,
    VerificationError,
)
from protocol.leaf import LEAF_SIZE, check_leaf, leaf_commitment, message_leaf
from protocol.tlog_proof import (
    HEADER,
    MAX_PATH,
    MAX_PROOF,
    Logged,
    read_proof,
    verify_proof,
    write_proof,
)
from tests.support.keys import stretched
from tests.support.log import ED, NOW, GrownLog, leaves
from tests.support.witnesses import WITNESS_POLICY

R, SLIP, BODY = stretched("r", 32), b"a slip", H(b"a body")
LEAF = message_leaf(leaf_commitment(R, SLIP), BODY)


def test_a_leaf_is_version_commitment_and_body() -> None:
    assert b"\x01" + H(T(b"koerier/v1/leaf", R, H(SLIP))) + BODY == LEAF
    assert len(LEAF) == LEAF_SIZE == 65
    check_leaf(LEAF, r=R, slip=SLIP, body=BODY)


def test_a_logged_leaf_cannot_be_claimed_for_another_message() -> None:
    for r, slip, body in (
        (stretched("other", 32), SLIP, BODY),
        (R, b"another slip", BODY),
        (R, SLIP, H(b"another body")),
    ):
        with pytest.raises(BindingError, match="B18"):
            check_leaf(LEAF, r=r, slip=slip, body=body)
    for leaf in (b"\x02" + LEAF[1:], LEAF + b"\0", LEAF[:-1], b""):
        with pytest.raises(BindingError, match="B18"):
            check_leaf(leaf, r=R, slip=SLIP, body=BODY)


def test_two_sealings_of_one_slip_have_unlike_commitments() -> None:
    # r hides: without it, whoever guesses a slip could look it up in the log.
    assert leaf_commitment(R, SLIP) != leaf_commitment(stretched("r2", 32), SLIP)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_commitment_of_another_length_makes_no_leaf(size: int) -> None:
    with pytest.raises(MalformedError):
        message_leaf(bytes(size), BODY)


@pytest.fixture(scope="module")
def log() -> GrownLog:
    return GrownLog().grow([*leaves(4), LEAF, *leaves(4, "b")])


def proof(log: GrownLog) -> bytes:
    return write_proof(4, log.inclusion(4, 9), log.cosigned(9))


def test_a_third_party_verifies_with_the_root_document_alone(log: GrownLog) -> None:
    logged = verify_proof(proof(log), LEAF, log.key, WITNESS_POLICY)
    assert logged == Logged(index=4, size=9, witnessed=NOW)


def test_the_first_leaf_of_all_has_an_empty_path() -> None:
    log = GrownLog().grow([LEAF])
    data = write_proof(0, (), log.cosigned(1))
    assert data.startswith(HEADER + b"\nindex 0\n\n" + log.key.origin.encode())
    assert verify_proof(data, LEAF, log.key, WITNESS_POLICY).size == 1


def test_a_proof_is_of_one_leaf_at_one_place(log: GrownLog) -> None:
    other = message_leaf(leaf_commitment(R, b"another slip"), BODY)
    moved = proof(log).replace(b"index 4", b"index 5")
    for data, leaf in ((proof(log), other), (moved, LEAF)):
        with pytest.raises(VerificationError):
            verify_proof(data, leaf, log.key, WITNESS_POLICY)


def test_a_proof_needs_the_log_and_its_quorum(log: GrownLog) -> None:
    path = log.inclusion(4, 9)
    for note in (log.signed(9), log.cosigned(9, kind=ED), log.cosigned(9, ["w1"])):
        with pytest.raises(ThresholdError):
            verify_proof(write_proof(4, path, note), LEAF, log.key, WITNESS_POLICY)
    other = GrownLog("key-log")
    with pytest.raises(VerificationError):
        verify_proof(proof(log), LEAF, other.key, WITNESS_POLICY)


def test_what_is_written_is_read(log: GrownLog) -> None:
    data = proof(log)
    read = read_proof(data)
    assert (read.index, read.path) == (4, log.inclusion(4, 9))
    assert write_proof(read.index, read.path, read.note) == data


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (HEADER, b"c2sp.org/tlog-proof@v2"),
        (HEADER, b""),
        (b"index 4\n", b""),
        (b"index 4\n", b"index 04\n"),
        (b"index 4\n", b"index -4\n"),
        (b"index 4\n", b"index 4 \n"),
        (b"index 4\n", b"extra AAAA\nindex 4\n"),
        (b"index 4\n", b"index 4\nAAAA\n"),
        (b"index 4\n", b"index 4\nnot base64\n"),
        (b"index 4\n", b"index 4\r\n"),
        (b"\nindex 4\n", b"\n\nindex 4\n"),
    ],
)
def test_other_bytes_are_no_proof(log: GrownLog, old: bytes, new: bytes) -> None:
    assert old in proof(log)
    with pytest.raises(MalformedError):
        read_proof(proof(log).replace(old, new, 1))


def test_a_proof_has_bounds(log: GrownLog) -> None:
    note, node = log.cosigned(9), Digest(bytes(32))
    assert len(read_proof(write_proof(4, [node] * MAX_PATH, note)).path) == MAX_PATH
    for data in (
        write_proof(4, [node] * (MAX_PATH + 1), note),
        proof(log) + b"a" * MAX_PROOF,
        HEADER,
        b"",
    ):
        with pytest.raises(MalformedError):
            read_proof(data)
