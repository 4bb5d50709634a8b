"""B6, B7, B12, B16: who is believed to have written, released and signed.

Each attack is performed by somebody with genuine keys, and refused.
"""

from dataclasses import replace

import pytest
from msgspec import structs

from client.core.sealing import UnreadableError, arrived
from crypto.sign import Realm, SigningKey, Usage
from crypto.suite import SUITES, SuiteId
from crypto.types import Secret
from protocol.admit import Admitted
from protocol.codec import encode
from protocol.envelope import parse_envelope
from protocol.machine_bodies import ReceiptBody
from protocol.record_type import RecordType
from protocol.signed import SignatureLine
from tests.support.forge import forge, sign_slip
from tests.support.posts import Cast, cast_of, record_of, seal_to
from tests.support.refusals import stopped_by

OTHER_USAGES = [usage for usage in Usage if usage is not Usage.RECORD]
NOT_RELEASES = [usage for usage in Usage if usage is not Usage.RELEASE]


@pytest.fixture(params=list(SuiteId), ids=lambda suite: suite.name)
def cast(request: pytest.FixtureRequest) -> Cast:
    return cast_of(request.param)


def stranger(suite: SuiteId) -> SigningKey:
    seed = Secret(b"?" * SUITES[suite].signature_seed)
    return SigningKey.from_seed(suite, seed)


def test_b6_a_terminal_does_not_speak_for_another_post(cast: Cast) -> None:
    """Oslo seals a record of TFC's, released by a genuine member of TFC."""
    record = record_of(cast.tfc, "bern")
    release = cast.tfc.release(encode(record))
    parts = forge(cast.oslo, record, cast.bern.at(), release=[release])
    assert stopped_by(cast.bern, parts.sealed()) == "B6"


def test_b6_the_slip_names_the_terminal_that_signs_it(cast: Cast) -> None:
    parts = forge(
        cast.tfc,
        record_of(cast.tfc, "bern"),
        cast.bern.at(),
        change=lambda slip: structs.replace(slip, key=cast.oslo.key.id),
    )
    assert stopped_by(cast.bern, parts.sealed()) == "B6"


def test_a_terminal_that_the_directory_does_not_have_is_nobody(cast: Cast) -> None:
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at())
    del cast.directory.found[cast.tfc.key.id]
    assert stopped_by(cast.bern, parts.sealed()) == "StrangerError"


def test_a_member_key_does_not_sign_slips(cast: Cast) -> None:
    """One key, one purpose: the directory knows it, as a member's."""
    liar = replace(cast.tfc, key=cast.tfc.member_key)
    parts = forge(liar, record_of(cast.tfc, "bern"), cast.bern.at())
    assert stopped_by(cast.bern, parts.sealed()) == "StrangerError"


def test_b7_the_releaser_is_not_stripped(cast: Cast) -> None:
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at(), release=[])
    assert stopped_by(cast.bern, parts.sealed()) == "B7"


def test_b7_a_releaser_is_not_added(cast: Cast) -> None:
    record = structs.replace(
        record_of(cast.tfc, "bern", kind=RecordType.RECEIPT, body=ReceiptBody()), by=()
    )
    release = cast.tfc.release(encode(record))
    parts = forge(cast.tfc, record, cast.bern.at(), release=[release])
    assert stopped_by(cast.bern, parts.sealed()) == "B7"


def test_b7_the_releaser_is_not_swapped(cast: Cast) -> None:
    """A second genuine member of the same post puts its name on the release."""
    member = cast.directory.members[cast.tfc.member_key.id]
    other = stranger(cast.directory.suite)
    cast.directory.members[other.id] = replace(
        member, key_id=other.id, key=other.verify_key
    )
    record = record_of(cast.tfc, "bern")
    release = replace(cast.tfc, member_key=other).release(encode(record))
    parts = forge(cast.tfc, record, cast.bern.at(), release=[release])
    assert stopped_by(cast.bern, parts.sealed()) == "B7"


def test_b7_a_member_of_another_post_does_not_release(cast: Cast) -> None:
    record = structs.replace(record_of(cast.tfc, "bern"), by=(cast.oslo.member_key.id,))
    release = cast.oslo.release(encode(record))
    parts = forge(cast.tfc, record, cast.bern.at(), release=[release])
    assert stopped_by(cast.bern, parts.sealed()) == "B7"


def test_b7_a_terminal_key_does_not_release(cast: Cast) -> None:
    record = structs.replace(record_of(cast.tfc, "bern"), by=(cast.tfc.key.id,))
    release = replace(cast.tfc, member_key=cast.tfc.key).release(encode(record))
    parts = forge(cast.tfc, record, cast.bern.at(), release=[release])
    assert stopped_by(cast.bern, parts.sealed()) == "StrangerError"


def test_b7_the_release_is_over_this_record(cast: Cast) -> None:
    """The genuine release of one record under another one that names the member."""
    other = encode(record_of(cast.tfc, "bern", seed="another"))
    parts = forge(
        cast.tfc,
        record_of(cast.tfc, "bern"),
        cast.bern.at(),
        release=[cast.tfc.release(other)],
    )
    assert stopped_by(cast.bern, parts.sealed()) == "VerificationError"


def test_three_signatures_are_no_inner_parts(cast: Cast) -> None:
    record = record_of(cast.tfc, "bern")
    release = cast.tfc.release(encode(record))
    parts = forge(cast.tfc, record, cast.bern.at(), release=[release, release])
    assert stopped_by(cast.bern, parts.sealed()) == "MalformedError"


@pytest.mark.parametrize("usage", OTHER_USAGES)
def test_b12_a_slip_signed_for_another_usage_is_refused(
    usage: Usage, cast: Cast
) -> None:
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at(), usage=usage)
    assert stopped_by(cast.bern, parts.sealed()) == "VerificationError"


@pytest.mark.parametrize("usage", NOT_RELEASES)
def test_b12_a_record_signed_for_another_usage_is_not_released(
    usage: Usage, cast: Cast
) -> None:
    record = record_of(cast.tfc, "bern")
    key = cast.tfc.member_key
    signature = key.sign(usage, encode(record), realm=cast.directory.realm)
    parts = forge(
        cast.tfc, record, cast.bern.at(), release=[SignatureLine(key.id, signature)]
    )
    assert stopped_by(cast.bern, parts.sealed()) == "VerificationError"


def test_b12_a_demo_signature_is_never_valid_in_earnest(cast: Cast) -> None:
    record = record_of(cast.tfc, "bern")
    demo = forge(cast.tfc, record, cast.bern.at(), realm=Realm.DEMO)
    cast.directory.realm = Realm.KOERIER
    assert stopped_by(cast.bern, demo.sealed()) == "VerificationError"


def test_b12_an_earnest_slip_does_not_carry_a_demo_release(cast: Cast) -> None:
    record = record_of(cast.tfc, "bern")
    demo = cast.tfc.release(encode(record))
    cast.directory.realm = Realm.KOERIER
    parts = forge(cast.tfc, record, cast.bern.at(), release=[demo])
    assert stopped_by(cast.bern, parts.sealed()) == "VerificationError"


def test_the_signature_of_a_stranger_under_a_known_key_id_is_refused(
    cast: Cast,
) -> None:
    parts = forge(cast.tfc, record_of(cast.tfc, "bern"), cast.bern.at())
    line = sign_slip(
        stranger(cast.directory.suite), parts.inner.slip, realm=cast.directory.realm
    )._replace(key=cast.tfc.key.id)
    inner = parts.inner._replace(sigs=(line, *parts.inner.sigs[1:]))
    assert stopped_by(cast.bern, replace(parts, inner=inner).sealed()) == (
        "VerificationError"
    )


def test_b16_an_envelope_of_another_suite_than_the_roots_is_refused() -> None:
    """Everything in it is genuine, in the suite that the root retired."""
    old = cast_of(SuiteId.S1)
    envelope = seal_to(old.tfc, record_of(old.tfc, "bern"), old.bern).envelope
    assert isinstance(old.bern.open_bytes(envelope), Admitted)
    moved_on = replace(old.bern.receiver(), suites=frozenset({SuiteId.S2}))
    with pytest.raises(UnreadableError):
        arrived(envelope, moved_on)


def test_b16_a_suite_that_the_root_still_opens_is_opened() -> None:
    old = cast_of(SuiteId.S1)
    envelope = seal_to(old.tfc, record_of(old.tfc, "bern"), old.bern).envelope
    both = replace(old.bern.receiver(), suites=frozenset(SuiteId))
    assert arrived(envelope, both).envelope.suite is SuiteId.S1


def test_b16_the_number_of_the_suite_is_not_exchanged(cast: Cast) -> None:
    envelope = parse_envelope(
        seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern).envelope
    )
    (other,) = set(SuiteId) - {envelope.suite}
    receiver = replace(cast.bern.receiver(), suites=frozenset(SuiteId))
    with pytest.raises(UnreadableError):
        arrived(envelope._replace(suite=other).encoded(), receiver)
