"""B21, B22: receipts in another's name, and reseals provoked by nobody's failure."""

from dataclasses import replace

import pytest
from msgspec import structs

from client.core.sealing import reseal
from crypto.digest import H
from crypto.sign import Realm, Usage
from crypto.suite import SUITES, SuiteId
from crypto.types import Digest, Mailbox, MessageId, PrekeyId, Signature
from protocol.admit import Admitted
from protocol.codec import decode, encode
from protocol.directory_view import Ended
from protocol.envelope import parse_envelope
from protocol.errors import BindingError, BusyError, MalformedError, VerificationError
from protocol.limits import MAX_RESEALS
from protocol.machine_bodies import ReceiptBody
from protocol.nack import (
    Aim,
    Deposit,
    Gone,
    Nack,
    Reseals,
    SignedNack,
    check_nack,
    make_nack,
)
from protocol.receipt import (
    Kind,
    Receipt,
    Sent,
    Statement,
    check_receipt,
    is_complete,
)
from protocol.record import Record
from protocol.record_type import RecordType
from tests.support.forge import forge
from tests.support.posts import NOW, Cast, Station, cast_of, record_of, seal_to

BLOB, OTHER = Digest(b"b" * 32), Digest(b"o" * 32)


@pytest.fixture(params=list(SuiteId), ids=lambda suite: suite.name)
def cast(request: pytest.FixtureRequest) -> Cast:
    return cast_of(request.param)


def sent(record: Record) -> Sent:
    return Sent(
        record=H(encode(record)),
        id=record.id,
        posts=frozenset(to.post for to in record.to),
        blobs=frozenset({BLOB}),
    )


def statement(target: Sent, kind: Kind) -> Statement:
    return Statement(
        kind=kind, record=target.record, id=target.id, time=NOW, index=4, blobs=(BLOB,)
    )


def receipts(
    cast: Cast, signer: Station, *statements: Statement, by_member: bool
) -> tuple[tuple[Receipt, ...], int]:
    """Return what TFC makes of a record of receipts that ``signer`` sends it."""
    record = structs.replace(
        record_of(signer, "tfc", kind=RecordType.RECEIPT, body=ReceiptBody()),
        by=(signer.member_key.id,) if by_member else (),
        label=None,
        rcpts=statements,
    )
    outcome = cast.tfc.open_bytes(forge(signer, record, cast.tfc.at()).sealed())
    assert isinstance(outcome, Admitted)
    return outcome.receipts, outcome.void_statements


@pytest.mark.parametrize("kind", Kind)
def test_b21_a_statement_counts_under_the_key_that_its_kind_needs(
    kind: Kind, cast: Cast
) -> None:
    target = sent(record_of(cast.tfc, "bern"))
    said = statement(target, kind)
    signed, void = receipts(cast, cast.bern, said, by_member=True)
    person = kind in {Kind.READ, Kind.ACKNOWLEDGED}
    key = cast.bern.member_key if person else cast.bern.key
    assert (signed, void) == ((Receipt(said, "bern", key.id),), 0)
    check_receipt(signed[0], target)


@pytest.mark.parametrize("kind", [Kind.READ, Kind.ACKNOWLEDGED])
def test_b21_a_terminal_does_not_speak_for_its_member(kind: Kind, cast: Cast) -> None:
    """A stolen terminal without its member's key cannot acknowledge for it."""
    target = sent(record_of(cast.tfc, "bern"))
    delivered = statement(target, Kind.DELIVERED)
    signed, void = receipts(
        cast, cast.bern, statement(target, kind), delivered, by_member=False
    )
    assert void == 1
    assert [receipt.statement for receipt in signed] == [delivered]


def test_b21_a_post_that_was_no_addressee_does_not_receipt(cast: Cast) -> None:
    target = sent(record_of(cast.tfc, "bern"))
    said = statement(target, Kind.DELIVERED)
    (receipt,), _ = receipts(cast, cast.oslo, said, by_member=False)
    with pytest.raises(BindingError, match="B21"):
        check_receipt(receipt, target)


@pytest.mark.parametrize(
    "wrong",
    [
        {"record": OTHER},
        {"id": MessageId(b"i" * 16)},
        {"blobs": (BLOB, OTHER)},
    ],
)
def test_b21_a_receipt_for_another_record_is_no_receipt(
    wrong: dict[str, object], cast: Cast
) -> None:
    target = sent(record_of(cast.tfc, "bern"))
    said = structs.replace(statement(target, Kind.DELIVERED), **wrong)
    (receipt,), _ = receipts(cast, cast.bern, said, by_member=False)
    with pytest.raises(BindingError, match="B21"):
        check_receipt(receipt, target)


def test_a_record_is_delivered_whole_when_every_blob_is_listed(cast: Cast) -> None:
    target = sent(record_of(cast.tfc, "bern"))
    said = statement(target, Kind.DELIVERED)
    text_only = structs.replace(said, blobs=())
    read = statement(target, Kind.READ)
    whole = [
        is_complete(Receipt(each, "bern", cast.bern.key.id), target)
        for each in (said, text_only, read)
    ]
    assert whole == [True, False, False]


# --- B22


def deposit_of(cast: Cast, seed: str = "seal") -> tuple[Deposit, bytes]:
    """Return a deposit for Bern and Oslo, and what the relay hands Bern."""
    record = record_of(cast.tfc, "bern", "oslo")
    sealed = seal_to(cast.tfc, record, cast.bern, cast.oslo, seed=seed)
    aims = {
        station.terminal.mailbox: Aim(station.key.id, station.kid)
        for station in (cast.bern, cast.oslo)
    }
    split = parse_envelope(sealed.envelope).split(cast.bern.terminal.mailbox)
    return Deposit(sealed.id, sealed.body, aims), split


def nack_of(station: Station, split: bytes) -> SignedNack:
    return make_nack(
        parse_envelope(split),
        Gone.ERASED,
        gone={station.kid},
        key=station.key,
        realm=station.directory.realm,
    )


def test_an_honest_nack_is_believed(cast: Cast) -> None:
    deposit, split = deposit_of(cast)
    nack = check_nack(nack_of(cast.bern, split), deposit, cast.directory)
    assert (nack.kid, nack.reason) == (cast.bern.kid, Gone.ERASED)


def test_b22_no_nack_for_a_prekey_that_is_alive_or_never_was_ours(cast: Cast) -> None:
    _, split = deposit_of(cast)
    with pytest.raises(ValueError, match="own prekey that is gone"):
        make_nack(
            parse_envelope(split),
            Gone.USED,
            gone={cast.oslo.kid},
            key=cast.bern.key,
            realm=cast.directory.realm,
        )


def test_b22_nobody_nacks_for_another_terminal(cast: Cast) -> None:
    """Oslo signs a nack for Bern's mailbox, so that Bern is sealed to again."""
    deposit, split = deposit_of(cast)
    forged = make_nack(
        parse_envelope(split),
        Gone.ERASED,
        gone={cast.bern.kid},
        key=cast.oslo.key,
        realm=cast.directory.realm,
    )
    with pytest.raises(VerificationError):
        check_nack(forged, deposit, cast.directory)


def test_b22_a_mailbox_that_was_no_addressee_is_not_believed(cast: Cast) -> None:
    deposit, split = deposit_of(cast)
    other = nack_of(cast.bern, split)._replace(mailbox=Mailbox(b"m" * 16))
    with pytest.raises(BindingError, match="B22"):
        check_nack(other, deposit, cast.directory)


def test_b22_the_own_nack_outside_is_the_one_inside(cast: Cast) -> None:
    """Oslo's genuine nack is handed to the sender as if it came from Bern."""
    deposit, split = deposit_of(cast)
    nack = nack_of(cast.bern, split)
    twin = replace(cast.directory.found[cast.oslo.key.id], key=cast.bern.key.verify_key)
    cast.directory.found[cast.oslo.key.id] = twin
    moved = nack._replace(mailbox=cast.oslo.terminal.mailbox)
    with pytest.raises(BindingError, match="B22"):
        check_nack(moved, deposit, cast.directory)


@pytest.mark.parametrize("part", ["id", "body", "mailbox", "kid"])
def test_b22_a_nack_names_this_deposit_and_no_other(part: str, cast: Cast) -> None:
    deposit, split = deposit_of(cast)
    kid = PrekeyId(b"k" * SUITES[cast.directory.suite].prekey_id)
    wrong = {
        "id": MessageId(b"i" * 16),
        "body": OTHER,
        "mailbox": Mailbox(b"m" * 16),
        "kid": kid,
    }
    nack = decode(nack_of(cast.bern, split).document, Nack)
    document = encode(structs.replace(nack, **{part: wrong[part]}))
    realm = cast.directory.realm
    signature = cast.bern.key.sign(Usage.NACK, document, realm=realm)
    lie = SignedNack(document, signature, cast.bern.terminal.mailbox)
    with pytest.raises(BindingError, match="B22"):
        check_nack(lie, deposit, cast.directory)


def test_b22_an_old_nack_does_not_count_for_the_next_sealing(cast: Cast) -> None:
    _, split = deposit_of(cast, seed="first")
    second, _ = deposit_of(cast, seed="second")
    with pytest.raises(BindingError, match="B22"):
        check_nack(nack_of(cast.bern, split), second, cast.directory)


@pytest.mark.parametrize("ended", [True, False])
def test_a_nack_of_a_terminal_that_is_not_current_is_not_believed(
    ended: bool,  # noqa: FBT001 -- a case of the test
    cast: Cast,
) -> None:
    deposit, split = deposit_of(cast)
    found = cast.directory.found
    gone = found.pop(cast.bern.key.id)
    if ended:
        found[cast.bern.key.id] = replace(gone, ended=Ended("revoked", 1, NOW))
    with pytest.raises(VerificationError):
        check_nack(nack_of(cast.bern, split), deposit, cast.directory)


@pytest.mark.parametrize("usage", [usage for usage in Usage if usage != Usage.NACK])
def test_a_signature_of_another_usage_is_no_nack(usage: Usage, cast: Cast) -> None:
    deposit, split = deposit_of(cast)
    nack = nack_of(cast.bern, split)
    signature = cast.bern.key.sign(usage, nack.document, realm=cast.directory.realm)
    with pytest.raises(VerificationError):
        check_nack(nack._replace(signature=signature), deposit, cast.directory)


def test_a_nack_of_another_realm_is_not_believed(cast: Cast) -> None:
    deposit, split = deposit_of(cast)
    cast.directory.realm = Realm.KOERIER
    earnest = nack_of(cast.bern, split)
    cast.directory.realm = Realm.DEMO
    with pytest.raises(VerificationError):
        check_nack(earnest, deposit, cast.directory)


def test_what_is_signed_and_no_nack_is_malformed(cast: Cast) -> None:
    deposit, _ = deposit_of(cast)
    signature = cast.bern.key.sign(Usage.NACK, b"\xa0", realm=cast.directory.realm)
    lie = SignedNack(b"\xa0", Signature(signature), cast.bern.terminal.mailbox)
    with pytest.raises(MalformedError):
        check_nack(lie, deposit, cast.directory)


def test_b22_three_reseals_and_then_a_person() -> None:
    kids = [PrekeyId(bytes([n]) * 16) for n in range(MAX_RESEALS + 2)]
    tried = Reseals((kids[0],))
    for kid in kids[1 : MAX_RESEALS + 1]:
        tried = tried.again(kid)
    with pytest.raises(BusyError):
        tried.again(kids[-1])
    assert len(tried.kids) == 1 + MAX_RESEALS


def test_b22_a_reseal_takes_a_prekey_that_was_not_used(cast: Cast) -> None:
    kid = cast.bern.kid
    with pytest.raises(BindingError, match="B22"):
        Reseals((kid,)).again(kid)
    record = encode(record_of(cast.tfc, "bern"))
    first = cast.tfc.seal(record, cast.bern.at())
    with pytest.raises(ValueError, match="another prekey"):
        reseal(
            first,
            sender=cast.tfc.sender(),
            recipients=[cast.bern.at()],
            entropy=lambda size: b"e" * size,
        )
