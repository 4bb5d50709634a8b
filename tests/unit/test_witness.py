"""What a witness decides, in the order and with the statuses of C2SP tlog-witness."""

import pytest

from crypto.merkle import EMPTY_ROOT, Frontier
from protocol.checkpoint import parse_checkpoint
from protocol.cosignature import cosign
from protocol.errors import MalformedError, VerificationError
from protocol.note import MAX_LINES, add_lines, from_base64, sign_note, signature_line
from protocol.witness import (
    MAX_PROOF,
    MAX_REQUEST,
    BadRequest,
    Conflict,
    Inconsistent,
    Seen,
    WitnessRefusal,
    decide,
    read_cosignatures,
    read_request,
    require_mirrored,
    write_request,
)
from tests.support.keys import flipped
from tests.support.log import ED, NOW, PQ, GrownLog, cosigned_by, leaves
from tests.support.witnesses import note_key, witness_key

STRANGER = signature_line("stranger.example", b"hash", b"signature")


@pytest.fixture(scope="module")
def log() -> GrownLog:
    return GrownLog().grow(leaves(20))


def seen(log: GrownLog, size: int) -> Seen:
    return Seen(size, log.roots[size])


def asked(log: GrownLog, old: int, new: int) -> bytes:
    return write_request(old, log.consistency(old, new), log.signed(new))


def refused(state: Seen, body: bytes, log: GrownLog) -> WitnessRefusal:
    with pytest.raises(WitnessRefusal) as caught:
        decide(state, read_request(body), log.key)
    return caught.value


def test_growth_is_remembered_and_then_cosigned(log: GrownLog) -> None:
    state = Seen()
    for size in (1, 9, 9, 20):
        request = read_request(asked(log, state.size, size))
        state, note = decide(state, request, log.key)
        assert state == seen(log, size)
        lines = [
            cosign(note, "w1.example/witness", note_key("w1", kind), now=NOW)
            for kind in (ED, PQ)
        ]
        whole = add_lines(log.signed(size), lines)
        assert add_lines(note.data(), lines) == whole


def test_the_request_is_what_c2sp_shows(log: GrownLog) -> None:
    head, _, note = asked(log, 9, 20).partition(b"\n\n")
    first, *proof = head.split(b"\n")
    assert (first, note) == (b"old 9", log.signed(20))
    assert [from_base64(line) for line in proof] == list(log.consistency(9, 20))


def test_what_strangers_hung_on_a_note_is_not_kept(log: GrownLog) -> None:
    body = asked(log, 0, 9) + STRANGER * 9
    _, note = decide(Seen(), read_request(body), log.key)
    assert note.data() == log.signed(9)


def test_a_checkpoint_that_the_log_did_not_sign_is_forbidden(log: GrownLog) -> None:
    key = note_key("mallory", ED)
    for note in (
        sign_note(log.text(9), log.key.origin, key),
        log.text(9) + b"\n" + STRANGER,
        flipped(log.signed(9), len(log.signed(9)) - 9),
    ):
        assert refused(Seen(), write_request(0, (), note), log).status == 403


def test_the_status_says_what_was_wrong(log: GrownLog) -> None:
    forked = GrownLog().grow([b"rewritten", *leaves(20)[1:]])
    state = seen(log, 9)
    proof = log.consistency(9, 20)
    for body, status in (
        (write_request(10, (), log.signed(9)), 400),
        (asked(log, 8, 20), 409),
        (asked(log, 0, 20), 409),
        (write_request(9, (), forked.signed(9)), 409),
        (write_request(9, proof, forked.signed(20)), 422),
        (write_request(9, forked.consistency(9, 20), forked.signed(20)), 422),
        (write_request(9, (), log.signed(20)), 422),
        (write_request(9, proof, log.signed(9)), 422),
    ):
        assert refused(state, body, log).status == status


def test_a_conflict_tells_the_size_that_was_cosigned_last(log: GrownLog) -> None:
    conflict = refused(seen(log, 9), asked(log, 0, 20), log)
    assert isinstance(conflict, Conflict)
    assert conflict.size == 9


def test_a_witness_never_goes_back(log: GrownLog) -> None:
    for old, new in ((0, 8), (8, 8), (7, 8)):
        assert refused(seen(log, 9), asked(log, old, new), log).status == 409
    assert refused(seen(log, 9), write_request(9, (), log.signed(8)), log).status == 400


def test_an_empty_log_has_one_root(log: GrownLog) -> None:
    state, _ = decide(Seen(), read_request(asked(log, 0, 0)), log.key)
    assert state == Seen(0, EMPTY_ROOT)
    forged = GrownLog()
    forged.roots = [log.roots[9]]
    body = write_request(0, (), forged.signed(0))
    assert refused(Seen(), body, log).status == 409


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"old 9\n", b""),
        (b"old 9\n", b"old 09\n"),
        (b"old 9\n", b"old -9\n"),
        (b"old 9\n", b"new 9\n"),
        (b"old 9\n", b"old 9 \n"),
        (b"old 9\n", b"old 9\n\n"),
        (b"old 9\n", b"old 9\nAAAA\n"),
        (b"old 9\n", b"old 9\nbad base64\n"),
        (b"\n20\n", b"\n020\n"),
        (b"\n\n", b"\n"),
    ],
)
def test_other_bytes_are_no_request(log: GrownLog, old: bytes, new: bytes) -> None:
    body = asked(log, 9, 20)
    assert old in body
    with pytest.raises(BadRequest):
        read_request(body.replace(old, new, 1))


def test_a_request_has_bounds(log: GrownLog) -> None:
    most = (log.roots[0],) * MAX_PROOF
    assert len(read_request(write_request(9, most, log.signed(20))).proof) == MAX_PROOF
    for body in (
        b"",
        write_request(9, (*most, log.roots[0]), log.signed(20)),
        asked(log, 9, 20) + b"a" * MAX_REQUEST,
        asked(log, 9, 20) + STRANGER * MAX_LINES,
    ):
        with pytest.raises(BadRequest):
            read_request(body)


def test_a_mirror_cosigns_only_what_it_stored(log: GrownLog) -> None:
    checkpoint = parse_checkpoint(log.text(9))
    whole = Frontier()
    for leaf in leaves(9):
        whole = whole.append(leaf)
    require_mirrored(whole, checkpoint)
    short = GrownLog().grow(leaves(8)).frontier
    forked = GrownLog().grow([*leaves(8), b"hidden"]).frontier
    for stored in (Frontier(), short, forked, whole.append(b"one more")):
        with pytest.raises(Inconsistent):
            require_mirrored(stored, checkpoint)


def test_the_answer_adds_the_lines_of_the_witness_that_was_asked(
    log: GrownLog,
) -> None:
    note = log.signed(9)
    lines = [cosigned_by(note, "w1", kind, NOW) for kind in (ED, PQ)]
    body = b"".join([cosigned_by(note, "w2", PQ, NOW), *lines, STRANGER])
    assert read_cosignatures(body, note, witness_key("w1")) == tuple(lines)
    assert read_cosignatures(lines[1], note, witness_key("w1")) == (lines[1],)


def test_an_answer_cannot_spoil_a_note(log: GrownLog) -> None:
    note = log.signed(9)
    good = cosigned_by(note, "w1", PQ, NOW)
    stale = cosigned_by(log.signed(8), "w1", PQ, NOW)
    for body, error in (
        (b"", MalformedError),
        (b"not a line\n", MalformedError),
        (b"\n" + good, MalformedError),
        (b"\n\n" + good, MalformedError),
        (good + b"another text\n\n" + good, MalformedError),
        (good[:-1], MalformedError),
        (stale, VerificationError),
        (good + stale, VerificationError),
        (STRANGER, VerificationError),
        (cosigned_by(note, "w2", PQ, NOW), VerificationError),
    ):
        with pytest.raises(error):
            read_cosignatures(body, note, witness_key("w1"))
