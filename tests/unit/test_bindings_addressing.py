"""B1, B2, B4, B5, B13: a genuine record led to somebody it was not sent to.

The attacker is a co-recipient: it has opened its own copy, so it knows the content
key and every signed byte.  Each attack is performed and refused (names-and-usages,
section 5).
"""

from dataclasses import replace

import pytest
from msgspec import structs

from crypto.envelope import open_body, unwrap
from crypto.suite import SuiteId
from crypto.types import Digest, MessageId, PrekeyId, Salt, Secret, StreamId
from protocol.admit import Admitted
from protocol.codec import decode, encode
from protocol.envelope import Envelope, parse_envelope
from protocol.slip import Inner, Place
from tests.support.forge import CEK, forge, sign_slip, slip_for, wrap_to
from tests.support.posts import Cast, Station, cast_of, record_of, seal_to, station
from tests.support.refusals import stopped_by


@pytest.fixture(params=list(SuiteId), ids=lambda suite: suite.name)
def cast(request: pytest.FixtureRequest) -> Cast:
    return cast_of(request.param)


def content_key(thief: Station, envelope: Envelope) -> tuple[Secret, Salt]:
    """Return what a recipient learns: the key that opens the body for anybody."""
    (mine,) = (w for w in envelope.wraps if w.mailbox == thief.terminal.mailbox)
    secret = unwrap(
        envelope.suite, envelope.id, mine.mailbox, mine.kid, thief.prekey, mine.wrap
    )
    return secret.cek, secret.salt


def test_the_forger_tells_the_truth_unless_asked_to_lie(cast: Cast) -> None:
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at())
    assert isinstance(cast.bern.open_bytes(parts.sealed()), Admitted)


def test_b1_a_record_forwarded_in_secret_is_not_for_its_new_reader(cast: Cast) -> None:
    envelope = parse_envelope(
        seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern).envelope
    )
    cek, salt = content_key(cast.bern, envelope)
    stolen = wrap_to(envelope.suite, envelope.id, cast.oslo.at(), cek=cek, salt=salt)
    assert stopped_by(cast.oslo, envelope._replace(wraps=(stolen,)).encoded()) == "B1"


def test_b1_holds_though_a_lying_sender_makes_a_slot_for_the_reader(cast: Cast) -> None:
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.oslo.at())
    assert stopped_by(cast.oslo, parts.sealed()) == "B1"


def test_b2_a_co_recipient_wraps_for_another_terminal_of_an_addressee(
    cast: Cast,
) -> None:
    second = station(cast.directory, "oslo", number=2)
    sealed = seal_to(
        cast.tfc, record_of(cast.tfc, "bern", "oslo"), cast.bern, cast.oslo
    )
    envelope = parse_envelope(sealed.envelope)
    cek, salt = content_key(cast.bern, envelope)
    stolen = wrap_to(envelope.suite, envelope.id, second.at(), cek=cek, salt=salt)
    assert stopped_by(second, envelope._replace(wraps=(stolen,)).encoded()) == "B2"


def test_b2_a_co_recipient_wraps_to_another_prekey_of_the_same_terminal(
    cast: Cast,
) -> None:
    sealed = seal_to(
        cast.tfc, record_of(cast.tfc, "bern", "oslo"), cast.bern, cast.oslo
    )
    envelope = parse_envelope(sealed.envelope)
    cek, salt = content_key(cast.bern, envelope)
    other = cast.oslo.new_prekey("another day")
    stolen = wrap_to(envelope.suite, envelope.id, other.at(), cek=cek, salt=salt)
    assert stopped_by(other, envelope._replace(wraps=(stolen,)).encoded()) == "B2"


def test_b2_the_own_salt_does_not_open_the_slot_of_another(cast: Cast) -> None:
    sealed = seal_to(
        cast.tfc, record_of(cast.tfc, "bern", "oslo"), cast.bern, cast.oslo
    )
    envelope = parse_envelope(sealed.envelope)
    cek, salt = content_key(cast.bern, envelope)
    stolen = wrap_to(envelope.suite, envelope.id, cast.oslo.at(), cek=cek, salt=salt)
    assert stopped_by(cast.oslo, envelope._replace(wraps=(stolen,)).encoded()) == "B2"


@pytest.mark.parametrize("slots", ["descending", "twice"])
def test_b2_slots_have_one_order(slots: str, cast: Cast) -> None:
    record = record_of(cast.tfc, "bern", "oslo")
    honest = slip_for(cast.tfc, record, cast.bern.at(), cast.oslo.at()).slots
    wrong = honest[::-1] if slots == "descending" else (*honest, honest[-1])
    parts = forge(
        cast.tfc,
        record,
        cast.bern.at(),
        change=lambda slip: structs.replace(slip, slots=wrong),
    )
    assert stopped_by(cast.bern, parts.sealed()) == "B2"


PLACES = {
    "stream": Place(StreamId(b"t" * 16), 1, Digest(bytes(32))),
    "seq": Place(StreamId(b"s" * 16), 2, Digest(bytes(32))),
    "prev": Place(StreamId(b"s" * 16), 1, Digest(b"p" * 32)),
}


@pytest.mark.parametrize("part", PLACES)
def test_b13_a_record_is_not_moved_in_its_stream(part: str, cast: Cast) -> None:
    """Who knows the content key still cannot give the record another place."""
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at())
    moved = wrap_to(
        parts.suite, parts.outside, replace(cast.bern.at(), place=PLACES[part])
    )
    envelope = parse_envelope(parts.sealed())._replace(wraps=(moved,))
    assert stopped_by(cast.bern, envelope.encoded()) == "B2"


def test_b4_an_envelope_under_another_id_is_refused(cast: Cast) -> None:
    """The insider seals everything under another id than the record's."""
    record = record_of(cast.tfc, "bern")
    parts = forge(cast.tfc, record, cast.bern.at())
    other = MessageId(b"o" * 16)
    wrong = structs.replace(record, id=other)
    liar = forge(cast.tfc, wrong, cast.bern.at())
    mixed = replace(liar, inner=parts.inner)
    assert stopped_by(cast.bern, mixed.sealed()) == "B4"


def test_b4_a_slip_of_another_id_is_refused(cast: Cast) -> None:
    parts = forge(
        cast.tfc,
        record_of(cast.tfc, "bern"),
        cast.bern.at(),
        change=lambda slip: structs.replace(slip, id=MessageId(b"o" * 16)),
    )
    assert stopped_by(cast.bern, parts.sealed()) == "B4"


def test_b5_another_genuine_record_under_a_genuine_slip(cast: Cast) -> None:
    first = forge(cast.tfc, record_of(cast.tfc, "bern", seed="one"), cast.bern.at())
    second = forge(cast.tfc, record_of(cast.tfc, "bern", seed="two"), cast.bern.at())
    mixed = Inner(
        second.inner.record,
        first.inner.slip,
        (first.inner.sigs[0], second.inner.sigs[1]),
    )
    swapped = replace(first, inner=mixed)
    assert stopped_by(cast.bern, swapped.sealed()) == "B5"


def test_b3_a_record_in_a_new_sealing_has_the_name_it_had(cast: Cast) -> None:
    """A replay after a reseal opens, and shows itself as the same record."""
    record = record_of(cast.tfc, "bern")
    first = cast.bern.open(seal_to(cast.tfc, record, cast.bern, seed="one"))
    again = cast.bern.new_prekey("next day")
    second = again.open(seal_to(cast.tfc, record, again, seed="two"))
    assert isinstance(first, Admitted)
    assert isinstance(second, Admitted)
    assert first.genuine.name == second.genuine.name
    assert first.genuine.place == second.genuine.place
    assert first.genuine.slip != second.genuine.slip


def test_b3_a_co_recipient_cannot_rename_a_record_to_show_it_twice(cast: Cast) -> None:
    """Another encoding of the record is another name, and no longer signed."""
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at())
    longer = parts.inner._replace(record=parts.inner.record + b"\x00")
    renamed = replace(parts, inner=longer)
    assert stopped_by(cast.bern, renamed.sealed()) == "VerificationError"


def test_inner_parts_are_read_only_after_their_signatures(cast: Cast) -> None:
    """A slip that is no slip but is signed is malformed; unsigned, it is unverified."""
    record = record_of(cast.tfc, "bern")
    parts = forge(cast.tfc, record, cast.bern.at())
    junk = b"\xff not a slip"
    signed = sign_slip(cast.tfc.key, junk, realm=cast.tfc.directory.realm)
    for first, why in [
        (signed, "MalformedError"),
        (parts.inner.sigs[0], "VerificationError"),
    ]:
        inner = Inner(parts.inner.record, junk, (first, parts.inner.sigs[1]))
        wrong = replace(parts, inner=inner)
        assert stopped_by(cast.bern, wrong.sealed()) == why


def test_what_a_recipient_opens_is_what_the_sender_signed(cast: Cast) -> None:
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at())
    envelope = parse_envelope(parts.sealed())
    inner = open_body(parts.suite, parts.outside, CEK, envelope.body)
    assert decode(inner, Inner) == parts.inner
    assert encode(parts.inner) == inner
    assert PrekeyId(envelope.wraps[0].kid) == cast.bern.kid
