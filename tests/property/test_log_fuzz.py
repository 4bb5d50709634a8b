"""The readers of the log's formats on edited bytes: one form, or one error."""

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import given

from protocol.checkpoint import parse_checkpoint
from protocol.cosignature import cosigned_at
from protocol.errors import MalformedError, ProtocolError
from protocol.note import parse_note
from protocol.tiles import parse_path, read_bundle, write_bundle
from protocol.tlog_proof import read_proof, write_proof
from protocol.trusted_log import signed_checkpoint
from protocol.vkey import VerifierKey, parse_vkey
from protocol.witness import (
    BadRequest,
    read_cosignatures,
    read_request,
    write_request,
)
from protocol.witness_policy import cosigner
from tests.support.log import ED, NOW, GrownLog, cosigned_by, leaves
from tests.support.witnesses import witness_key

LOG = GrownLog().grow(leaves(9))
NOTE = LOG.cosigned(9, ["w1"], kind=ED)
WITNESS = witness_key("w1")
BUNDLE = write_bundle(leaves(3))


def rewritten_note(data: bytes) -> bytes:
    return parse_note(data).data()


def rewritten_checkpoint(data: bytes) -> bytes:
    return parse_checkpoint(data).text()


def rewritten_proof(data: bytes) -> bytes:
    proof = read_proof(data)
    return write_proof(proof.index, proof.path, proof.note)


def rewritten_request(data: bytes) -> bytes:
    try:
        request = read_request(data)
    except BadRequest:
        raise MalformedError from None
    return write_request(request.old, request.proof, request.data)


def rewritten_bundle(data: bytes) -> bytes:
    return write_bundle(read_bundle(data, 3))


def rewritten_path(data: bytes) -> bytes:
    return parse_path(data.decode("latin-1")).path().encode("latin-1")


def rewritten_vkey(data: bytes) -> bytes:
    return parse_vkey(data.decode("latin-1")).text().encode("latin-1")


VKEY = VerifierKey("w.example", b"\x04", WITNESS.ed25519).text().encode()
READERS: dict[Callable[[bytes], bytes], bytes] = {
    rewritten_note: NOTE,
    rewritten_checkpoint: LOG.text(9),
    rewritten_proof: write_proof(4, LOG.inclusion(4, 9), NOTE),
    rewritten_request: write_request(4, LOG.consistency(4, 9), NOTE),
    rewritten_bundle: BUNDLE,
    rewritten_path: b"tile/0/x001/234.p/5",
    rewritten_vkey: VKEY,
}
readers = pytest.mark.parametrize("reader", READERS)
pieces = st.binary(max_size=4) | st.sampled_from(
    [b"\n", b"\n\n", "\u2014 ".encode(), b" ", b"+", b"0", b"=", b"\r\n", b"old ", b"x"]
)


@st.composite
def edited(draw: st.DrawFn, data: bytes) -> bytes:
    """Return the bytes with up to three pieces cut out and put in."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 6)))
        data = data[:start] + draw(pieces) + data[end:]
    return data


@readers
def test_what_is_genuine_is_read(reader: Callable[[bytes], bytes]) -> None:
    assert reader(READERS[reader]) == READERS[reader]


@readers
@given(st.data())
def test_edited_bytes_are_refused_or_have_one_form(
    reader: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    other = data.draw(edited(READERS[reader]))
    try:
        again = reader(other)
    except MalformedError:
        return
    assert again == other


@readers
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_have_one_form(
    reader: Callable[[bytes], bytes], data: bytes
) -> None:
    try:
        again = reader(data)
    except MalformedError:
        return
    assert again == data


@readers
@pytest.mark.parametrize("unit", [b"\n", b"A", b"\xff", b"\n\n", b"AAAA\n", b"0"])
def test_long_input_of_one_kind_is_refused(
    reader: Callable[[bytes], bytes], unit: bytes
) -> None:
    with pytest.raises(MalformedError):
        reader(unit * (64 * 1024 // len(unit)))


@given(st.data())
def test_an_edited_note_is_never_believed(data: st.DataObject) -> None:
    other = data.draw(edited(NOTE))
    key = cosigner(WITNESS, ED)
    try:
        note, checkpoint = signed_checkpoint(other, LOG.key)
        at = cosigned_at(note, checkpoint, key)
    except ProtocolError:
        return
    assert note.text == LOG.text(9)
    assert at in {None, NOW}


@given(st.data())
def test_an_edited_answer_adds_genuine_lines_or_nothing(data: st.DataObject) -> None:
    note = LOG.signed(9)
    lines = cosigned_by(note, "w1", ED, NOW)
    other = data.draw(edited(lines))
    try:
        taken = read_cosignatures(other, note, WITNESS)
    except ProtocolError:
        return
    assert set(taken) == {lines}
