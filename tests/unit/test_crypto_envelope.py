"""Wraps and bodies: bindings B8 to B11, each with the attack it stops."""

from dataclasses import replace

import pytest
from cryptography.cobblestone import Cobblestone256Encryptor

from crypto import envelope
from crypto.digest import T
from crypto.envelope import (
    WrapSecret,
    commitment,
    open_body,
    seal_body,
    unwrap,
    wrap,
)
from crypto.errors import CryptoError, KeyFormatError, OpenError, PaddingError
from crypto.padding import pad
from crypto.suite import SUITES, SuiteId
from crypto.types import (
    Digest,
    Mailbox,
    MessageId,
    PrekeyId,
    PublicKey,
    Salt,
    Secret,
    StreamId,
)
from tests.support.keys import flipped, kem_key, secret, stretched

ID = MessageId(b"i" * 16)
MAILBOX = Mailbox(b"m" * 16)
SECRET = WrapSecret(
    cek=secret("cek"),
    stream=StreamId(b"s" * 16),
    seq=7,
    prev=Digest(b"p" * 32),
    salt=Salt(b"t" * 32),
)
suites = pytest.mark.parametrize("suite", SuiteId)


def kid(suite: SuiteId) -> PrekeyId:
    return PrekeyId(stretched("kid", SUITES[suite].prekey_id))


def wrapped(suite: SuiteId, wrap_secret: WrapSecret = SECRET) -> bytes:
    return wrap(suite, ID, MAILBOX, kid(suite), kem_key(suite).public, wrap_secret)


@suites
def test_a_wrap_opens_with_its_key_in_its_place(suite: SuiteId) -> None:
    sealed = wrapped(suite)
    assert len(sealed) == SUITES[suite].wrap
    assert len(sealed) == {SuiteId.S1: 1256, SuiteId.S2: 1801}[suite]
    opened = unwrap(suite, ID, MAILBOX, kid(suite), kem_key(suite), sealed)
    assert opened == SECRET


@suites
def test_a_wrap_is_refused_in_every_other_place(suite: SuiteId) -> None:
    """B9: another message, mailbox, prekey id or key."""
    sealed, key = wrapped(suite), kem_key(suite)
    other = MessageId(b"j" * 16), Mailbox(b"n" * 16), PrekeyId(kid(suite)[::-1])
    for message_id, mailbox, prekey, opener in (
        (other[0], MAILBOX, kid(suite), key),
        (ID, other[1], kid(suite), key),
        (ID, MAILBOX, other[2], key),
        (ID, MAILBOX, kid(suite), kem_key(suite, "bram")),
    ):
        with pytest.raises(OpenError):
            unwrap(suite, message_id, mailbox, prekey, opener, sealed)


def test_parts_of_a_wraps_info_cannot_be_shifted() -> None:
    """Without T, moving a byte from id to mailbox would give the same info."""
    suite, key = SuiteId.S1, kem_key(SuiteId.S1)
    sealed = wrapped(suite)
    joined = ID + MAILBOX
    with pytest.raises(OpenError):
        unwrap(
            suite,
            MessageId(joined[:15]),
            Mailbox(joined[15:]),
            kid(suite),
            key,
            sealed,
        )


@suites
def test_a_wrap_of_another_length_or_suite_is_refused(suite: SuiteId) -> None:
    sealed, key = wrapped(suite), kem_key(suite)
    other = SuiteId.S2 if suite is SuiteId.S1 else SuiteId.S1
    for data in (b"", sealed[:-1], sealed + b"\0", flipped(sealed, 5)):
        with pytest.raises(OpenError):
            unwrap(suite, ID, MAILBOX, kid(suite), key, data)
    with pytest.raises(OpenError):
        unwrap(other, ID, MAILBOX, kid(suite), key, sealed)
    padded = sealed.ljust(SUITES[other].wrap, b"\0")[: SUITES[other].wrap]
    with pytest.raises(OpenError):
        unwrap(other, ID, MAILBOX, kid(suite), key, padded)


def test_sealing_to_a_refused_key_is_refused() -> None:
    weak = PublicKey(kem_key(SuiteId.S1).public[:-32] + bytes(32))
    with pytest.raises(KeyFormatError):
        wrap(SuiteId.S1, ID, MAILBOX, kid(SuiteId.S1), weak, SECRET)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cek": Secret(bytes(31))},
        {"stream": StreamId(bytes(15))},
        {"prev": Digest(bytes(33))},
        {"salt": Salt(bytes(16))},
        {"seq": -1},
        {"seq": 2**64},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_part_of_another_length_is_the_callers_bug(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"wrap secret|u64"):
        replace(SECRET, **wrong)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("seq", [0, 2**64 - 1])
def test_every_u64_is_a_stream_number(seq: int) -> None:
    there = replace(SECRET, seq=seq)
    suite = SuiteId.S1
    sealed = wrapped(suite, there)
    assert unwrap(suite, ID, MAILBOX, kid(suite), kem_key(suite), sealed) == there


def test_a_wrap_secret_does_not_print_itself() -> None:
    assert "salt" not in repr(SECRET)
    assert "tttt" not in repr(SECRET)


@suites
@pytest.mark.parametrize("size", [0, 1, 4092, 4093, 8188, 8189, 200_000])
def test_a_body_opens_again_whatever_its_size(suite: SuiteId, size: int) -> None:
    content = stretched("content", size)
    body = seal_body(suite, ID, secret("cek"), content, 4096)
    assert open_body(suite, ID, secret("cek"), body) == content


def test_equal_buckets_have_equal_lengths() -> None:
    sizes = {
        len(seal_body(SuiteId.S1, ID, secret("cek"), bytes(size), 6144))
        for size in (0, 500, 6140)
    }
    assert sizes == {6144 + 56 + 16}


@suites
def test_a_body_is_refused_under_another_message_suite_or_key(suite: SuiteId) -> None:
    """B10."""
    body = seal_body(suite, ID, secret("cek"), b"content", 4096)
    other = SuiteId.S2 if suite is SuiteId.S1 else SuiteId.S1
    for opener, message_id, cek in (
        (other, ID, secret("cek")),
        (suite, MessageId(b"j" * 16), secret("cek")),
        (suite, ID, secret("another")),
    ):
        with pytest.raises(OpenError):
            open_body(opener, message_id, cek, body)


def test_a_changed_cut_or_lengthened_body_is_refused() -> None:
    chunk = 16 * 1024 + 16
    body = seal_body(SuiteId.S1, ID, secret("cek"), bytes(100_000), 4096)
    for wrong in (
        b"",
        body[:-1],
        body[:-chunk],
        body[: 56 + chunk],
        body + b"\0",
        body + body[-chunk:],
        flipped(body, 0),
        flipped(body, 30),
        flipped(body, 56),
        flipped(body, len(body) - 1),
    ):
        with pytest.raises(OpenError):
            open_body(SuiteId.S1, ID, secret("cek"), wrong)


def test_chunks_in_another_order_are_refused() -> None:
    chunk = 16 * 1024 + 16
    body = seal_body(SuiteId.S1, ID, secret("cek"), stretched("long", 60_000), 4096)
    header = 56  # salt and commitment
    first = body[header : header + chunk]
    second = body[header + chunk : header + 2 * chunk]
    swapped = body[:header] + second + first + body[header + 2 * chunk :]
    repeated = body[:header] + first + first + body[header + 2 * chunk :]
    for wrong in (swapped, repeated):
        with pytest.raises(OpenError):
            open_body(SuiteId.S1, ID, secret("cek"), wrong)


def sealed_raw(padded: bytes) -> bytes:
    """Seal a padded body as a sender could who does not keep to the padding."""
    context = T(b"koerier/v1/body", SuiteId.S1.octet, ID)
    encryptor = Cobblestone256Encryptor(secret("cek").reveal(), context)
    return encryptor.update(padded) + encryptor.finalize()


def test_the_worked_layout_is_what_seal_body_makes() -> None:
    body = sealed_raw(pad(b"content", 4096))
    assert open_body(SuiteId.S1, ID, secret("cek"), body) == b"content"


@pytest.mark.parametrize(
    "padded",
    [
        b"",
        b"\0\0\0",
        b"\0\0\0\x01a".ljust(4095, b"\0"),
        b"\0\0\0\x01a".ljust(4097, b"\0"),
        b"\0\0\0\x01a".ljust(8704, b"\0"),
        b"\0\0\0\x01a".ljust(4095, b"\0") + b"\x01",
        b"\0\0\x10\0".ljust(4096, b"\0"),
        b"\xff\xff\xff\xff".ljust(4096, b"\0"),
        (8189).to_bytes(4, "big").ljust(8193, b"\0"),
        (8189).to_bytes(4, "big").ljust(9216, b"\0"),
    ],
    ids=lambda padded: f"{len(padded)}-{padded[:5].hex()}",
)
def test_a_sender_cannot_hide_bytes_or_lengths_in_the_padding(padded: bytes) -> None:
    """B11: genuine ciphertext, yet refused."""
    with pytest.raises(PaddingError):
        open_body(SuiteId.S1, ID, secret("cek"), sealed_raw(padded))


def test_nothing_is_looked_at_before_all_is_authenticated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cut body with bad padding is an OpenError, and unpad is never asked."""
    body = sealed_raw(b"\xff" * 50_000)
    asked: list[bytes] = []
    monkeypatch.setattr(envelope, "unpad", asked.append)
    with pytest.raises(OpenError):
        open_body(SuiteId.S1, ID, secret("cek"), body[:-1])
    assert not asked


@suites
def test_one_ciphertext_has_one_plaintext(suite: SuiteId) -> None:
    """B8: the header commits to key and context.

    Two recipients who get different content keys for the same body cannot both open
    it, and the signed commitment says which key the sender meant.
    """
    body = seal_body(suite, ID, secret("cek"), b"yes", 4096)
    other = seal_body(suite, ID, secret("another"), b"no", 4096)
    spliced = other[:56] + body[56:]
    for cek, ciphertext in (
        (secret("another"), body),
        (secret("another"), spliced),
        (secret("cek"), spliced),
    ):
        with pytest.raises(OpenError):
            open_body(suite, ID, cek, ciphertext)
    kc = commitment(suite, ID, secret("cek"))
    assert kc != commitment(suite, ID, secret("another"))
    assert kc != commitment(suite, MessageId(b"j" * 16), secret("cek"))
    assert len(kc) == SUITES[suite].commitment


def test_the_commitments_of_the_suites_are_of_different_hashes() -> None:
    s1, s2 = (commitment(suite, ID, secret("cek")) for suite in SuiteId)
    assert (len(s1), len(s2)) == (32, 48)


@pytest.mark.parametrize("floor", [0, 1024, 4095, 16384])
def test_a_floor_that_is_no_bucket_is_the_callers_bug(floor: int) -> None:
    with pytest.raises(ValueError, match="bucket"):
        seal_body(SuiteId.S1, ID, secret("cek"), b"content", floor)


def test_no_error_carries_content() -> None:
    body = seal_body(SuiteId.S1, ID, secret("cek"), b"content", 4096)
    for attempt in (
        lambda: open_body(SuiteId.S1, ID, secret("another"), body),
        lambda: open_body(SuiteId.S1, ID, secret("cek"), sealed_raw(b"content")),
        lambda: unwrap(
            SuiteId.S1, ID, MAILBOX, kid(SuiteId.S1), kem_key(SuiteId.S1), b"content"
        ),
    ):
        with pytest.raises(CryptoError) as caught:
            attempt()
        assert caught.value.args == ()
        assert caught.value.__cause__ is None
