"""What a relay or a change of rights can do to records that wait in the outbox."""

from dataclasses import replace

import pytest

from client.core.compose import action
from client.core.questions import Question
from crypto.digest import H
from crypto.sign import SigningKey
from crypto.types import Digest
from protocol.codec import decode
from protocol.delivery import State
from protocol.key_log_entry import ManifestNotice, notice_leaf
from protocol.label import Level, Precedence
from protocol.manifest import Manifest
from protocol.requests import Ask, LogName
from tests.support.desk import Desk, cable, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import ministry


@pytest.fixture
def desks() -> tuple[Desk, Desk, Desk]:
    hague = ministry()
    hague = hague.fork()
    hague.enrol("lima")
    relay = FakeRelay(hague)
    bern, tfc, lima = (
        Desk(hague, hague.posts[name], relay) for name in ("bern", "tfc", "lima")
    )
    for desk in (bern, tfc, lima):
        desk.connect()
    exchange(bern, tfc, lima)
    return bern, tfc, lima


def questions(desk: Desk, limit: int = 40) -> int:
    """Carry out what the desk wants; return how often it asked for prekeys."""
    asked = 0
    while desk.effects and asked < limit:
        effect = desk.effects.popleft()
        asked += isinstance(effect, Question) and effect.ask is Ask.PREKEYS
        desk.carry_out(effect)
    return asked


def to_both(bern: Desk) -> Digest:
    wish = replace(cable("tfc"), to=action(("tfc", "lima"), Precedence.ROUTINE))
    return bern.machine.compose(wish, bern.now).name


def states(desk: Desk, name: Digest) -> dict[str, State]:
    return {target.post: target.delivery.state for target in desk.store.targets(name)}


def restrict(desk: Desk, of: Desk, highest: Level | None) -> None:
    """Log a restriction of a terminal; ``desk`` adopts it."""
    hague = desk.ministry
    operator: SigningKey = hague.operators["anna"]
    leaf = hague.restriction(of.post.terminal.key.id, by=operator, highest=highest)
    desk.relay.logs[LogName.KEY].append(leaf)
    desk.relay.now += 1
    desk.notice()


def test_a_relay_without_prekeys_is_not_asked_again_and_again(
    desks: tuple[Desk, Desk, Desk],
) -> None:
    bern, tfc, lima = desks
    kept = dict(bern.relay.published)
    del bern.relay.published[tfc.post.terminal.key.id]
    name = to_both(bern)
    bern.effects.extend(bern.machine.pump(bern.now))
    assert questions(bern) == 2  # for the message, and for keys to keep of both
    assert states(bern, name) == {"tfc": State.COMPOSED, "lima": State.STORED}

    bern.relay.published.update(kept)
    bern.connect()
    exchange(bern, tfc, lima)
    assert set(states(bern, name).values()) == {State.DELIVERED}


def test_what_one_addressee_lost_does_not_stop_the_others(
    desks: tuple[Desk, Desk, Desk],
) -> None:
    bern, tfc, lima = desks
    bern.machine.disconnected()
    name = to_both(bern)
    bern.machine.connected(bern.now)
    bern.effects.clear()
    restrict(bern, lima, Level.ONGERUBRICEERD)
    exchange(bern, tfc, lima)
    assert states(bern, name) == {"tfc": State.DELIVERED, "lima": State.COMPOSED}
    assert "relay-odd" not in bern.happened()


def test_a_terminal_that_lost_its_rights_seals_nothing_that_waits(
    desks: tuple[Desk, Desk, Desk],
) -> None:
    """The order is read again at sealing, with the rights of that moment."""
    bern, tfc, lima = desks
    bern.machine.disconnected()
    name = to_both(bern)
    bern.machine.connected(bern.now)
    bern.effects.clear()
    restrict(bern, bern, Level.ONGERUBRICEERD)
    exchange(bern, tfc, lima)
    assert set(states(bern, name).values()) == {State.COMPOSED}
    assert tfc.inbox() == []


def test_an_old_manifest_is_not_named_again_after_a_restart(
    desks: tuple[Desk, Desk, Desk],
) -> None:
    """TFC healed itself with a new manifest; its old keys may be in a thief's hands."""
    bern, tfc, _ = desks
    key_id = tfc.post.terminal.key.id
    stolen = bern.relay.published[key_id]
    manifest = decode(stolen.body.manifest, Manifest)
    tfc.seeds.held.clear()
    tfc.connect()  # publishes the next manifest
    assert bern.relay.published[key_id] is not stolen
    bern.write("tfc")
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1

    bern.relay.published[key_id] = stolen
    notice = ManifestNotice(
        terminal=key_id, number=manifest.number, manifest=H(stolen.body.manifest)
    )
    bern.relay.logs[LogName.KEY].append(notice_leaf(notice))
    bern.restart()
    bern.connect()
    name = bern.write("tfc").name
    exchange(bern)
    assert states(bern, name) == {"tfc": State.COMPOSED}


def test_a_terminal_outnumbers_a_manifest_that_a_relay_invented(
    desks: tuple[Desk, Desk, Desk],
) -> None:
    bern, tfc, _ = desks
    key_id = tfc.post.terminal.key.id
    false = ManifestNotice(terminal=key_id, number=50, manifest=Digest(b"f" * 32))
    bern.relay.logs[LogName.KEY].append(notice_leaf(false))
    tfc.connect()
    manifest = decode(bern.relay.published[key_id].body.manifest, Manifest)
    assert manifest.number == 51
    name = bern.write("tfc").name
    exchange(bern, tfc)
    assert [row.name for row in tfc.inbox()] == [name]


def test_each_record_that_waits_goes_in_its_own_lane(
    desks: tuple[Desk, Desk, Desk],
) -> None:
    bern, _, _ = desks
    bern.machine.disconnected()
    urgent = [Precedence.FLASH, Precedence.ROUTINE, Precedence.IMMEDIATE]
    names = [bern.write("tfc", precedence=one).name for one in urgent]
    bern.connect()
    lanes = {name: bern.store.deposits(name)[0].lane for name in names}
    assert lanes == dict(zip(names, (one.lane for one in urgent), strict=True))
