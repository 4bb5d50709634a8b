"""Attacks of a relay, a post or somebody between: each is refused, and each is told.

One table: what is done to an honest exchange of Bern and TFC, who must notice, and
by which alarm.  Nothing false is believed, and what is honest still arrives.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from msgspec import structs

from client.core.alarms import Alarm
from client.core.questions import CheckpointWanted, Deposited, ProofWanted, Question
from client.core.rows import IN
from client.words import LANGUAGES, Words
from crypto.digest import H
from crypto.types import ZERO_DIGEST, MessageId
from protocol.codec import decode, encode
from protocol.key_log_entry import ManifestNotice, notice_leaf
from protocol.label import Precedence
from protocol.manifest import Manifest
from protocol.policy import DAY
from protocol.receipt import Kind, Statement
from protocol.requests import (
    Ask,
    Entries,
    KeyLog,
    LogName,
    Nack,
    Offer,
    Offers,
    Proof,
    SignedCheckpoint,
)
from tests.support.desk import Desk, box_of, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.keys import flipped
from tests.support.ministry import Ministry, ministry


@dataclass
class Scene:
    """A ministry with two desks that have exchanged a message."""

    hague: Ministry
    bern: Desk
    tfc: Desk

    @property
    def relay(self) -> FakeRelay:
        return self.bern.relay


Attack = Callable[[Scene], Desk]  # carries it out; returns who must notice
ATTACKS: dict[str, tuple[Alarm, Attack]] = {}


def attack(alarm: Alarm) -> Callable[[Attack], Attack]:
    def named(function: Attack) -> Attack:
        ATTACKS[function.__name__] = (alarm, function)
        return function

    return named


@pytest.fixture
def scene() -> Scene:
    hague = ministry()
    bern, tfc = pair(hague, FakeRelay(hague))
    bern.write("tfc", "het begin")
    exchange(bern, tfc)
    return Scene(hague, bern, tfc)


# --- prekeys


def offered(scene: Scene, lie: Callable[[Offer], Offer]) -> Desk:
    """Have Bern ask for a key of TFC, and answer with a lie."""
    bern = scene.bern
    bern.write("tfc", "nog een")
    question = bern.effects.pop()
    assert isinstance(question, Question)
    assert question.ask is Ask.PREKEYS
    honest = scene.relay.offer(scene.tfc.post.terminal.key.id)
    answer = encode(Offers(offers=(lie(honest),)))
    found = bern.machine.answered(question.tag, answer, bern.now)
    assert [effect for effect in found if isinstance(effect, Deposited)] == []
    return bern


@attack(Alarm.PREKEY_ODD)
def swapped_key(scene: Scene) -> Desk:
    own = scene.relay.offer(scene.bern.post.terminal.key.id)
    return offered(scene, lambda offer: structs.replace(offer, key=own.key))


@attack(Alarm.PREKEY_ODD)
def another_terminals_offer(scene: Scene) -> Desk:
    own = scene.relay.offer(scene.bern.post.terminal.key.id)
    return offered(scene, lambda _: own)


@attack(Alarm.PREKEY_ODD)
def manifest_that_nobody_signed(scene: Scene) -> Desk:
    return offered(
        scene, lambda o: structs.replace(o, signature=flipped(o.signature, 7))
    )


@attack(Alarm.PREKEY_ODD)
def key_of_another_day(scene: Scene) -> Desk:
    return offered(scene, lambda offer: structs.replace(offer, index=offer.index + 1))


@attack(Alarm.PREKEY_ODD)
def manifest_that_is_nonsense(scene: Scene) -> Desk:
    return offered(scene, lambda offer: structs.replace(offer, manifest=b"\xa0"))


@attack(Alarm.PREKEY_ODD)
def stale_manifest(scene: Scene) -> Desk:
    """The key log names a newer one, which Bern knew before it asked."""
    terminal = scene.tfc.post.terminal.key.id
    old = scene.relay.published[terminal]
    scene.relay.now += DAY
    for desk in (scene.tfc, scene.bern):
        desk.connect()
    exchange(scene.tfc, scene.bern)
    assert scene.relay.published[terminal] is not old
    scene.relay.published[terminal] = old
    return offered(scene, lambda offer: offer)


@attack(Alarm.PREKEY_ODD)
def replayed_manifest_named_again(scene: Scene) -> Desk:
    """The log itself names an old manifest last: what it healed would be undone."""
    terminal = scene.tfc.post.terminal.key.id
    old = scene.relay.published[terminal]
    scene.relay.now += DAY
    for desk in (scene.tfc, scene.bern):
        desk.connect()
    exchange(scene.tfc, scene.bern)
    scene.bern.write("tfc", "naar de nieuwe")
    scene.bern.run()
    manifest = decode(old.body.manifest, Manifest)
    notice = ManifestNotice(
        terminal=terminal, number=manifest.number, manifest=H(old.body.manifest)
    )
    scene.relay.logs[LogName.KEY].append(notice_leaf(notice))
    scene.relay.now += 60
    scene.bern.notice()
    scene.relay.published[terminal] = old
    return offered(scene, lambda offer: offer)


# --- deliveries


@attack(Alarm.UNREADABLE)
def changed_ciphertext(scene: Scene) -> Desk:
    scene.bern.write("tfc", "nog een")
    scene.bern.run()
    (came,) = box_of(scene.tfc)
    box_of(scene.tfc).clear()
    torn = flipped(came.envelope, len(came.envelope) - 40)
    assert scene.tfc.machine.delivered(
        structs.replace(came, envelope=torn), scene.tfc.now
    )
    return scene.tfc


@attack(Alarm.UNREADABLE)
def envelope_that_is_nonsense(scene: Scene) -> Desk:
    scene.bern.write("tfc", "nog een")
    scene.bern.run()
    (came,) = box_of(scene.tfc)
    box_of(scene.tfc).clear()
    assert scene.tfc.machine.delivered(
        structs.replace(came, envelope=b"\x00"), scene.tfc.now
    )
    return scene.tfc


@attack(Alarm.HOLE)
def dropped_envelope(scene: Scene) -> Desk:
    """The relay drops it, and drops everything that is sent again."""
    scene.bern.write("tfc", "wordt achtergehouden")
    scene.bern.run()
    box_of(scene.tfc).clear()
    scene.bern.write("tfc", "wordt bezorgd")
    exchange(scene.bern, scene.tfc)
    scene.tfc.tick(DAY)
    return scene.tfc


@attack(Alarm.UNDELIVERED)
def withheld_receipt(scene: Scene) -> Desk:
    scene.bern.write("tfc", "dringend", Precedence.FLASH)
    scene.bern.run()
    scene.tfc.fetch()
    box_of(scene.bern).clear()  # the relay keeps what TFC answers
    scene.bern.tick(900)
    return scene.bern


@attack(Alarm.FORK)
def record_of_a_clone(scene: Scene) -> Desk:
    """A copy of Bern's vault writes in the place of a message that arrived."""
    terminal = scene.tfc.post.terminal.key.id
    place = scene.bern.store.stream_out(terminal)
    assert place is not None
    with scene.bern.store.transaction():
        before = place._replace(seq=0, prev=ZERO_DIGEST)
        scene.bern.store.set_stream_out(terminal, before)
    scene.bern.write("tfc", "een andere eerste")
    exchange(scene.bern, scene.tfc)
    return scene.tfc


@attack(Alarm.STREAM_ODD)
def clone_is_told_to_its_owner(scene: Scene) -> Desk:
    record_of_a_clone(scene)
    exchange(scene.bern, scene.tfc)
    return scene.bern


@attack(Alarm.RESTORED)
def another_stream_of_a_known_terminal(scene: Scene) -> Desk:
    with scene.bern.store.transaction():
        scene.bern.store.put("stream.id", bytes(16))
        place = scene.bern.store.stream_out(scene.tfc.post.terminal.key.id)
        assert place is not None
        new = place._replace(stream=bytes(16), seq=0, prev=ZERO_DIGEST)  # type: ignore[arg-type]
        scene.bern.store.set_stream_out(scene.tfc.post.terminal.key.id, new)
    scene.bern.write("tfc", "uit een andere reeks")
    exchange(scene.bern, scene.tfc)
    return scene.tfc


# --- receipts and nacks


def forged(scene: Scene, statement: Statement) -> Desk:
    with scene.tfc.store.transaction():
        scene.tfc.store.owe_receipt("bern", encode(statement), b"")
    scene.tfc.effects.extend(scene.tfc.machine.pump(scene.tfc.now))
    exchange(scene.bern, scene.tfc)
    return scene.bern


@attack(Alarm.RECEIPT_ODD)
def receipt_for_what_nobody_wrote(scene: Scene) -> Desk:
    return forged(
        scene,
        Statement(
            kind=Kind.DELIVERED,
            record=H(b"nothing"),
            id=MessageId(bytes(16)),
            time=scene.bern.now,
            index=0,
        ),
    )


@attack(Alarm.RECEIPT_ODD)
def receipt_for_another_message(scene: Scene) -> Desk:
    (row,) = scene.tfc.inbox()
    return forged(
        scene,
        Statement(
            kind=Kind.DELIVERED,
            record=row.name,
            id=MessageId(bytes(16)),
            time=scene.bern.now,
            index=0,
        ),
    )


@attack(Alarm.NACK_ODD)
def forged_nack(scene: Scene) -> Desk:
    scene.bern.write("tfc", "nog een")
    scene.bern.run()
    scene.tfc.seeds.held.clear()
    scene.tfc.fetch()
    key = scene.bern.post.terminal.key.id
    (data,) = scene.relay.nacks.pop(key)
    genuine = decode(data, Nack)
    lie = structs.replace(genuine, signatures=(flipped(genuine.signatures[0], 3),))
    assert scene.bern.machine.nacked(encode(lie), scene.bern.now) == []
    scene.relay.nacks[key].append(data)
    return scene.bern


# --- logs


def answered(scene: Scene, log: LogName, answer: SignedCheckpoint | bytes) -> Desk:
    bern = scene.bern
    before = bern.machine.beliefs.heads
    tag = CheckpointWanted(log, bern.machine.beliefs.message_log.size)
    if log is LogName.KEY:
        tag = CheckpointWanted(log, bern.machine.beliefs.key_log.size)
    data = answer if isinstance(answer, bytes) else encode(answer)
    bern.machine.answered(tag, data, bern.now)
    assert bern.machine.beliefs.heads == before
    return bern


@attack(Alarm.RELAY_ODD)
def rolled_back_message_log(scene: Scene) -> Desk:
    smaller = FakeRelay(scene.hague)
    smaller.logs[LogName.MESSAGE].append(b"one leaf")
    return answered(scene, LogName.MESSAGE, smaller.checkpoint(LogName.MESSAGE, 0))


@attack(Alarm.RELAY_ODD)
def rolled_back_key_log(scene: Scene) -> Desk:
    smaller = FakeRelay(scene.hague)
    return answered(scene, LogName.KEY, smaller.checkpoint(LogName.KEY, 0))


@attack(Alarm.SPLIT_VIEW)
def forked_message_log(scene: Scene) -> Desk:
    other = FakeRelay(scene.hague)
    size = scene.bern.machine.beliefs.message_log.size
    for number in range(size):
        other.logs[LogName.MESSAGE].append(bytes([number]))
    other.now = scene.relay.now + 1
    return answered(scene, LogName.MESSAGE, other.checkpoint(LogName.MESSAGE, size))


@attack(Alarm.RELAY_ODD)
def checkpoint_without_consistency(scene: Scene) -> Desk:
    scene.relay.logs[LogName.MESSAGE].append(b"more")
    size = scene.bern.machine.beliefs.message_log.size
    honest = scene.relay.checkpoint(LogName.MESSAGE, size)
    lie = structs.replace(honest, consistency=(ZERO_DIGEST,))
    return answered(scene, LogName.MESSAGE, lie)


@attack(Alarm.RELAY_ODD)
def checkpoint_that_the_log_did_not_sign(scene: Scene) -> Desk:
    scene.relay.logs[LogName.MESSAGE].append(b"more")
    size = scene.bern.machine.beliefs.message_log.size
    honest = scene.relay.checkpoint(LogName.MESSAGE, size)
    note = honest.note.replace(b"\n", b"x\n", 1)
    return answered(scene, LogName.MESSAGE, structs.replace(honest, note=note))


@attack(Alarm.RELAY_ODD)
def entries_that_are_kept_back(scene: Scene) -> Desk:
    """A checkpoint is genuine and ahead; the entries under it never come."""
    bern = scene.bern
    scene.relay.logs[LogName.KEY].append(b"an entry that nobody may see")
    scene.relay.now += 1
    size = bern.machine.beliefs.key_log.size
    note = encode(scene.relay.checkpoint(LogName.KEY, size))
    nothing = encode(Entries(start=size, size=size))
    for _ in range(2):
        asked = bern.machine.answered(
            CheckpointWanted(LogName.KEY, size), note, bern.now
        )
        for effect in asked:
            if isinstance(effect, Question) and isinstance(effect.body, KeyLog):
                bern.machine.answered(effect.tag, nothing, bern.now)
    assert bern.machine.beliefs.key_log.size == size
    return bern


@attack(Alarm.RELAY_ODD)
def proof_of_another_leaf(scene: Scene) -> Desk:
    (row,) = scene.tfc.inbox()
    log = scene.tfc.machine.beliefs.message_log
    tag = ProofWanted(row.name, own=False, index=row.log_index or 0, size=log.size)
    answer = encode(Proof(path=(ZERO_DIGEST,)))
    scene.tfc.machine.answered(tag, answer, scene.tfc.now)
    return scene.tfc


@attack(Alarm.LEAF_ODD)
def other_leaf(scene: Scene) -> Desk:
    sent = scene.bern.write("tfc", "nog een")
    scene.bern.carry_out(scene.bern.effects.popleft())
    (deposit,) = scene.bern.store.deposits(sent.name)
    scene.bern.machine.stored(deposit.envelope, 9, bytes(32), scene.bern.now)
    (target,) = scene.bern.store.targets(sent.name)
    assert target.delivery.envelope == deposit.envelope
    return scene.bern


@attack(Alarm.DIRECTORY_STALE)
def frozen_key_log(scene: Scene) -> Desk:
    """The relay is there and shows no news: the witnesses' time stands still."""
    scene.relay.now += 2 * DAY
    scene.bern.machine.tick(scene.bern.now)
    return scene.bern


@attack(Alarm.OWN_KEY_CHANGED)
def notice_of_a_manifest_that_is_not_ours(scene: Scene) -> Desk:
    own = scene.bern.post.terminal.key.id
    notice = ManifestNotice(terminal=own, number=99, manifest=H(b"not ours"))
    scene.relay.logs[LogName.KEY].append(notice_leaf(notice))
    scene.relay.now += 60
    scene.bern.notice()
    return scene.bern


@attack(Alarm.OWN_RESTRICTED)
def restriction_of_our_terminal(scene: Scene) -> Desk:
    own = scene.bern.post.terminal.key.id
    leaf = scene.hague.restriction(own, by=scene.hague.operators["anna"])
    scene.relay.logs[LogName.KEY].append(leaf)
    scene.relay.now += 60
    scene.bern.notice()
    return scene.bern


@attack(Alarm.SPLIT_VIEW)
def sender_with_another_log(scene: Scene) -> Desk:
    """Bern was shown another history: its next message says so."""
    beliefs = scene.bern.machine.beliefs
    beliefs.message_log = replace(beliefs.message_log, root=H(b"another tree"))
    scene.bern.write("tfc", "vanuit een andere werkelijkheid")
    scene.bern.run()
    scene.tfc.fetch()
    return scene.tfc


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_an_attack_is_refused_and_told_in_words(scene: Scene, name: str) -> None:
    alarm, carry_out = ATTACKS[name]
    assert scene.bern.alarms() | scene.tfc.alarms() == set()
    shown = [row.name for row in scene.tfc.inbox() if row.refused is None]
    desk = carry_out(scene)
    assert alarm in desk.alarms(), desk.alarms()
    for language in LANGUAGES:
        assert Words(language).say(f"alarm.{alarm}", post="bern", id="3f2a")
        assert Words(language).say(f"alarm-do.{alarm}", post="bern", id="3f2a")
    now = [row.name for row in scene.tfc.inbox() if row.refused is None]
    assert len(now) == len(set(now))
    assert set(shown) <= set(now)  # nothing that was shown is taken back
    kept = [row for row in scene.tfc.store.records(IN, 99) if row.post != "bern"]
    assert kept == []


def test_there_are_attacks_enough() -> None:
    assert len(ATTACKS) >= 25
    assert len({alarm for alarm, _ in ATTACKS.values()}) >= 14


def test_an_honest_fortnight_raises_no_alarm(scene: Scene) -> None:
    """Two posts that write, read and acknowledge, in any order of lanes."""
    bern, tfc = scene.bern, scene.tfc
    for day in range(14):
        lane = list(Precedence)[day % 4]
        for one, other in ((bern, "tfc"), (tfc, "bern")):
            one.write(other, f"dag {day}", lane)
            one.run()
        box_of(tfc).reverse()
        exchange(bern, tfc)
        for desk in (bern, tfc):
            for row in desk.inbox():
                desk.machine.read(row, desk.now)
                desk.machine.acknowledge(row, desk.now)
        exchange(bern, tfc)
        for _ in range(4):
            for desk in (bern, tfc):
                desk.tick(DAY // 8)
            exchange(bern, tfc)
        assert bern.alarms() | tfc.alarms() == set(), day
    events = set(bern.happened()) | set(tfc.happened())
    assert events & {alarm.value for alarm in Alarm} == set()
