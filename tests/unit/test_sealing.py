"""What is sealed is opened: both suites, every addressee, nobody else."""

from dataclasses import replace

import pytest
from msgspec import structs

from client.core import sealing as sealing_module
from client.core.recipients import NO_STREAM, to_archive, to_terminal
from client.core.sealing import (
    Recipient,
    Sealed,
    UnreadableError,
    arrived,
    open_envelope,
    reseal,
    seal,
)
from crypto.digest import H
from crypto.envelope import seal_body
from crypto.kem import KemKey
from crypto.sign import SigningKey
from crypto.suite import SUITES, SuiteId
from crypto.types import Digest, KeyId, Mailbox, Secret, Signature
from protocol.admit import Admitted, ViewCheck
from protocol.codec import encode
from protocol.directory_view import Ended
from protocol.envelope import parse_envelope
from protocol.errors import BindingError, MalformedError, PolicyError, Reason
from protocol.label import Clearance, Level, Precedence
from protocol.leaf import check_leaf, message_leaf
from protocol.manifest import PrekeyKind, Window, archive_prekey_id
from protocol.record import ARCHIVE, Addressee, Role
from protocol.root import ArchiveKey
from protocol.trusted_manifest import Prekey
from tests.support.posts import (
    CABLE,
    LATER,
    NOW,
    Cast,
    cast_of,
    record_of,
    seal_to,
    seeded,
    station,
)


@pytest.fixture(params=list(SuiteId), ids=lambda suite: suite.name)
def cast(request: pytest.FixtureRequest) -> Cast:
    return cast_of(request.param)


def test_what_is_sealed_is_opened_by_every_addressee(cast: Cast) -> None:
    record = record_of(cast.tfc, "bern", "oslo")
    sealed = seal_to(cast.tfc, record, cast.oslo, cast.bern)
    for reader in (cast.bern, cast.oslo):
        outcome = reader.open(sealed)
        assert isinstance(outcome, Admitted)
        assert outcome.genuine.record == record
        assert outcome.genuine.name == sealed.name == H(encode(record))
        assert outcome.genuine.inner.record == encode(record)
        assert outcome.genuine.inner.slip == sealed.slip
        assert outcome.body == CABLE
        assert outcome.view is ViewCheck.AGREES


def test_a_second_terminal_of_a_post_opens_it_too(cast: Cast) -> None:
    second = station(cast.directory, "bern", number=2)
    sealed = seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern, second)
    for reader in (cast.bern, second):
        assert isinstance(reader.open(sealed), Admitted)


def test_each_mailbox_gets_its_own_wrap_and_the_same_body(cast: Cast) -> None:
    record = record_of(cast.tfc, "bern", "oslo")
    sealed = seal_to(cast.tfc, record, cast.bern, cast.oslo)
    envelope = parse_envelope(sealed.envelope)
    assert len(envelope.wraps) == 2
    for reader in (cast.bern, cast.oslo):
        came = reader.came(sealed)
        assert came.wrap.mailbox == reader.terminal.mailbox
        assert came.envelope.body == envelope.body
    with pytest.raises(KeyError):
        envelope.split(cast.tfc.terminal.mailbox)


def test_b18_the_leaf_is_of_this_slip_and_body_and_no_other(cast: Cast) -> None:
    """A relay claims the logged leaf of one message for another one."""
    record = record_of(cast.tfc, "bern")
    first, second = (
        seal_to(cast.tfc, record, cast.bern, seed=seed) for seed in ("one", "two")
    )
    opened = cast.bern.open(first).genuine
    slip = opened.slip
    assert opened.leaf == first.leaf
    check_leaf(first.leaf, r=slip.r, slip=first.slip, body=first.body)
    mixed = message_leaf(first.commitment, second.body)
    for wrong in (second.leaf, mixed):
        with pytest.raises(BindingError, match="B18"):
            check_leaf(wrong, r=slip.r, slip=first.slip, body=first.body)
    with pytest.raises(BindingError, match="B18"):
        check_leaf(first.leaf, r=b"r" * 32, slip=first.slip, body=first.body)


# --- reseal


def test_a_reseal_for_one_changes_nothing_for_the_others(cast: Cast) -> None:
    record = record_of(cast.tfc, "bern", "oslo")
    first = seal_to(cast.tfc, record, cast.bern, cast.oslo)
    before = cast.bern.open(first)
    oslo = cast.oslo.new_prekey("the next day")
    again = reseal(
        first,
        sender=cast.tfc.sender(),
        recipients=[oslo.at()],
        entropy=seeded("again"),
    )
    later = oslo.open(again)
    assert isinstance(later, Admitted)
    assert later.genuine.name == first.name == again.name
    assert later.genuine.place == oslo.at().place
    assert again.record == first.record
    assert again.release == first.release
    assert (again.slip, again.body, again.commitment) != (
        first.slip,
        first.body,
        first.commitment,
    )
    mailboxes = [wrap.mailbox for wrap in parse_envelope(again.envelope).wraps]
    assert mailboxes == [oslo.terminal.mailbox]
    assert cast.bern.open(first) == before


def test_a_reseal_reaches_a_terminal_that_was_enrolled_since(cast: Cast) -> None:
    first = seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    new = station(cast.directory, "bern", number=2)
    again = reseal(
        first, sender=cast.tfc.sender(), recipients=[new.at()], entropy=seeded("n")
    )
    assert isinstance(new.open(again), Admitted)


def test_a_reseal_keeps_the_place_in_the_stream(cast: Cast) -> None:
    first = seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    moved = cast.bern.new_prekey("next").at(2)
    with pytest.raises(ValueError, match="keeps the place"):
        reseal(first, sender=cast.tfc.sender(), recipients=[moved], entropy=seeded("n"))


# --- what is not sealed


def sealing(cast: Cast, *to: Recipient, record: bytes | None = None) -> Sealed:
    return cast.tfc.seal(record or encode(record_of(cast.tfc, "bern", "oslo")), *to)


def test_an_unlabelled_record_asks_no_clearance(cast: Cast) -> None:
    record = structs.replace(
        record_of(cast.tfc, "bern"), by=(), drafter=None, label=None
    )
    assert seal_to(cast.tfc, record, cast.bern).release is None


def test_a_terminal_that_has_ended_seals_nothing(cast: Cast) -> None:
    found, name = cast.directory.found, cast.tfc.key.id
    found[name] = replace(found[name], ended=Ended("revoked", 3, NOW))
    with pytest.raises(PolicyError, match=Reason.NOT_ACTIVE):
        sealing(cast, cast.bern.at())
    del found[name]
    with pytest.raises(PolicyError, match=Reason.NOT_ACTIVE):
        sealing(cast, cast.bern.at())


def test_nothing_is_sealed_to_a_terminal_that_has_ended(cast: Cast) -> None:
    found, name = cast.directory.found, cast.bern.key.id
    found[name] = replace(found[name], ended=Ended("revoked", 3, NOW))
    with pytest.raises(PolicyError, match=Reason.NOT_ACTIVE):
        sealing(cast, cast.bern.at())


def test_nothing_is_sealed_to_a_terminal_below_the_label(cast: Cast) -> None:
    found, name = cast.directory.found, cast.bern.key.id
    found[name] = replace(found[name], clearance=Clearance(level=Level.ONGERUBRICEERD))
    with pytest.raises(PolicyError, match=Reason.LEVEL_ABOVE_CLEARANCE):
        sealing(cast, cast.bern.at())


@pytest.mark.parametrize(
    "wrong",
    [
        {"post": "oslo"},
        {"mailbox": Mailbox(b"x" * 16)},
        {"key_id": KeyId(b"nobody's" * 4)},
    ],
)
def test_a_recipient_is_as_the_directory_has_it(
    wrong: dict[str, str], cast: Cast
) -> None:
    with pytest.raises(PolicyError, match=Reason.NOT_ACTIVE):
        sealing(cast, replace(cast.bern.at(), **wrong))  # type: ignore[arg-type]


def test_a_post_that_is_not_addressed_gets_no_wrap(cast: Cast) -> None:
    record = encode(record_of(cast.tfc, "bern"))
    with pytest.raises(ValueError, match="is not addressed"):
        sealing(cast, cast.oslo.at(), record=record)


def test_a_release_that_does_not_verify_never_leaves(cast: Cast) -> None:
    record = encode(record_of(cast.tfc, "bern"))
    line = cast.tfc.release(record)
    broken = Signature(line.signature[:-1] + bytes([line.signature[-1] ^ 1]))
    with pytest.raises(RuntimeError, match="does not open again"):
        seal(
            record,
            sender=cast.tfc.sender(),
            recipients=[cast.bern.at()],
            entropy=seeded("s"),
            release=line._replace(signature=broken),
        )


def test_one_mailbox_is_wrapped_for_once(cast: Cast) -> None:
    with pytest.raises(RuntimeError, match="does not open again"):
        sealing(cast, cast.bern.at(), cast.bern.new_prekey("other").at())


def test_a_body_that_holds_something_else_never_leaves(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bit flips in memory between signing and sealing."""
    monkeypatch.setattr(
        sealing_module,
        "seal_body",
        lambda suite, name, cek, content, floor: seal_body(
            suite, name, cek, content[:-1] + bytes([content[-1] ^ 1]), floor
        ),
    )
    with pytest.raises(RuntimeError, match="does not open again"):
        sealing(cast, cast.bern.at())


def test_what_is_no_record_is_not_sealed(cast: Cast) -> None:
    with pytest.raises(MalformedError):
        sealing(cast, cast.bern.at(), record=b"\xa0")


def test_a_machine_record_bears_the_terminals_signature_alone(cast: Cast) -> None:
    record = structs.replace(record_of(cast.tfc, "bern"), by=(), drafter=None)
    sealed = seal_to(cast.tfc, record, cast.bern)
    assert len(cast.bern.open(sealed).genuine.inner.sigs) == 1


# --- recipients


def test_a_prekey_makes_its_own_terminal_a_recipient(cast: Cast) -> None:
    bern = cast.bern
    prekey = Prekey(
        terminal=bern.key.id,
        mailbox=bern.terminal.mailbox,
        kid=bern.kid,
        public=bern.prekey.public,
        window=Window(PrekeyKind.EPOCH, NOW, LATER),
    )
    place = bern.at().place
    assert to_terminal(bern.terminal, prekey, place) == bern.at()
    with pytest.raises(ValueError, match="another terminal"):
        to_terminal(cast.oslo.terminal, prekey, place)


def archive_of(cast: Cast) -> tuple[KemKey, ArchiveKey]:
    suite = cast.directory.suite
    key = KemKey.from_seed(suite, Secret(b"q" * SUITES[suite].kem_seed))
    return key, ArchiveKey(
        suite=suite,
        public=key.public,
        mailbox=Mailbox(b"archive, 16 byte"),
        start=NOW,
        until=LATER,
    )


def test_what_is_not_archived_carries_an_empty_wrap_of_the_same_size(
    cast: Cast,
) -> None:
    _, archive = archive_of(cast)
    record = encode(record_of(cast.tfc, "bern"))
    sealed = seal(
        record,
        sender=cast.tfc.sender(),
        recipients=[cast.bern.at()],
        entropy=seeded("empty"),
        release=cast.tfc.release(record),
        empty=[to_archive(archive)],
    )
    wraps = {wrap.mailbox: wrap for wrap in parse_envelope(sealed.envelope).wraps}
    assert wraps[archive.mailbox].kid == to_archive(archive).kid
    assert len({len(wrap.wrap) for wrap in wraps.values()}) == 1
    outcome = cast.bern.open(sealed)
    assert isinstance(outcome, Admitted)
    assert len(outcome.genuine.slip.slots) == 1
    blind = replace(
        cast.bern.terminal, key_id=to_archive(archive).key_id, mailbox=archive.mailbox
    )
    split = parse_envelope(sealed.envelope).split(archive.mailbox)
    receiver = replace(cast.bern.receiver(), own=blind)
    key, _ = archive_of(cast)
    with pytest.raises(UnreadableError):
        open_envelope(arrived(split, receiver), key, receiver)


def test_an_archive_is_an_addressee_outside_every_stream(cast: Cast) -> None:
    """Its custodians open the wrap with the quarter's key and read the record."""
    suite = cast.directory.suite
    key, archive = archive_of(cast)
    to = to_archive(archive)
    assert (to.post, to.place) == (ARCHIVE, NO_STREAM)
    assert to.kid == archive_prekey_id(suite, key.public)
    record = record_of(cast.tfc, "bern")
    copy = Addressee(post=ARCHIVE, role=Role.INFO, precedence=Precedence.ROUTINE)
    record = structs.replace(record, to=(*record.to, copy))
    sealed = sealing(cast, cast.bern.at(), to, record=encode(record))
    assert isinstance(cast.bern.open(sealed), Admitted)
    own = replace(
        cast.bern.terminal,
        key_id=to.key_id,
        post=ARCHIVE,
        mailbox=archive.mailbox,
    )
    receiver = replace(cast.bern.receiver(), own=own)
    came = arrived(parse_envelope(sealed.envelope).split(archive.mailbox), receiver)
    outcome = open_envelope(came, key, receiver)
    assert outcome.genuine.record == record


def test_nothing_shows_content_in_its_repr(cast: Cast) -> None:
    sealed = seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    came = cast.bern.came(sealed)
    assert repr(sealed) == "<Sealed>"
    assert repr(came.envelope) == "<Envelope>"
    assert isinstance(cast.tfc.key, SigningKey)
    assert Digest(sealed.body) == H(came.envelope.body)
