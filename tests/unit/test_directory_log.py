"""The directory against the log: roots in it, checkpoints over it, alarms from it."""

import pytest
from msgspec import structs

from crypto.digest import H
from crypto.merkle import root_of
from crypto.sign import Realm, SigningKey, Usage
from crypto.types import Digest
from protocol.codec import encode
from protocol.directory_entry import Action, ChangedDetails, Details, Revocation
from protocol.directory_state import Adopted
from protocol.errors import (
    ChainError,
    ExpiredError,
    MalformedError,
    RollbackError,
    SplitViewError,
    ThresholdError,
    VerificationError,
)
from protocol.key_log_entry import (
    KeyLogEntry,
    LeafKind,
    ManifestNotice,
    notice_leaf,
    signed_leaf,
)
from protocol.proposal import next_root
from protocol.restriction import ZeroiseOrder
from protocol.root import EXTENSION, Extension
from protocol.root_chain import founding_root, leading_root
from protocol.signed import Signed, carried, sign_document
from protocol.trusted_directory import (
    Refused,
    Witnessed,
    about,
    alarms,
    found_directory,
)
from protocol.zeroising import zeroise_order
from tests.support.ministry import START, YEAR, Ministry, sign_root


def root_leaf(hague: Ministry, **changes: object) -> bytes:
    document = structs.replace(hague.directory.root.document, **changes)
    encoded = next_root(hague.directory.root, document)
    return signed_leaf(LeafKind.ROOT, sign_root(encoded, hague.holders, hague.realm))


def rename(hague: Ministry, by: list[SigningKey] | None = None) -> bytes:
    change = ChangedDetails(details=Details(name_nl="Bern", name_en="Bern"))
    return hague.entry("bern", Action.SET_DETAILS, change, by)


def founding(hague: Ministry, pin: Digest, leaves: list[bytes] | None = None) -> object:
    own = hague.leaves if leaves is None else leaves
    checkpoint = Witnessed(len(own), root_of(own), hague.now)
    return found_directory(own, pin=pin, realm=hague.realm, checkpoint=checkpoint)


# --- root documents in the log


def test_an_operator_counts_until_the_root_that_drops_it(hague: Ministry) -> None:
    chris = hague.operators["chris"]
    by = [hague.operators["anna"], chris]
    hague.log(rename(hague, by))
    kept = tuple(carried(key) for key in hague.pair)
    stale = rename(hague)  # proposed under the old root
    hague.log(root_leaf(hague, operators=kept))
    (outcome,) = hague.follow(rename(hague, by))
    assert isinstance(outcome, Refused)
    assert isinstance(outcome.error, ThresholdError)
    (outcome,) = hague.follow(stale)
    assert isinstance(outcome, Refused)
    assert isinstance(outcome.error, ChainError)
    hague.log(rename(hague))


def test_a_root_that_names_a_key_of_a_post_is_refused(hague: Ministry) -> None:
    member = carried(hague.posts["bern"].member)
    operators = (*hague.directory.root.document.operators, member)
    (outcome,) = hague.follow(root_leaf(hague, operators=operators))
    assert isinstance(outcome, Refused)
    assert isinstance(outcome.error, VerificationError)
    assert hague.directory.root.document.version == 1


def test_an_expired_root_makes_read_only_until_the_extension(hague: Ministry) -> None:
    hague.view(START + YEAR - 1).require_current()
    with pytest.raises(ExpiredError):
        hague.view(START + YEAR).require_current()
    extension = Extension(v=1, extends=hague.directory.root.digest, reason="crisis")
    signed = sign_root(encode(extension), hague.holders[:2], hague.realm)
    hague.log(signed_leaf(LeafKind.EXTENSION, signed))
    hague.view(START + YEAR + EXTENSION - 1).require_current()
    with pytest.raises(ExpiredError):
        hague.view(START + YEAR + EXTENSION).require_current()


# --- founding


def test_any_root_of_the_chain_pins_the_whole_chain(hague: Ministry) -> None:
    first = hague.directory.root.digest
    hague.log(root_leaf(hague, ministry="Nieuw"))
    second = hague.directory.root.digest
    for pin in (first, second):
        assert founding(hague, pin)
        root = founding_root(hague.leaves, pin=pin, realm=hague.realm)
        assert root.digest == second
    with pytest.raises(VerificationError):
        founding(hague, H(b"another ministry"))
    with pytest.raises(VerificationError):
        founding_root(hague.leaves, pin=H(b"another"), realm=hague.realm)


def test_a_chain_that_ends_before_the_pin_is_refused(hague: Ministry) -> None:
    hague.log(root_leaf(hague))
    with pytest.raises(VerificationError):
        founding(hague, hague.directory.root.digest, hague.leaves[:-1])


def test_a_demo_log_does_not_found_in_earnest(hague: Ministry) -> None:
    checkpoint = Witnessed(len(hague.leaves), root_of(hague.leaves), hague.now)
    with pytest.raises(VerificationError):
        found_directory(
            hague.leaves,
            pin=hague.directory.root.digest,
            realm=Realm.KOERIER,
            checkpoint=checkpoint,
        )


def test_a_log_without_a_root_first_is_refused(hague: Ministry) -> None:
    pin = hague.directory.root.digest
    with pytest.raises(ChainError):
        founding(hague, pin, [])
    with pytest.raises(ChainError):
        founding(hague, pin, hague.leaves[1:])
    with pytest.raises(MalformedError):
        founding(hague, pin, [b"\xa0"])


def test_root_documents_are_followed_past_nonsense(hague: Ministry) -> None:
    before = hague.directory.root
    false = encode(KeyLogEntry(kind=LeafKind.ROOT, body=b"\xa0"))
    leaves = [b"\xa0", false, rename(hague), root_leaf(hague, ministry="Nieuw")]
    root = leading_root(before, leaves)
    assert root.document.ministry == "Nieuw"
    assert leading_root(before, leaves[:3]) is before


def test_a_fresh_client_believes_nothing_under_keys_that_had_ended(
    hague: Ministry,
) -> None:
    member = hague.posts["bern"].member.id
    change = Revocation(keys=(member,))
    hague.log(hague.entry("bern", Action.REVOKE, change))
    checkpoint = Witnessed(len(hague.leaves), root_of(hague.leaves), hague.now)
    directory, outcomes = found_directory(
        hague.leaves,
        pin=hague.directory.root.digest,
        realm=hague.realm,
        checkpoint=checkpoint,
    )
    assert all(isinstance(outcome, Adopted) for outcome in outcomes)
    found = directory.view().member(member)
    assert found is not None
    assert found.ended is not None
    assert found.ended.witnessed == 0


# --- checkpoints


def test_leaves_that_do_not_give_the_root_adopt_nothing(hague: Ministry) -> None:
    shown, witnessed = rename(hague), hague.notice(hague.posts["tfc"].terminal, 2)
    with pytest.raises(SplitViewError):
        hague.directory.adopt([shown], hague.witnessed(witnessed))
    assert hague.directory.size == len(hague.leaves)


def test_missing_and_surplus_leaves_adopt_nothing(hague: Ministry) -> None:
    leaf = rename(hague)
    with pytest.raises(ChainError):
        hague.directory.adopt([], hague.witnessed(leaf))
    with pytest.raises(ChainError):
        hague.directory.adopt([leaf, leaf], hague.witnessed(leaf))


def test_a_smaller_or_older_checkpoint_is_a_rollback(hague: Ministry) -> None:
    old = Witnessed(1, root_of(hague.leaves[:1]), hague.now + 99)
    with pytest.raises(RollbackError):
        hague.directory.adopt([], old)
    older = Witnessed(len(hague.leaves), root_of(hague.leaves), hague.now - 1)
    with pytest.raises(RollbackError):
        hague.directory.adopt([], older)


def test_a_newer_time_of_the_same_size_is_adopted(hague: Ministry) -> None:
    directory, outcomes = hague.directory.adopt([], hague.witnessed())
    assert outcomes == ()
    assert directory.witnessed == hague.now + 60
    view = directory.view()
    assert view.witnessed == hague.now + 60
    assert view.key_log == (len(hague.leaves), root_of(hague.leaves))


# --- alarms


def test_a_post_alarms_on_what_it_did_not_sign(hague: Ministry) -> None:
    bern = hague.posts["bern"]
    keys = frozenset({bern.terminal.key.id, bern.recovery.id})
    own = hague.entry(
        "bern",
        Action.REVOKE,
        Revocation(keys=(bern.member.id,)),
        [*hague.pair, bern.terminal.key],
    )
    outcomes = hague.follow(
        own, hague.notice(hague.posts["tfc"].terminal, 1), b"nonsense"
    )
    outcomes += hague.follow(rename(hague))
    outcomes += hague.follow(
        hague.restriction(bern.terminal.key.id, by=hague.operators["anna"])
    )
    told = about(outcomes, post="bern", keys=keys)
    assert [entry.kind for entry in told] == [
        LeafKind.DIRECTORY,
        LeafKind.DIRECTORY,
        LeafKind.RESTRICTION,
    ]
    alarming = alarms(told, keys=keys, manifests=frozenset())
    assert [entry.kind for entry in alarming] == [LeafKind.RESTRICTION]


def test_a_terminal_alarms_on_a_manifest_that_it_did_not_make(
    hague: Ministry,
) -> None:
    terminal = hague.posts["bern"].terminal
    assert terminal.manifest is not None
    keys = frozenset({terminal.key.id})
    false = ManifestNotice(terminal=terminal.key.id, number=9, manifest=H(b"false"))
    outcomes = hague.follow(hague.notice(terminal, 2), notice_leaf(false))
    mine = frozenset({H(terminal.manifest.manifest)})
    told = about(outcomes, post="bern", keys=keys)
    assert len(told) == 2
    (alarm,) = alarms(told, keys=keys, manifests=mine)
    assert alarm.digest == H(b"false")


def test_a_notice_for_no_current_terminal_is_refused(hague: Ministry) -> None:
    bern = hague.posts["bern"]
    for key in (bern.member, bern.recovery, hague.key("stranger")):
        notice = ManifestNotice(terminal=key.id, number=2, manifest=H(b"m"))
        (outcome,) = hague.follow(notice_leaf(notice))
        assert isinstance(outcome, Refused)


# --- zeroise orders


def order(hague: Ministry, *by: SigningKey, usage: Usage = Usage.ZEROISE) -> Signed:
    document = ZeroiseOrder(
        v=1,
        key=hague.posts["bern"].terminal.key.id,
        nonce=bytes(32),
        time=hague.now,
        reason="lost",
    )
    return sign_document(encode(document), by, usage=usage, realm=hague.realm)


def test_a_zeroise_order_needs_two_operators(hague: Ministry) -> None:
    signed = order(hague, *hague.pair)
    named, _ = zeroise_order(hague.directory.root, signed)
    assert named.key == hague.posts["bern"].terminal.key.id
    assert hague.log(signed_leaf(LeafKind.ZEROISE, signed)).digest == signed.digest
    for by in (hague.pair[:1], hague.pair[:1] * 2, [hague.posts["bern"].terminal.key]):
        with pytest.raises(ThresholdError):
            zeroise_order(hague.directory.root, order(hague, *by))
    with pytest.raises(VerificationError):
        zeroise_order(hague.directory.root, order(hague, *hague.pair, usage=Usage.DIR))
