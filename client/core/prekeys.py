"""Own prekeys: drawn, kept, published, and erased when their time is over.

A terminal that is online at least daily replaces all its future keys daily: whoever
copied the key sheet reads what was sealed up to then, and nothing later.
"""

from typing import Final

from client.core.alarms import Alarm, Alarms
from client.core.own_manifests import NAMED, OwnManifests
from client.core.questions import Effect, ManifestPublished, Question
from client.core.seeds import Seed
from client.core.station import Station
from crypto.digest import H, u64
from crypto.kem import KemKey
from crypto.suite import SUITES
from crypto.types import Digest, Mailbox, PrekeyId, PublicKey, Secret
from protocol.codec import decode
from protocol.directory_state import Notice
from protocol.errors import RollbackError
from protocol.manifest import (
    Manifest,
    PrekeyKind,
    Schedule,
    SignedManifest,
    Window,
    make_manifest,
    prekey_id,
    window,
)
from protocol.policy import HOUR
from protocol.prekey_erasure import ONLINE, HeldSeed, seeds_to_erase
from protocol.requests import Ask, Publish

ONE_TIME: Final = 64  # one-time keys in one manifest
NUMBER: Final = "manifest.number"
PUBLISHED: Final = "manifest.published"  # H(manifest) of our last one
FORGOTTEN: Final = "manifest.forgotten"  # H(manifest) the relay had and has no more
DRAWN: Final = "manifest.drawn"  # W when its keys were drawn
BULK: Final = 3  # lane of a publication
# Seconds: who is online at the same hour each day publishes each day.
HEALING: Final = 20 * HOUR


class Prekeys:
    """Keeps this terminal reachable."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._identity = station.identity
        self._beliefs = station.beliefs
        self._seeds = station.seeds
        self._entropy = station.entropy
        self._manifests = OwnManifests(station.vault)
        self._alarms = Alarms(station.vault)
        self._synced = False  # whether this session has shown us the key log's end
        self._since = 0  # POSIX seconds, wall clock: when this session began
        self._asked = False  # whether a publication is on its way to the log
        # What an erasing went by, so that a pump that knows no more costs nothing.
        self._erased_by: object = None

    def connected(self, now: int) -> None:
        """Take note of a new session: what the log names is to be seen first."""
        self._synced = self._asked = False
        self._since = now

    def erase_old(self, now: int) -> None:
        """Erase the seeds whose time is over (PRE-15 to PRE-17).

        Their days count by witnessed time; only the hour that a terminal has to
        empty its mailbox is the wall clock's.
        """
        notice = self._beliefs.view().notice(self._identity.terminal.id)
        goes_by = (
            *(notice, self._vault.get(PUBLISHED)),
            *(self._beliefs.witnessed, now - self._since >= ONLINE),
        )
        if goes_by == self._erased_by:
            return
        self._note_named(notice, now)
        seeds = self._seeds.seeds()
        named = {
            seed.manifest: self._vault.get(f"{NAMED}.{seed.manifest}") for seed in seeds
        }
        superseded: dict[Digest, int] = {}
        after: bytes | None = None
        for number in sorted(named, reverse=True):
            if after is not None:
                superseded[_label(number)] = int.from_bytes(after, "big")
            after = named[number] or after
        held = {_held(seed): seed.kid for seed in seeds}
        gone = seeds_to_erase(
            held,
            superseded=superseded,
            witnessed=self._beliefs.witnessed,
            drained=False,
            online=now - self._since,
        )
        if gone:
            self._seeds.erase([PrekeyId(held[seed]) for seed in gone])
        self._erased_by = goes_by

    def _note_named(self, notice: Notice | None, now: int) -> None:
        """Write down when our last manifest was first seen in the witnessed log."""
        if notice is None or notice.notice.manifest != self._vault.get(PUBLISHED):
            return
        last = self._manifests.last()
        name = f"{NAMED}.{last}"
        with self._vault.transaction():
            if self._vault.get(name) is None:
                self._vault.put(name, self._beliefs.witnessed.to_bytes(8, "big"))
            if self._holds(last):
                self._alarms.over(Alarm.PREKEYS_LOST, now)

    def synced(self) -> None:
        """Take note that the directory is the one of this session."""
        self._synced = True

    def forgotten(self) -> None:
        """Take note that the relay lost our prekeys, as FORGOTTEN says.

        Nobody can write to us, though the log still names the manifest: only a new
        one is handed out.
        """
        self._asked = False

    def pump(self, now: int) -> list[Effect]:
        """Return a publication if the log names no manifest of ours that lasts."""
        if not self._synced or not self._needed(now) or self._asked:
            return []
        self._asked = True  # until the log names it, or the next session
        return [self._publish()]

    def _needed(self, now: int) -> bool:
        view = self._beliefs.view()
        own = view.terminal(self._identity.terminal.id)
        if own is None or own.ended is not None:
            return False
        notice = view.notice(own.key_id)
        published = self._vault.get(PUBLISHED)
        if notice is None or notice.notice.manifest != published:
            return True
        if published == self._vault.get(FORGOTTEN):
            return True
        self._asked = False
        drawn = int.from_bytes(self._vault.get(DRAWN) or b"", "big")
        if not self._holds(self._manifests.last()):
            with self._vault.transaction():
                self._alarms.tell(Alarm.PREKEYS_LOST, now)
            return True
        return self._beliefs.witnessed - drawn >= HEALING

    def _holds(self, generation: int) -> bool:
        """Tell whether seeds of a manifest are left: a key sheet can be lost."""
        return any(seed.manifest == generation for seed in self._seeds.seeds())

    def _publish(self) -> Question:
        view = self._beliefs.view()
        own = view.terminal(self._identity.terminal.id)
        if own is None:
            raise RollbackError("not enrolled")
        suite, policy = view.suite, view.policy
        size = SUITES[suite].kem_seed
        total = policy.published + ONE_TIME
        drawn = [Secret(self._entropy(size)) for _ in range(total)]
        keys = [KemKey.from_seed(suite, seed).public for seed in drawn]
        number = self._next_number(view.notice(own.key_id))
        signed = make_manifest(
            self._identity.terminal,
            keys,
            Schedule(
                number=number,
                start=self._beliefs.witnessed // policy.epoch * policy.epoch,
                period=policy.epoch,
                epochs=policy.published,
            ),
            mailbox=Mailbox(own.mailbox),
            realm=view.realm,
        )
        # The seeds are durable before anybody can seal to their public halves.
        generation = self._manifests.next_generation()
        self._seeds.add(_seeds(signed, drawn, generation))
        with self._vault.transaction():
            self._vault.put(NUMBER, number.to_bytes(8, "big"))
            self._vault.put(PUBLISHED, H(signed.manifest))
            self._vault.put(DRAWN, self._beliefs.witnessed.to_bytes(8, "big"))
            self._manifests.remember(signed.manifest)
        # A crash here: the next start publishes a higher number.  A crash before the
        # commit: seeds that no manifest names share the next one's generation, and go
        # with it.
        body = Publish(
            manifest=signed.manifest,
            signature=signed.signature,
            keys=tuple(map(PublicKey, keys)),
        )
        return Question(ManifestPublished(number), Ask.PUBLISH, body, BULK)

    def _next_number(self, named: Notice | None) -> int:
        """Return a number above all of ours and above what the log names (PRE-18)."""
        ours = int.from_bytes(self._vault.get(NUMBER) or b"", "big")
        return max(ours, 0 if named is None else named.notice.number) + 1


def _label(number: int) -> Digest:
    return H(u64(number))


def _held(seed: Seed) -> HeldSeed:
    when = Window(PrekeyKind(seed.kind), seed.start, seed.until)
    # What was opened with a one-time seed is erased with its record (the inbox).
    return HeldSeed(_label(seed.manifest), seed.index, when, used=False)


def _seeds(signed: SignedManifest, drawn: list[Secret], generation: int) -> list[Seed]:
    manifest = decode(signed.manifest, Manifest)
    name = Digest(H(signed.manifest))
    found = []
    for index, secret in enumerate(drawn):
        when = window(manifest, index)
        found.append(
            Seed(
                kid=PrekeyId(prekey_id(manifest.suite, name, index)),
                manifest=generation,
                index=index,
                kind=when.kind,
                start=when.start,
                until=when.until,
                seed=secret.reveal(),
            )
        )
    return found
