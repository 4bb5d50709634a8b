"""B8, B9, B10, B11, B15: ciphertext led to another key, place, length or meaning."""

from dataclasses import replace

import pytest
from msgspec import structs

from crypto.digest import u32
from crypto.envelope import commitment, seal_body
from crypto.errors import KeyFormatError
from crypto.padding import pad
from crypto.suite import SUITES, SuiteId
from crypto.types import Mailbox, MessageId, PrekeyId, PublicKey, Secret
from protocol.admit import Admitted
from protocol.codec import encode
from protocol.envelope import Envelope, Wrap, parse_envelope
from tests.support.forge import CEK, forge, wrap_to
from tests.support.posts import Cast, Station, cast_of, record_of, seal_to
from tests.support.refusals import stopped_by

SECOND = Secret(b"another content key, 32 bytes...")


@pytest.fixture(params=list(SuiteId), ids=lambda suite: suite.name)
def cast(request: pytest.FixtureRequest) -> Cast:
    return cast_of(request.param)


def envelope_for(station: Station, cast: Cast, seed: str = "seal") -> Envelope:
    record = record_of(cast.tfc, station.post, seed=seed)
    return parse_envelope(seal_to(cast.tfc, record, station, seed=seed).envelope)


def test_b8_two_content_keys_do_not_open_one_body(cast: Cast) -> None:
    """A lying sender gives Bern one key and Oslo another: one of them is refused."""
    record = record_of(cast.tfc, "bern", "oslo")
    parts = forge(cast.tfc, record, cast.bern.at())
    other = wrap_to(parts.suite, parts.outside, cast.oslo.at(), cek=SECOND)
    assert isinstance(cast.bern.open_bytes(parts.sealed()), Admitted)
    lie = replace(parts, wraps=(other,))
    assert stopped_by(cast.oslo, lie.sealed()) == "OpenError"


def test_b8_the_signed_commitment_is_to_the_key_that_opened(cast: Cast) -> None:
    """Two envelopes under one slip: the second key opens, and is not committed to."""
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at())
    other = wrap_to(parts.suite, parts.outside, cast.bern.at(), cek=SECOND)
    second = replace(parts, wraps=(other,))
    assert stopped_by(cast.bern, second.sealed(cek=SECOND)) == "B8"


def test_b8_a_commitment_belongs_to_one_message(cast: Cast) -> None:
    parts = forge(
        cast.tfc,
        record_of(cast.tfc, "bern"),
        cast.bern.at(),
        change=lambda slip: structs.replace(
            slip,
            kc=commitment(
                cast.directory.suite, MessageId(b"o" * 16), Secret(b"c" * 32)
            ),
        ),
    )
    assert stopped_by(cast.bern, parts.sealed()) == "B8"


def test_b9_a_wrap_does_not_open_in_another_envelope(cast: Cast) -> None:
    one, two = (envelope_for(cast.bern, cast, seed) for seed in ("one", "two"))
    mixed = two._replace(wraps=one.wraps)
    assert stopped_by(cast.bern, mixed.encoded()) == "OpenError"


def test_b9_a_wrap_does_not_open_in_another_mailbox(cast: Cast) -> None:
    """The relay moves an envelope to a mailbox that the same key also serves."""
    envelope = envelope_for(cast.bern, cast)
    moved = replace(cast.bern.terminal, mailbox=Mailbox(b"elsewhere, 16 by"))
    cast.directory.found[cast.bern.key.id] = moved
    wrap = envelope.wraps[0]._replace(mailbox=moved.mailbox)
    assert stopped_by(cast.bern, envelope._replace(wraps=(wrap,)).encoded()) == (
        "OpenError"
    )


def test_b9_a_wrap_does_not_open_under_another_prekey_id(cast: Cast) -> None:
    envelope = envelope_for(cast.bern, cast)
    kid = PrekeyId(b"\x01" * SUITES[envelope.suite].prekey_id)
    wrap = envelope.wraps[0]._replace(kid=kid)
    assert stopped_by(cast.bern, envelope._replace(wraps=(wrap,)).encoded()) == (
        "OpenError"
    )


def test_b9_a_wrap_for_one_prekey_does_not_open_with_another(cast: Cast) -> None:
    envelope = envelope_for(cast.bern, cast)
    other = replace(cast.bern.new_prekey("other"), kid=cast.bern.kid)
    assert stopped_by(other, envelope.encoded()) == "OpenError"


def test_b10_a_body_does_not_open_under_another_message_id(cast: Cast) -> None:
    """A sender that keeps its content key mixes the wrap of one with another body."""
    first = forge(cast.tfc, record_of(cast.tfc, "bern", seed="one"), cast.bern.at())
    second = forge(cast.tfc, record_of(cast.tfc, "bern", seed="two"), cast.bern.at())
    body = parse_envelope(first.sealed()).body
    assert stopped_by(cast.bern, second.with_body(body)) == "OpenError"


def test_b10_a_body_does_not_open_in_another_suite() -> None:
    """One content key, one id: what was a body in S1 is none in S2."""
    cast = cast_of(SuiteId.S2)
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at())
    content = encode(parts.inner)
    body = seal_body(SuiteId.S1, parts.outside, CEK, content, 6144)
    assert stopped_by(cast.bern, parts.with_body(body)) == "OpenError"


@pytest.mark.parametrize("cut", [1, 16, 4096])
def test_a_truncated_body_is_refused(cut: int, cast: Cast) -> None:
    envelope = envelope_for(cast.bern, cast)
    short = envelope._replace(body=envelope.body[:-cut])
    assert stopped_by(cast.bern, short.encoded()) == "OpenError"


def test_a_body_cut_at_a_chunk_is_refused(cast: Cast) -> None:
    """16 KiB is one chunk: everything that is left is authentic, and not the end."""
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at())
    long = pad(encode(parts.inner) + bytes(40_000), 6144)
    envelope = parse_envelope(parts.padded(long))
    head = len(envelope.body) - len(long) - 16 * (1 + len(long) // 16_384)
    cut = envelope._replace(body=envelope.body[: head + 16_400])
    assert stopped_by(cast.bern, cut.encoded()) == "OpenError"


@pytest.mark.parametrize("where", [0, 100, -1])
def test_a_changed_body_is_refused(where: int, cast: Cast) -> None:
    envelope = envelope_for(cast.bern, cast)
    body = bytearray(envelope.body)
    body[where] ^= 1
    assert stopped_by(cast.bern, envelope._replace(body=bytes(body)).encoded()) == (
        "OpenError"
    )


@pytest.mark.parametrize("more", [0, 1, 7, 2000])
def test_b11_a_length_that_is_no_bucket_is_refused(more: int, cast: Cast) -> None:
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at())
    content = encode(parts.inner)
    bare = u32(len(content)) + content
    longer = bare.ljust(len(bare) + more, b"\0")
    assert stopped_by(cast.bern, parts.padded(longer)) == "PaddingError"


def test_b11_padding_is_zeros(cast: Cast) -> None:
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at())
    padded = bytearray(pad(encode(parts.inner), 8192))
    padded[-1] = 1
    assert stopped_by(cast.bern, parts.padded(bytes(padded))) == "PaddingError"


def test_b11_a_length_beyond_the_padding_is_refused(cast: Cast) -> None:
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at())
    padded = pad(encode(parts.inner), 8192)
    assert stopped_by(cast.bern, parts.padded(u32(8189) + padded[4:])) == "PaddingError"


def test_nothing_follows_the_inner_parts(cast: Cast) -> None:
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at())
    padded = pad(encode(parts.inner) + b"\0", 8192)
    assert stopped_by(cast.bern, parts.padded(padded)) == "MalformedError"


def weak_key(suite: SuiteId, genuine: PublicKey) -> PublicKey:
    """Return the key with a classical half that gives everybody the same secret."""
    if suite is SuiteId.S1:
        return PublicKey(genuine[:-32] + bytes(32))  # u = 0, of order 2
    return PublicKey(genuine[:-96] + bytes(96))  # not a point of P-384


def test_b15_nothing_is_sealed_to_a_key_of_small_order(cast: Cast) -> None:
    record = encode(record_of(cast.tfc, "bern"))
    weak = replace(
        cast.bern.at(),
        public=weak_key(cast.directory.suite, cast.bern.prekey.public),
    )
    with pytest.raises(KeyFormatError):
        cast.tfc.seal(record, weak)


def test_an_envelope_for_another_mailbox_is_not_ours(cast: Cast) -> None:
    envelope = envelope_for(cast.oslo, cast)
    assert stopped_by(cast.bern, envelope.encoded()) == "NoneType"


def test_an_envelope_that_was_not_split_is_refused(cast: Cast) -> None:
    record = record_of(cast.tfc, "bern", "oslo")
    sealed = seal_to(cast.tfc, record, cast.bern, cast.oslo)
    assert stopped_by(cast.bern, sealed.envelope) == "NoneType"


@pytest.mark.parametrize("length", [-1, 1])
def test_wraps_have_the_length_of_their_suite(length: int, cast: Cast) -> None:
    (wrap,) = envelope_for(cast.bern, cast).wraps
    wrong = (wrap.wrap + b"\0")[: len(wrap.wrap) + length]
    envelope = envelope_for(cast.bern, cast)._replace(
        wraps=(Wrap(wrap.mailbox, wrap.kid, wrong),)
    )
    assert stopped_by(cast.bern, envelope.encoded()) == "MalformedError"
