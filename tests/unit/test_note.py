"""Signed notes and verifier keys: strict to the byte (C2SP signed-note)."""

import base64

import pytest

from crypto.notekey import NoteAlgorithm
from protocol.errors import MalformedError, VerificationError
from protocol.limits import MAX_NOTE
from protocol.note import (
    DASH,
    ED25519_TYPE,
    MAX_LINES,
    add_lines,
    from_base64,
    key_hash,
    parse_note,
    sign_note,
    signature_line,
    verify_log_signature,
)
from protocol.vkey import MAX_VKEY, VerifierKey, parse_vkey
from tests.support.keys import flipped
from tests.support.witnesses import note_key

NAME, TEXT = "relay.example/log", b"first\n\nlast, after an empty line\n"
KEY = note_key("log", NoteAlgorithm.ED25519)
NOTE = sign_note(TEXT, NAME, KEY)
LINE = signature_line("other.example", b"hash", b"signature")


def test_a_note_gives_back_the_bytes_that_were_signed() -> None:
    note = parse_note(NOTE)
    assert note.text == TEXT
    assert [line.name for line in note.lines] == [NAME]
    verify_log_signature(note, NAME, KEY.public)


def test_a_published_note_is_read_and_verified() -> None:
    # The example in Go's documentation of notes, with its key.
    data = (
        b"If you think cryptography is the answer to your problem,\n"
        b"then you don't know what your problem is.\n\n"
        + DASH
        + b"PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FF"
        b"YC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    key = parse_vkey(
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    )
    verify_log_signature(parse_note(data), key.name, key.public)
    with pytest.raises(VerificationError):
        verify_log_signature(
            parse_note(data.replace(b"your problem,", b"my problem,")),
            key.name,
            key.public,
        )


def test_lines_of_strangers_change_nothing() -> None:
    other = sign_note(TEXT, NAME, note_key("mallory", NoteAlgorithm.ED25519))
    line = other.removeprefix(TEXT + b"\n")
    note = parse_note(add_lines(NOTE, [LINE, line]))
    verify_log_signature(note, NAME, KEY.public)
    assert len(note.lines) == 3


def test_only_the_logs_own_line_counts() -> None:
    for name, key in ((NAME, "mallory"), ("mallory.example", "log")):
        note = parse_note(sign_note(TEXT, name, note_key(key, NoteAlgorithm.ED25519)))
        with pytest.raises(VerificationError):
            verify_log_signature(note, NAME, KEY.public)


def test_a_bad_line_under_a_known_key_refuses_the_note() -> None:
    hashed = key_hash(NAME, ED25519_TYPE, KEY.public)
    bad = signature_line(NAME, hashed, flipped(KEY.sign(TEXT), 3))
    for lines in ([bad], [signature_line(NAME, hashed, b"short")]):
        with pytest.raises(VerificationError):
            verify_log_signature(parse_note(add_lines(NOTE, lines)), NAME, KEY.public)


def test_a_signature_is_of_the_whole_text() -> None:
    changed = NOTE.replace(b"first", b"First")
    with pytest.raises(VerificationError):
        verify_log_signature(parse_note(changed), NAME, KEY.public)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        TEXT,  # its empty line parts it, but no signature follows
        NOTE[:-1],
        NOTE + b"\n",
        NOTE + b"more",
        b"\n\n" + LINE,
        TEXT + LINE,
        NOTE.replace(b"first", b"fir\x00st"),
        NOTE.replace(b"first", b"fir\rst"),
        NOTE.replace(b"first", b"fir\tst"),
        NOTE.replace(b"first", b"fir\xffst"),
        NOTE.replace(DASH, b"- "),
        NOTE.replace(DASH, "\u2014\u00a0".encode()),
        TEXT + b"\n" + DASH + b" c2lnbmF0dXJl\n",
        TEXT + b"\n" + DASH + b"na+me c2lnbmF0dXJl\n",
        TEXT + b"\n" + DASH + "na\u00a0me".encode() + b" c2lnbmF0dXJl\n",
        TEXT + b"\n" + DASH + "na\u2028me".encode() + b" c2lnbmF0dXJl\n",
        TEXT + b"\n" + DASH + b"name\n",
        TEXT + b"\n" + DASH + b"name \n",
        TEXT + b"\n" + DASH + b"name c2ln\n",  # three bytes: no key hash
        TEXT + b"\n" + DASH + b"name c2lnbg==\n",  # a key hash and nothing more
        TEXT + b"\n" + DASH + b"name c2lnbmF0dXJl c2ln\n",
        TEXT + b"\n" + DASH + b"name c2lnbmF0dXJl=\n",
        TEXT + b"\n" + DASH + b"name c2lnbmF0dXJ\n",
        TEXT + b"\n" + DASH + b"name c2lnbmF0dX_-\n",
        TEXT + b"\n" + DASH + "name c2lnbmF0dXJlé\n".encode(),
    ],
)
def test_other_bytes_are_no_note(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_note(data)


def test_a_note_has_bounds() -> None:
    most = add_lines(TEXT + b"\n", [LINE] * MAX_LINES)
    assert len(parse_note(most).lines) == MAX_LINES
    longest = b"a" * (MAX_NOTE - len(LINE) - 2) + b"\n\n" + LINE
    parse_note(longest)
    for data in (most + LINE, b"a" + longest):
        with pytest.raises(MalformedError):
            parse_note(data)


@pytest.mark.parametrize("encoded", [b"QUI=\n", b"QUJ=", b"QQ", b"Q Q=", b"QQ==QQ=="])
def test_base64_has_one_form(encoded: bytes) -> None:
    with pytest.raises(MalformedError):
        from_base64(encoded)


def test_a_note_that_could_not_be_read_is_not_made() -> None:
    with pytest.raises(ValueError, match="newline"):
        sign_note(b"text", NAME, KEY)
    with pytest.raises(ValueError, match="no plus"):
        sign_note(TEXT, "a name", KEY)


def test_a_verifier_key_survives() -> None:
    for algorithm, kind in ((NoteAlgorithm.ED25519, b"\x01"), (KEY.algorithm, b"\x04")):
        key = VerifierKey(NAME, kind, note_key("log", algorithm).public)
        assert parse_vkey(key.text()) == key
    large = note_key("w1", NoteAlgorithm.ML_DSA_44)
    pq = VerifierKey("w1.example", b"\x06", large.public)
    assert parse_vkey(pq.text()) == pq


GOOD = VerifierKey(NAME, b"\x01", KEY.public).text()
HASH = GOOD.split("+")[1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        NAME,
        GOOD.replace("+", " "),
        GOOD + "\n",
        GOOD + "=",
        GOOD.replace(HASH, HASH.upper() + "0"),
        GOOD.replace(HASH, "00000000"),
        GOOD.replace(NAME, "other.example"),
        GOOD.replace(NAME, ""),
        GOOD.replace(NAME, "two words"),
        GOOD.replace(NAME, "caf\u00e9"),
        GOOD[:40] + "!" + GOOD[41:],
        f"{NAME}+{HASH}+{base64.b64encode(b'short').decode()}",
        f"{NAME}+{HASH}+" + "A" * MAX_VKEY,
    ],
)
def test_other_text_is_no_verifier_key(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_vkey(text)
