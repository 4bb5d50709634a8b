"""Prekeys through an untrusted relay (B14, B16)."""

import pytest
from msgspec import structs

from crypto.digest import H, T, u32, u64
from crypto.sign import Realm, SigningKey, Usage
from crypto.suite import SuiteId
from crypto.types import Digest, KeyId, PublicKey, Signature
from protocol.codec import decode, encode
from protocol.directory_state import Adopted
from protocol.errors import (
    BindingError,
    ChainError,
    MalformedError,
    ProtocolError,
    RollbackError,
    VerificationError,
)
from protocol.key_log_entry import ManifestNotice, notice_leaf
from protocol.limits import MAX_MANIFEST_STEP
from protocol.manifest import (
    Manifest,
    PrekeyKind,
    Schedule,
    SignedManifest,
    Window,
    archive_prekey_id,
    leaves_of,
    make_manifest,
    paths_of,
    prekey_id,
    prekey_leaf,
)
from protocol.root import DAY
from protocol.trusted_directory import Refused
from protocol.trusted_manifest import Prekey, PrekeyBook
from tests.support.keys import flipped, kem_key
from tests.support.ministry import Ministry, OwnTerminal


def manifest_of(terminal: OwnTerminal) -> Manifest:
    assert terminal.manifest is not None
    return decode(terminal.manifest.manifest, Manifest)


def path_to(terminal: OwnTerminal, index: int) -> tuple[Digest, ...]:
    keys = [key.public for key in terminal.prekeys]
    return paths_of(leaves_of(manifest_of(terminal), keys))[index]


def offered(hague: Ministry, terminal: OwnTerminal, index: int) -> Prekey:
    return hague.book.prekey(
        terminal.key.id,
        index,
        terminal.prekeys[index].public,
        path_to(terminal, index),
        hague.view(),
    )


def signed(
    hague: Ministry,
    manifest: bytes,
    by: SigningKey,
    usage: Usage = Usage.PREKEYS,
) -> SignedManifest:
    return SignedManifest(manifest, by.sign(usage, manifest, realm=hague.realm))


def named(hague: Ministry, terminal: KeyId, manifest: bytes, number: int) -> None:
    """Let the log name a manifest, as any relay can."""
    notice = ManifestNotice(terminal=terminal, number=number, manifest=H(manifest))
    hague.log(notice_leaf(notice))


def changed(hague: Ministry, **changes: object) -> bytes:
    """Return bern's manifest with other fields, named by the log."""
    terminal = hague.posts["bern"].terminal
    fields = {"number": 2, **changes}
    manifest = encode(structs.replace(manifest_of(terminal), **fields))
    named(hague, terminal.key.id, manifest, 2)
    return manifest


def refused(
    hague: Ministry,
    manifest: SignedManifest,
    error: type[ProtocolError],
    match: str = ".*",
) -> None:
    terminal = hague.posts["bern"].terminal.key.id
    before = dict(hague.book.manifests)
    with pytest.raises(error, match=match):
        hague.book.adopt(terminal, manifest, hague.view())
    assert hague.book.manifests == before


def test_every_offered_key_verifies(hague: Ministry) -> None:
    terminal = hague.posts["bern"].terminal
    keys = [offered(hague, terminal, index) for index in range(5)]
    start = manifest_of(terminal).start
    assert [key.window.kind for key in keys] == [PrekeyKind.EPOCH] * 3 + [
        PrekeyKind.ONE_TIME
    ] * 2
    assert keys[1].window == Window(PrekeyKind.EPOCH, start + DAY, start + 2 * DAY)
    assert keys[4].window == Window(PrekeyKind.ONE_TIME, start, start + 3 * DAY)
    assert keys[0].mailbox == terminal.mailbox
    assert len({key.kid for key in keys}) == 5


def test_a_key_at_another_index_is_refused(hague: Ministry) -> None:
    """Today's key for tomorrow's, or an epoch key for a one-time key."""
    terminal = hague.posts["bern"].terminal
    public = terminal.prekeys[0].public
    for index in (1, 2, 3, 4):
        for path in (path_to(terminal, 0), path_to(terminal, index)):
            with pytest.raises(BindingError, match="B14"):
                hague.book.prekey(terminal.key.id, index, public, path, hague.view())


def test_a_key_that_the_terminal_did_not_make_is_refused(hague: Ministry) -> None:
    terminal = hague.posts["bern"].terminal
    relays = kem_key(hague.suite, "relay's own").public
    with pytest.raises(BindingError, match="B14"):
        hague.book.prekey(
            terminal.key.id, 0, relays, path_to(terminal, 0), hague.view()
        )


def test_a_key_of_another_terminals_manifest_is_refused(hague: Ministry) -> None:
    bern, tfc = (hague.posts[post].terminal for post in ("bern", "tfc"))
    with pytest.raises(BindingError, match="B14"):
        hague.book.prekey(
            bern.key.id, 0, tfc.prekeys[0].public, path_to(tfc, 0), hague.view()
        )


def test_a_key_beyond_the_manifest_is_refused(hague: Ministry) -> None:
    terminal = hague.posts["bern"].terminal
    with pytest.raises(VerificationError):
        hague.book.prekey(
            terminal.key.id, 5, terminal.prekeys[0].public, (), hague.view()
        )


def test_a_malformed_key_is_refused_though_it_was_promised(hague: Ministry) -> None:
    terminal = hague.posts["bern"].terminal
    weak = PublicKey(kem_key(hague.suite, "a").public[:-32] + bytes(32))
    manifest = make_manifest(
        terminal.key,
        [weak],
        Schedule(2, hague.now, DAY, 1),
        mailbox=terminal.mailbox,
        realm=hague.realm,
    )
    named(hague, terminal.key.id, manifest.manifest, 2)
    book = hague.book.adopt(terminal.key.id, manifest, hague.view())
    with pytest.raises(BindingError, match="B15"):
        book.prekey(terminal.key.id, 0, weak, (), hague.view())


def test_kids_are_of_the_manifest_and_the_index(hague: Ministry) -> None:
    manifest = H(b"manifest")
    kids = {
        prekey_id(SuiteId.S1, digest, index)
        for digest in (manifest, H(b"other"))
        for index in (0, 1)
    }
    assert len(kids) == 4
    assert (
        prekey_id(SuiteId.S1, manifest, 7)
        == (H(T(b"koerier/v1/kid", manifest, u32(7)))[:16])
    )
    assert len(prekey_id(SuiteId.S2, manifest, 7)) == 32
    public = kem_key(hague.suite).public
    assert (
        archive_prekey_id(SuiteId.S1, public)
        == (H(T(b"koerier/v1/archive", H(public)))[:16])
    )


def test_the_day_is_in_the_leaf() -> None:
    leaf = prekey_leaf(3, Window(PrekeyKind.EPOCH, 5, 6), PublicKey(b"key"))
    assert leaf == T(b"koerier/v1/prekey", b"\1", u32(3), u64(5), u64(6), b"key")


# --- adopting


def test_a_newer_manifest_replaces(hague: Ministry) -> None:
    terminal = hague.posts["bern"].terminal
    hague.publish(terminal, number=2)
    assert hague.book.manifests[terminal.key.id].manifest.number == 2
    assert terminal.manifest is not None
    again = hague.book.adopt(terminal.key.id, terminal.manifest, hague.view())
    assert again is hague.book


def test_a_named_manifest_that_is_missing_blocks(hague: Ministry) -> None:
    """No falling back to the manifest before: the relay would choose for us."""
    terminal = hague.posts["bern"].terminal
    offered(hague, terminal, 0)
    named(hague, terminal.key.id, b"never shown", 2)
    with pytest.raises(ChainError):
        offered(hague, terminal, 0)
    assert terminal.manifest is not None
    refused(hague, terminal.manifest, ChainError)
    hague.publish(terminal, number=3)  # until its next genuine entry
    offered(hague, terminal, 0)


def test_a_manifest_by_anybody_else_is_refused(hague: Ministry) -> None:
    manifest = changed(hague)
    for key in (
        hague.posts["tfc"].terminal.key,
        hague.posts["bern"].member,
        hague.operators["anna"],
        hague.relay,
    ):
        refused(hague, signed(hague, manifest, key), VerificationError)
    own = hague.posts["bern"].terminal.key
    refused(hague, signed(hague, manifest, own, Usage.RECORD), VerificationError)
    good = signed(hague, manifest, own)
    spoilt = SignedManifest(manifest, Signature(flipped(good.signature, 3)))
    refused(hague, spoilt, VerificationError)
    earnest = own.sign(Usage.PREKEYS, manifest, realm=Realm.KOERIER)
    refused(hague, SignedManifest(manifest, earnest), VerificationError)
    assert hague.book.adopt(own.id, good, hague.view()) is not hague.book


@pytest.mark.parametrize("number", [2, 3])
def test_a_number_that_does_not_rise_is_a_rollback(
    hague: Ministry, number: int
) -> None:
    """The book remembers, whatever log it is shown."""
    terminal = hague.posts["bern"].terminal
    other = hague.fork()
    hague.publish(terminal, number=3)
    manifest = encode(structs.replace(manifest_of(terminal), number=number, n=4))
    named(other, terminal.key.id, manifest, number)
    with pytest.raises(RollbackError):
        hague.book.adopt(
            terminal.key.id, signed(hague, manifest, terminal.key), other.view()
        )


def test_the_log_names_no_old_manifest_again_to_whoever_never_saw_the_newer(
    hague: Ministry,
) -> None:
    """A fresh client has no book: the log's own order protects it."""
    terminal = hague.posts["bern"].terminal
    old = terminal.manifest
    hague.publish(terminal, number=2)
    newer = terminal.manifest
    assert old is not None
    assert newer is not None
    again = ManifestNotice(terminal=terminal.key.id, number=1, manifest=H(old.manifest))
    hague.follow(notice_leaf(again))
    fresh, view = PrekeyBook(), hague.view()
    with pytest.raises(ChainError):
        fresh.adopt(terminal.key.id, old, view)
    assert fresh.adopt(terminal.key.id, newer, view) != fresh


@pytest.mark.parametrize(
    ("number", "counts"),
    [
        (1, False),
        (2, False),
        (3, True),
        (2 + MAX_MANIFEST_STEP, True),
        (3 + MAX_MANIFEST_STEP, False),
    ],
)
def test_numbers_rise_in_the_log_in_bounded_steps(
    hague: Ministry,
    number: int,
    counts: bool,  # noqa: FBT001 -- a case of the test
) -> None:
    """A relay that invents numbers leaves the terminal room above them."""
    terminal = hague.posts["bern"].terminal
    hague.publish(terminal, number=2)
    notice = ManifestNotice(
        terminal=terminal.key.id, number=number, manifest=H(b"invented")
    )
    (outcome,) = hague.follow(notice_leaf(notice))
    assert isinstance(outcome, Adopted if counts else Refused)
    if not counts:
        assert isinstance(outcome, Refused)
        assert isinstance(outcome.error, RollbackError)


def test_the_log_and_the_manifest_agree_on_the_number(hague: Ministry) -> None:
    terminal = hague.posts["bern"].terminal
    manifest = encode(structs.replace(manifest_of(terminal), number=3))
    named(hague, terminal.key.id, manifest, 2)
    refused(hague, signed(hague, manifest, terminal.key), ChainError)


def test_a_manifest_for_another_mailbox_or_terminal_is_refused(
    hague: Ministry,
) -> None:
    own = hague.posts["bern"].terminal.key
    tfc = hague.posts["tfc"].terminal
    for changes in ({"mailbox": tfc.mailbox}, {"terminal": tfc.key.id}):
        ministry = hague.fork()
        manifest = changed(ministry, **changes)
        refused(ministry, signed(ministry, manifest, own), BindingError, "B14")


def test_a_manifest_of_another_suite_is_refused(hague: Ministry) -> None:
    own = hague.posts["bern"].terminal.key
    manifest = changed(hague, suite=SuiteId.S2)
    refused(hague, signed(hague, manifest, own), BindingError, "B16")


@pytest.mark.parametrize(
    "changes",
    [
        {"period": DAY - 1},
        {"until": 0},
        {"n": 2},
        {"until": 1_789_948_800 + 61 * DAY, "n": 99},
        {"start": 1_789_948_800 + 3 * DAY},
    ],
    ids=str,
)
def test_a_manifest_that_contradicts_itself_is_refused(
    hague: Ministry, changes: dict[str, object]
) -> None:
    own = hague.posts["bern"].terminal.key
    manifest = changed(hague, **changes)
    refused(hague, signed(hague, manifest, own), VerificationError)


def test_signed_nonsense_is_malformed(hague: Ministry) -> None:
    own = hague.posts["bern"].terminal.key
    named(hague, own.id, b"\xa0", 2)
    refused(hague, signed(hague, b"\xa0", own), MalformedError)


def test_a_terminal_that_is_not_current_has_no_prekeys(hague: Ministry) -> None:
    terminal = hague.posts["bern"].terminal
    path = path_to(terminal, 0)
    hague.log(hague.restriction(terminal.key.id, by=hague.operators["anna"]))
    assert terminal.manifest is not None
    refused(hague, terminal.manifest, ChainError)
    with pytest.raises(ChainError):
        hague.book.prekey(
            terminal.key.id, 0, terminal.prekeys[0].public, path, hague.view()
        )
    stranger = hague.key("stranger").id
    with pytest.raises(ChainError):
        hague.book.adopt(stranger, terminal.manifest, hague.view())


def test_without_a_manifest_there_is_no_prekey(hague: Ministry) -> None:
    terminal = hague.posts["bern"].terminal
    public = terminal.prekeys[0].public
    with pytest.raises(ChainError):
        PrekeyBook().prekey(terminal.key.id, 0, public, (), hague.view())
