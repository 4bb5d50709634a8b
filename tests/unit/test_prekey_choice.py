"""Making manifests, choosing a key, and when its seed goes."""

import pytest

from crypto.suite import SuiteId
from crypto.types import KeyId, Mailbox, PrekeyId, PublicKey
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
        suite=SuiteId.S1,
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

OLD, NEW = 1, 2  # generations
EPOCH = Window(PrekeyKind.EPOCH, START, START + DAY)
ONCE = Window(PrekeyKind.ONE_TIME, START, START + 9 * DAY)


def goes(seed: HeldSeed, witnessed: int, *, online: int = HOUR) -> bool:
    erased = seeds_to_erase(
        [seed], superseded={OLD: START}, witnessed=witnessed, online=online
    )
    return seed in erased


def seed(when: Window, *, manifest: int = NEW) -> HeldSeed:
    return HeldSeed(manifest, 0, when)


def test_the_seeds_of_a_replaced_manifest_go_after_48_hours() -> None:
    old = seed(ONCE, manifest=OLD)
    assert not goes(old, START + 48 * HOUR - 1)
    assert goes(old, START + 48 * HOUR)
    assert not goes(seed(ONCE), START + 48 * HOUR)
    assert goes(seed(EPOCH, manifest=OLD), START + 48 * HOUR)


def test_todays_epoch_seed_of_a_replaced_manifest_stays() -> None:
    today = Window(PrekeyKind.EPOCH, START + 2 * DAY, START + 3 * DAY)
    assert not goes(seed(today, manifest=OLD), START + 50 * HOUR)
    assert goes(seed(today, manifest=OLD), START + 3 * DAY)


def test_every_seed_goes_14_days_after_its_day() -> None:
    overdue = EPOCH.until + 14 * DAY
    assert not goes(seed(EPOCH), overdue - 1)
    assert goes(seed(EPOCH), overdue)


def test_after_an_absence_nothing_goes_for_an_hour() -> None:
    overdue = EPOCH.until + 14 * DAY
    for held in (seed(EPOCH), seed(ONCE, manifest=OLD)):
        assert not goes(held, overdue, online=HOUR - 1)
        assert goes(held, overdue, online=HOUR)
