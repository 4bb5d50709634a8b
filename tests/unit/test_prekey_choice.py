"""Making manifests, choosing a key, and when its seed goes."""

import pytest

from crypto.digest import H
from crypto.suite import SuiteId
from crypto.types import Digest, KeyId, Mailbox, PrekeyId, PublicKey
from protocol.codec import decode
from protocol.directory_entry import Action, Rotation, Rotations
from protocol.errors import BindingError, ExpiredError, VerificationError
from protocol.limits import MAX_MANIFEST_STEP
from protocol.manifest import (
    Manifest,
    PrekeyKind,
    Schedule,
    SignedManifest,
    Window,
    check_keys,
    make_manifest,
    window,
)
from protocol.prekey_erasure import HOUR, HeldSeed, seeds_to_erase
from protocol.proposal import prove
from protocol.root import DAY
from protocol.signed import carried
from protocol.trusted_manifest import Prekey, choose
from tests.support.keys import kem_key
from tests.support.ministry import START, YEAR, Ministry, OwnTerminal, ministry

KEYS = [kem_key(SuiteId.S1, str(n)).public for n in range(4)]


def made(hague: Ministry, keys: list[PublicKey], epochs: int) -> SignedManifest:
    terminal = hague.posts["bern"].terminal
    return make_manifest(
        terminal.key,
        keys,
        Schedule(1, START, DAY, epochs),
        mailbox=terminal.mailbox,
        realm=hague.realm,
    )


def test_a_relay_stores_only_the_manifests_own_keys() -> None:
    manifest = decode(made(ministry(), KEYS, 2).manifest, Manifest)
    check_keys(manifest, KEYS)
    for keys in (KEYS[:3], [*KEYS, KEYS[0]], [KEYS[1], KEYS[0], *KEYS[2:]], []):
        with pytest.raises(BindingError, match="B14"):
            check_keys(manifest, keys)


@pytest.mark.parametrize(("keys", "epochs"), [(4, 0), (4, 5), (0, 0), (4, 61)])
def test_a_manifest_has_a_key_for_each_of_its_days(keys: int, epochs: int) -> None:
    with pytest.raises(VerificationError):
        made(ministry(), KEYS[:keys], epochs)


def test_a_manifest_of_one_key_has_an_empty_path() -> None:
    manifest = decode(made(ministry(), KEYS[:1], 1).manifest, Manifest)
    assert (manifest.n, manifest.epochs) == (1, 1)
    assert window(manifest, 0) == Window(PrekeyKind.EPOCH, START, START + DAY)
    with pytest.raises(VerificationError):
        window(manifest, 1)


def test_numbering_restarts_with_a_new_identity_key() -> None:
    """A thief who used the last number there is blocks nobody for good."""
    hague = ministry()
    terminal = hague.posts["bern"].terminal
    hague.publish(terminal, number=MAX_MANIFEST_STEP)
    place = hague.place("bern", Action.ROTATE)
    new = hague.key("bern/t1b")
    change = Rotations(
        rotations=(
            Rotation(
                old=terminal.key.id,
                key=carried(new),
                until=hague.now + YEAR,
                proof=prove(new, place, nonce=hague.fresh(32), realm=hague.realm),
            ),
        )
    )
    hague.log(hague.entry("bern", Action.ROTATE, change, [*hague.pair, terminal.key]))
    rotated = OwnTerminal("bern", 1, new, terminal.mailbox)
    hague.publish(rotated, number=1)
    assert hague.book.manifests[new.id].manifest.number == 1


# --- choosing


def key(kind: PrekeyKind, start: int, until: int) -> Prekey:
    return Prekey(
        terminal=KeyId(bytes(32)),
        mailbox=Mailbox(bytes(16)),
        kid=PrekeyId(bytes(16)),
        public=PublicKey(b""),
        window=Window(kind, start, until),
    )


def test_a_one_time_key_is_preferred_and_todays_epoch_key_serves() -> None:
    today = key(PrekeyKind.EPOCH, 10, 20)
    tomorrow = key(PrekeyKind.EPOCH, 20, 30)
    once = key(PrekeyKind.ONE_TIME, 10, 30)
    assert choose([today, tomorrow, once], 10) is once
    assert choose([tomorrow, today], 19) is today
    assert choose([tomorrow, today], 20) is tomorrow
    assert choose([today, once], 25) is once
    for now in (9, 30):
        with pytest.raises(ExpiredError):
            choose([today, tomorrow, once], now)
    with pytest.raises(ExpiredError):
        choose([], 10)


# --- erasing

OLD, NEW = H(b"old"), H(b"new")
EPOCH = Window(PrekeyKind.EPOCH, START, START + DAY)
ONCE = Window(PrekeyKind.ONE_TIME, START, START + 9 * DAY)


def goes(
    seed: HeldSeed, witnessed: int, *, drained: bool = True, online: int = 0
) -> bool:
    erased = seeds_to_erase(
        [seed],
        superseded={OLD: START},
        witnessed=witnessed,
        drained=drained,
        online=online,
    )
    return seed in erased


def seed(when: Window, *, manifest: Digest = NEW, used: bool = False) -> HeldSeed:
    return HeldSeed(manifest, 0, when, used)


def test_a_one_time_seed_goes_once_its_record_is_in_the_vault() -> None:
    assert goes(seed(ONCE, used=True), START, drained=False)
    assert not goes(seed(ONCE), START)
    assert not goes(seed(EPOCH, used=True), START)


def test_unused_seeds_of_a_replaced_manifest_go_after_48_hours() -> None:
    old = seed(ONCE, manifest=OLD)
    assert not goes(old, START + 48 * HOUR - 1)
    assert goes(old, START + 48 * HOUR)
    assert not goes(seed(ONCE), START + 48 * HOUR)
    assert goes(seed(EPOCH, manifest=OLD), START + 48 * HOUR)


def test_todays_and_used_epoch_seeds_of_a_replaced_manifest_stay() -> None:
    later = START + 50 * HOUR
    today = Window(PrekeyKind.EPOCH, START + 2 * DAY, START + 3 * DAY)
    assert not goes(seed(today, manifest=OLD), later)
    assert not goes(seed(EPOCH, manifest=OLD, used=True), later)
    assert goes(seed(today, manifest=OLD), START + 3 * DAY)


@pytest.mark.parametrize("used", [True, False])
def test_every_seed_goes_14_days_after_its_day(used: bool) -> None:  # noqa: FBT001 -- a case of the test
    held = seed(EPOCH, used=used)
    overdue = EPOCH.until + 14 * DAY
    assert not goes(held, overdue - 1)
    assert goes(held, overdue)


def test_after_an_absence_the_mailbox_is_drained_first_for_an_hour_at_most() -> None:
    overdue = EPOCH.until + 14 * DAY
    for held in (seed(EPOCH), seed(ONCE, manifest=OLD)):
        assert not goes(held, overdue, drained=False, online=HOUR - 1)
        assert goes(held, overdue, drained=False, online=HOUR)
        assert goes(held, overdue)
