"""Checkpoints and cosignatures (C2SP tlog-checkpoint, tlog-cosignature)."""

import struct

import pytest

from crypto.notekey import NoteAlgorithm
from crypto.types import Digest
from protocol.checkpoint import Checkpoint, parse_checkpoint, parse_decimal
from protocol.cosignature import (
    KINDS,
    MAX_TIME,
    cosign,
    cosigned_at,
    cosigned_message,
)
from protocol.errors import MalformedError, VerificationError
from protocol.note import Note, add_lines, parse_note, signature_line
from protocol.witness_policy import cosigner
from tests.support.keys import flipped
from tests.support.log import ED, NOW, PQ, GrownLog, cosigned_by, leaves
from tests.support.witnesses import note_key, witness_key

ROOT = b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
EXAMPLE = b"example.com/behind-the-sofa\n20852163\n" + ROOT + b"\n"
kinds = pytest.mark.parametrize("kind", NoteAlgorithm)


def test_the_example_of_the_specification_is_read() -> None:
    checkpoint = parse_checkpoint(EXAMPLE)
    assert checkpoint.origin == "example.com/behind-the-sofa"
    assert (checkpoint.size, checkpoint.root.hex()[:8]) == (20852163, "0ac5186a")
    assert checkpoint.text() == EXAMPLE


def test_extension_lines_are_kept() -> None:
    extended = parse_checkpoint(EXAMPLE + b"more\n")
    assert extended.extensions == ("more",)
    assert extended.text() == EXAMPLE + b"more\n"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"a\n1\n",
        EXAMPLE[:-1],
        EXAMPLE + b"\n",
        EXAMPLE + b"more\n\nmore\n",
        b"\n1\n" + ROOT + b"\n",
        b"a\n\n" + ROOT + b"\n",
        b"a\n01\n" + ROOT + b"\n",
        b"a\n+1\n" + ROOT + b"\n",
        b"a\n-1\n" + ROOT + b"\n",
        b"a\n1 \n" + ROOT + b"\n",
        b"a\n1_0\n" + ROOT + b"\n",
        "a\n\u0661\n".encode() + ROOT + b"\n",
        b"a\n1000000000000000\n" + ROOT + b"\n",
        b"a\n1\n" + ROOT[:-1] + b"\n",
        b"a\n1\n" + ROOT[:-4] + b"\n",
        b"a\n1\nAAAA" + ROOT + b"\n",
        b"a\n1\n" + ROOT[:-2] + b"J=\n",
        b"a\xff\n1\n" + ROOT + b"\n",
        b"a" * 256 + b"\n1\n" + ROOT + b"\n",
    ],
)
def test_other_text_is_no_checkpoint(text: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_checkpoint(text)


def test_a_checkpoint_whose_parts_would_read_otherwise_is_refused() -> None:
    for forged in (
        Checkpoint("a\nb", 1, Digest(bytes(32))),
        Checkpoint("a", 1, Digest(bytes(32)), ("",)),
        Checkpoint("a", 1, Digest(bytes(31))),
    ):
        try:
            assert parse_checkpoint(forged.text()) != forged
        except MalformedError:
            continue


def test_decimals_have_one_form() -> None:
    assert parse_decimal(b"0") == 0
    assert parse_decimal(b"999999999999999") == 10**15 - 1
    for digits in (b"", b"00", b"007", b"1e3", b"0x1", b" 1", b"1\n", b"1" * 16):
        with pytest.raises(MalformedError):
            parse_decimal(digits)


@pytest.fixture(scope="module")
def log() -> GrownLog:
    return GrownLog().grow(leaves(5))


def at(data: bytes, kind: NoteAlgorithm, name: str = "w1") -> int | None:
    note = parse_note(data)
    checkpoint = parse_checkpoint(note.text)
    return cosigned_at(note, checkpoint, cosigner(witness_key(name), kind))


@kinds
def test_a_cosignature_says_who_and_when(log: GrownLog, kind: NoteAlgorithm) -> None:
    data = log.cosigned(5, ["w1"], kind=kind)
    assert at(data, kind) == NOW
    assert at(data, kind, "w2") is None
    (other,) = set(NoteAlgorithm) - {kind}
    assert at(data, other) is None


@kinds
def test_of_two_lines_by_one_key_the_latest_counts(
    log: GrownLog, kind: NoteAlgorithm
) -> None:
    note = log.signed(5)
    times = (NOW, NOW + 5, NOW - 5)
    lines = [cosigned_by(note, "w1", kind, time) for time in times]
    assert at(add_lines(note, lines), kind) == NOW + 5


def test_the_bytes_that_an_ed25519_witness_signs(log: GrownLog) -> None:
    text = log.text(5)
    message = cosigned_message(ED, text, parse_checkpoint(text), "w1.example", 17)
    assert message == b"cosignature/v1\ntime 17\n" + text


def test_the_bytes_that_an_ml_dsa_witness_signs(log: GrownLog) -> None:
    text, origin = log.text(5), log.key.origin.encode()
    message = cosigned_message(PQ, text, parse_checkpoint(text), "w1.example", 17)
    assert message == (
        b"subtree/v1\n\0"
        b"\x0aw1.example"
        + struct.pack(">Q", 17)
        + bytes([len(origin)])
        + origin
        + struct.pack(">QQ", 0, 5)
        + log.roots[5]
    )


@kinds
def test_a_cosignature_of_another_time_checkpoint_or_name_does_not_hold(
    log: GrownLog, kind: NoteAlgorithm
) -> None:
    note, other = parse_note(log.signed(5)), parse_note(log.signed(4))
    key = cosigner(witness_key("w1"), kind)
    (line,) = parse_note(log.cosigned(5, ["w1"], kind=kind)).by(key.name, key.hash)
    renamed = cosign(note, "other.example", note_key("w1", kind), now=NOW)
    (foreign,) = parse_note(add_lines(log.signed(5), [renamed])).lines[1:]
    forgeries = [
        (note, struct.pack(">Q", NOW + 1) + line[8:]),
        (note, flipped(line, 40)),
        (note, line[:-1]),
        (other, line),
    ]
    if kind is PQ:  # the Ed25519 message does not have the witness's name
        forgeries.append((note, foreign.signature))
    for target, forged in forgeries:
        data = target.text + b"\n" + signature_line(key.name, key.hash, forged)
        with pytest.raises(VerificationError):
            at(data, kind)


@kinds
@pytest.mark.parametrize("time", [0, MAX_TIME, (1 << 64) - 1])
def test_a_line_without_a_time_that_counts_is_malformed(
    log: GrownLog, kind: NoteAlgorithm, time: int
) -> None:
    # Time 0 is how C2SP signs a part of a tree: no word that nothing larger exists.
    text, key = log.text(5), cosigner(witness_key("w1"), kind)
    message = cosigned_message(kind, text, parse_checkpoint(text), key.name, time)
    stamped = struct.pack(">Q", time) + note_key("w1", kind).sign(message)
    for line in (stamped, stamped[:7]):
        data = text + b"\n" + signature_line(key.name, key.hash, line)
        with pytest.raises(MalformedError):
            at(data, kind)


def test_a_signature_of_the_log_is_no_cosignature(log: GrownLog) -> None:
    # A log and a witness with one key and name: the kinds keep their lines apart.
    name, key = log.key.origin, note_key(log.name, ED)
    note = parse_note(log.signed(5))
    assert KINDS[ED] != b"\x01"
    line = parse_note(add_lines(log.signed(5), [cosign(note, name, key, now=NOW)]))
    assert line.lines[0].key_hash != line.lines[1].key_hash


def test_what_no_witness_does_is_a_bug(log: GrownLog) -> None:
    note = parse_note(log.signed(5))
    for now in (0, -1, MAX_TIME):
        with pytest.raises(ValueError, match="no such time"):
            cosign(note, "w", note_key("w1", ED), now=now)
    with pytest.raises(ValueError, match="range"):
        cosign(note, "w" * 256, note_key("w1", PQ), now=NOW)


def test_a_cosignature_needs_a_checkpoint() -> None:
    with pytest.raises(MalformedError):
        cosign(Note(b"text\n", ()), "w", note_key("w1", ED), now=NOW)
