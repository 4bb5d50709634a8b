"""Attacks of a relay, a post or somebody between: each is refused, and each is told.

One table: what is done to an honest exchange of Bern and TFC, who must notice, and
by which alarm.  Nothing false is believed, and what is honest still arrives.
"""

from collections.abc import Callable

import pytest
from msgspec import structs

from client.core.alarms import Alarm
from client.core.questions import Deposited, Question
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
    LogName,
    Nack,
    Offer,
    Offers,
)
from tests.support.desk import Desk, box_of, exchange
from tests.support.keys import flipped
from tests.support.scene import Attack, Scene, Table, check, told_in

ATTACKS: Table = {}


def attack(alarm: Alarm) -> Callable[[Attack], Attack]:
    return told_in(ATTACKS, alarm)


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
    assert scene.tfc.takes(structs.replace(came, envelope=torn))
    return scene.tfc


@attack(Alarm.UNREADABLE)
def envelope_that_is_nonsense(scene: Scene) -> Desk:
    scene.bern.write("tfc", "nog een")
    scene.bern.run()
    (came,) = box_of(scene.tfc)
    box_of(scene.tfc).clear()
    assert scene.tfc.takes(structs.replace(came, envelope=b"\x00"))
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
        scene.tfc.store.owe_receipt("bern", encode(statement), Precedence.ROUTINE)
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


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_an_attack_is_refused_and_told_in_words(name: str) -> None:
    check(ATTACKS, name)
