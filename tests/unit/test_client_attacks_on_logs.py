"""Attacks with the logs: each is refused and adopted by nobody, and each is told.

The second half of the table in ``test_client_attacks.py``.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from msgspec import structs

from client.core.alarms import Alarm
from client.core.questions import CheckpointWanted, ProofWanted, Question
from client.core.witnesses import EVIDENCE
from crypto.digest import H
from crypto.types import ZERO_DIGEST
from protocol.codec import decode, encode
from protocol.key_log_entry import ManifestNotice, notice_leaf
from protocol.policy import DAY
from protocol.requests import (
    Entries,
    KeyLog,
    LogName,
    Proof,
    SignedCheckpoint,
)
from protocol.trusted_log import signed_checkpoint
from tests.support.desk import Desk
from tests.support.fake_relay import FakeRelay
from tests.support.scene import Attack, Scene, Table, begun, check, told_in
from tests.unit.test_client_attacks import ATTACKS as OTHERS

ATTACKS: Table = {}


def attack(alarm: Alarm) -> Callable[[Attack], Attack]:
    return told_in(ATTACKS, alarm)


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


def test_a_rollback_keeps_both_notes_that_the_log_has_signed() -> None:
    scene = begun()
    bern = scene.bern
    size = bern.machine.beliefs.message_log.size
    rolled_back_message_log(scene)
    kept = bern.store.get(EVIDENCE)
    assert kept is not None
    small, large = (
        signed_checkpoint(note, scene.hague.directory.root.document.message_log)[1]
        for note in decode(kept, tuple[bytes, ...])
    )
    assert (small.size, large.size) == (1, size)
    first = kept
    rolled_back_key_log(scene)
    assert bern.store.get(EVIDENCE) == first  # the first pair stays


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
def test_an_attack_is_refused_and_told_in_words(name: str) -> None:
    check(ATTACKS, name)


def test_there_are_attacks_enough() -> None:
    every = {**OTHERS, **ATTACKS}
    assert len(every) >= 25
    assert len({alarm for alarm, _ in every.values()}) >= 14
