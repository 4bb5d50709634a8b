"""What is read by position says what the codec says, whatever the bytes are."""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from crypto.suite import SUITES, SuiteId
from crypto.types import Mailbox
from protocol.codec import bytes_at, bytes_head, decode, encode
from protocol.envelope import Envelope, check_wraps, parse_envelope
from protocol.errors import MalformedError
from protocol.limits import MAX_ENVELOPE
from protocol.requests import Submit, read_submit
from tests.support.edited import Change, changes_at, edited
from tests.support.relay import envelope_to

LIMIT = MAX_ENVELOPE
MAILBOXES = [Mailbox(bytes([number]) * 16) for number in range(30)]
COUNTS = (1, 2, 23, 24, 30)
SIZES = (1, 23, 24, 255, 256, 300, 65_535, 65_536, 70_000)  # of bodies: every head


def outcome(read: Callable[[bytes], Any], data: bytes) -> object:
    try:
        return read(data)
    except MalformedError:
        return MalformedError


def read_by_codec(data: bytes) -> Envelope:
    envelope = decode(data, Envelope, limit=LIMIT)
    check_wraps(envelope)
    return envelope


def submit(data: bytes) -> Submit:
    return read_submit(data, limit=LIMIT)


def submit_by_codec(data: bytes) -> Submit:
    return decode(data, Submit, limit=LIMIT)


@pytest.mark.parametrize("size", [*SIZES, 0, 1 << 16])
def test_a_byte_strings_head_is_the_writers(size: int) -> None:
    written = encode(bytes(size))
    assert bytes_head(size) == written[: len(written) - size]
    assert bytes_at(b"x" + written, 1) == 1 + len(written) - size


@pytest.mark.parametrize("suite", SuiteId)
@pytest.mark.parametrize("count", COUNTS)
def test_every_envelope_is_read_as_the_codec_reads_it(
    suite: SuiteId, count: int
) -> None:
    for size in SIZES:
        data = envelope_to(*MAILBOXES[:count], size=size, suite=suite)
        envelope = parse_envelope(data)
        assert envelope == read_by_codec(data)
        assert type(envelope.suite) is SuiteId
        assert envelope.encoded() == data


VALID = [
    envelope_to(*MAILBOXES[:count], size=size, suite=suite)
    for suite, count, size in ((1, 1, 30), (1, 2, 300), (2, 1, 5), (1, 24, 1))
]
HEADS = range(200)
edits = changes_at(st.integers(0, 120) | st.integers(0, 1 << 13), most=3)


@given(data=st.sampled_from(VALID), changes=edits)
def test_an_edited_envelope_is_what_the_codec_says(
    data: bytes, changes: list[Change]
) -> None:
    changed = edited(data, changes)
    assert outcome(parse_envelope, changed) == outcome(read_by_codec, changed)


@pytest.mark.parametrize("data", VALID[:3])
def test_no_byte_of_an_envelope_is_left_unread(data: bytes) -> None:
    """Each byte is content, and comes back, or structure, and is refused if changed."""
    for at in range(len(data)):
        changed = data[:at] + bytes((data[at] ^ 0x21,)) + data[at + 1 :]
        found = outcome(parse_envelope, changed)
        assert found == outcome(read_by_codec, changed)
        assert found is MalformedError or found.encoded() == changed  # type: ignore[attr-defined]


@pytest.mark.parametrize("data", VALID[:3])
def test_an_envelope_that_is_cut_is_refused(data: bytes) -> None:
    for length in (*HEADS, *range(len(data) - 400, len(data))):
        if length < len(data):
            assert outcome(parse_envelope, data[:length]) is MalformedError


def test_an_envelope_without_wraps_or_body_is_refused() -> None:
    one = parse_envelope(VALID[0])
    for made in (one._replace(wraps=()), one._replace(body=b"")):
        assert outcome(parse_envelope, made.encoded()) is MalformedError


def test_wraps_that_do_not_ascend_are_refused() -> None:
    two = parse_envelope(VALID[1])
    first, second = two.wraps
    for wraps in ((second, first), (first, first)):
        data = two._replace(wraps=wraps).encoded()
        assert outcome(parse_envelope, data) is MalformedError


@pytest.mark.parametrize("size", [0, *SIZES])
def test_every_submission_is_read_as_the_codec_reads_it(size: int) -> None:
    made = Submit(envelope=b"e" * size, commitment=b"c" * 32)
    data = encode(made)
    assert submit(data) == made
    with pytest.raises(MalformedError):
        read_submit(data, limit=len(data) - 1)


@given(size=st.sampled_from([0, 5, 30, 300]), changes=edits)
@example(size=0, changes=[(0, 0, "-")])
def test_an_edited_submission_is_what_the_codec_says(
    size: int, changes: list[Change]
) -> None:
    made = encode(Submit(envelope=b"e" * size, commitment=b"c" * 32))
    data = edited(made, changes)
    assert outcome(submit, data) == outcome(submit_by_codec, data)


@pytest.mark.parametrize("length", range(0, 80, 7))
def test_a_submission_that_is_cut_is_refused(length: int) -> None:
    data = encode(Submit(envelope=b"e" * 60, commitment=b"c" * 32))
    assert outcome(submit, data[:length]) is MalformedError


def test_the_lengths_of_a_form_are_those_of_its_suite() -> None:
    for suite in SUITES.values():
        (wrap,) = parse_envelope(envelope_to(MAILBOXES[0], suite=suite.id)).wraps
        assert (len(wrap.kid), len(wrap.wrap)) == (suite.prekey_id, suite.wrap)
