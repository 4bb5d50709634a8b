"""A terminal goes over to its new keys by itself, and nothing on its way is lost."""

from collections.abc import Callable

import pytest

from client.core.alarms import Alarm
from client.core.rotation import IN_USE, Rotation
from crypto.sign import SigningKey
from crypto.types import Digest
from protocol.delivery import State
from protocol.receipt import Kind
from tests.support.desk import Desk, box_of, exchange
from tests.support.rotating import append, member_rotated, rotate, terminal_rotated

Desks = tuple[Desk, Desk]
Rotate = Callable[[Desk], SigningKey]
BOTH = pytest.mark.parametrize("rotated", [terminal_rotated, member_rotated])


def state(desk: Desk, name: Digest) -> State:
    (target,) = desk.store.targets(name)
    return target.delivery.state


def shown(desk: Desk) -> list[Digest]:
    return [row.name for row in desk.inbox() if row.refused is None]


# --- the change itself


def test_the_terminal_changes_over_when_it_adopts_its_entry(desks: Desks) -> None:
    bern, tfc = desks
    old = bern.machine.identity.terminal
    new = terminal_rotated(bern)
    assert bern.machine.identity.terminal is old  # logged is not adopted
    exchange(bern, tfc)
    identity = bern.machine.identity
    assert (identity.terminal, identity.next_terminal) == (new, None)
    assert bern.happened().count("rotated") == 1
    assert bern.alarms() == tfc.alarms() == set()
    view = tfc.machine.beliefs.view()
    notice = view.notice(new.id)
    assert notice is not None
    assert notice.notice.number == 1  # it begins anew (PRE-3)
    (terminal,) = view.terminals("bern")
    assert terminal.lineage == (old.id, new.id)
    assert terminal.first == old.id


def test_messages_go_both_ways_after_it_in_the_same_streams(desks: Desks) -> None:
    bern, tfc = desks
    before = bern.write("tfc").name, tfc.write("bern").name
    exchange(bern, tfc)
    terminal_rotated(bern)
    exchange(bern, tfc)
    terminal_rotated(tfc)
    exchange(bern, tfc)
    after = bern.write("tfc").name, tfc.write("bern").name
    exchange(bern, tfc)
    for one, other, sent in ((bern, tfc, 0), (tfc, bern, 1)):
        assert set(shown(other)) == {before[sent], after[sent]}
        assert state(one, before[sent]) is state(one, after[sent]) is State.DELIVERED
        assert len(one.store.streams_out()) == len(one.store.streams_in()) == 1
        assert one.alarms() == set()


def test_a_second_rotation_follows_the_first(desks: Desks) -> None:
    bern, tfc = desks
    first = terminal_rotated(bern)
    exchange(bern, tfc)
    second = bern.ministry.key("bern/third")
    bern.machine.identity.next_terminal = second
    append(bern, rotate(bern.ministry, "bern", (first, second)))
    sent = tfc.write("bern").name
    exchange(bern, tfc)
    assert bern.machine.identity.terminal is second
    assert shown(bern) == [sent]
    assert state(tfc, sent) is State.DELIVERED


def test_a_key_that_was_rotated_into_a_strangers_is_an_alarm(desks: Desks) -> None:
    bern, tfc = desks
    old = bern.machine.identity.terminal
    append(bern, rotate(bern.ministry, "bern", (old, bern.ministry.key("thief"))))
    exchange(bern, tfc)
    assert Alarm.OWN_KEY_CHANGED in bern.alarms()
    assert bern.machine.identity.terminal is old


@pytest.mark.parametrize("key", ["tfc", "nobody"])
def test_a_key_that_is_not_of_our_lineage_is_not_taken(desks: Desks, key: str) -> None:
    bern, tfc = desks
    known = {"tfc": tfc.machine.identity.terminal, "nobody": bern.ministry.key("x")}
    terminal, member = bern.machine.identity.terminal, bern.machine.identity.member
    bern.machine.identity.next_terminal = known[key]
    bern.machine.take_seat(member, bern.now, known[key])  # looks at once
    assert bern.machine.identity.next_terminal is known[key]
    bern.write("tfc")
    exchange(bern, tfc)
    assert bern.machine.identity.terminal is terminal
    assert bern.machine.identity.member is member


# --- a stop at each step of it


def test_a_stop_before_the_entry_is_adopted(desks: Desks) -> None:
    bern, tfc = desks
    new = terminal_rotated(bern)
    bern.following = new
    bern.restart()
    assert bern.machine.identity.terminal is not new
    bern.connect()
    exchange(bern, tfc)
    assert bern.machine.identity.terminal is new


def test_a_stop_between_adopting_and_changing_over(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc").name
    bern.run()  # stored under the old key
    assert state(bern, sent) is State.STORED
    new = terminal_rotated(bern)
    bern.following = new

    class StopError(Exception):
        pass

    def stop(*_: object) -> None:
        raise StopError

    with monkeypatch.context() as patched:
        patched.setattr(Rotation, "look", stop)  # a crash there
        with pytest.raises(StopError):
            bern.notice()
    assert bern.store.get(IN_USE) != new.id
    bern.restart()
    assert bern.machine.identity.terminal is new
    assert bern.store.get(IN_USE) == new.id
    assert state(bern, sent) is State.COMPOSED  # to be sealed under the new key
    bern.connect()
    exchange(bern, tfc)
    assert shown(tfc) == [sent]
    assert state(bern, sent) is State.DELIVERED


def test_what_changes_once_is_not_done_again_after_a_restart(desks: Desks) -> None:
    bern, tfc = desks
    new = terminal_rotated(bern)
    exchange(bern, tfc)
    sent = bern.write("tfc").name
    bern.run()
    bern.following = new
    for _ in range(2):
        bern.restart()
        bern.connect()
    assert bern.happened().count("rotated") == 1
    assert state(bern, sent) in {State.STORED, State.ACCEPTED}
    exchange(bern, tfc)
    assert shown(tfc) == [sent]


# --- every state of a delivery, with a rotation in it


def composed(sender: Desk, _: Desk) -> Digest:
    name = sender.write(other(sender)).name
    sender.effects.clear()
    return name


def sealed(sender: Desk, _: Desk) -> Digest:
    """Its prekeys came, and the line broke before the deposit."""
    name = sender.write(other(sender)).name
    sender.carry_out(sender.effects.popleft())
    sender.effects.clear()
    return name


def stored(sender: Desk, _: Desk) -> Digest:
    name = sender.write(other(sender)).name
    sender.run()
    return name


def accepted(sender: Desk, _: Desk) -> Digest:
    name = stored(sender, _)
    sender.notice()
    return name


def fetched(sender: Desk, receiver: Desk) -> Digest:
    """Its receipt waits at the receiver."""
    name = accepted(sender, receiver)
    receiver.notice()
    box = box_of(receiver)
    assert receiver.takes(*box)
    box.clear()
    return name


def delivered(sender: Desk, receiver: Desk) -> Digest:
    name = stored(sender, receiver)
    exchange(sender, receiver)
    return name


def other(desk: Desk) -> str:
    return "tfc" if desk.post.post == "bern" else "bern"


STATES: dict[Callable[[Desk, Desk], Digest], State] = {
    composed: State.COMPOSED,
    sealed: State.SEALED,
    stored: State.STORED,
    accepted: State.ACCEPTED,
    fetched: State.ACCEPTED,
    delivered: State.DELIVERED,
}


@pytest.mark.parametrize("reach", STATES)
@pytest.mark.parametrize("whose", ["sender", "receiver"])
@pytest.mark.parametrize("seen_first", ["sender", "receiver"])
@BOTH
def test_a_message_in_any_state_stays_readable(
    desks: Desks,
    reach: Callable[[Desk, Desk], Digest],
    whose: str,
    seen_first: str,
    rotated: Rotate,
) -> None:
    sender, receiver = desks
    name = reach(sender, receiver)
    assert state(sender, name) is STATES[reach]
    new = rotated(sender if whose == "sender" else receiver)
    # The one who sees the entry first changes over while the other has not.
    order = (sender, receiver) if seen_first == "sender" else (receiver, sender)
    order[0].notice()
    order[0].fetch()
    sender.connect()
    exchange(*order)
    assert shown(receiver) == [name]
    assert state(sender, name) is State.DELIVERED
    (row,) = receiver.inbox()
    receiver.machine.read(row, receiver.now)
    receiver.machine.acknowledge(row, receiver.now)
    exchange(*order)
    assert state(sender, name) is State.ACKNOWLEDGED
    receipts = sender.store.receipts(name)
    assert {one.kind for one in receipts} == {*Kind} - {Kind.REFUSED}
    if whose == "receiver" and rotated is member_rotated:
        by = {one.signer for one in receipts if one.kind != Kind.DELIVERED}
        assert by == {new.id}
    for desk in desks:
        assert desk.alarms() == set()
        assert desk.store.held("fork") == []


@pytest.mark.parametrize("reach", [sealed, stored, accepted, fetched])
def test_without_one_time_keys_it_is_sealed_again_to_the_same_epoch_key(
    desks: Desks, reach: Callable[[Desk, Desk], Digest]
) -> None:
    sender, receiver = desks
    for published in sender.relay.published.values():
        published.next_once = 1 << 16  # all were handed out
    name = reach(sender, receiver)
    terminal_rotated(sender)
    sender.notice()
    sender.fetch()
    sender.connect()
    (target,) = sender.store.targets(name)
    assert (target.delivery.envelope is not None, len(target.delivery.kids)) == (
        True,
        1,
    )
    exchange(sender, receiver)
    assert shown(receiver) == [name]
    assert state(sender, name) is State.DELIVERED
    assert sender.alarms() == receiver.alarms() == set()


def test_what_a_member_said_and_nobody_signed_is_signed_by_the_new_key(
    desks: Desks,
) -> None:
    bern, tfc = desks
    sent = tfc.write("bern").name
    exchange(bern, tfc)
    (row,) = bern.inbox()
    bern.machine.read(row, bern.now)
    identity = bern.machine.identity
    old, new = identity.member, member_rotated(bern)
    identity.member = identity.next_member = None  # killed; another one unlocks
    exchange(bern, tfc)
    assert [one.kind for one in tfc.store.receipts(sent)] == [Kind.DELIVERED]
    bern.machine.take_seat(old, bern.now, new)
    exchange(bern, tfc)
    read = [one for one in tfc.store.receipts(sent) if one.kind == Kind.READ]
    assert [one.signer for one in read] == [new.id]


def test_the_key_of_somebody_who_stood_up_changes_when_they_are_back(
    desks: Desks,
) -> None:
    bern, tfc = desks
    old = bern.machine.identity.member
    new = member_rotated(bern)
    bern.machine.take_seat(None, bern.now)
    exchange(bern, tfc)
    bern.machine.take_seat(old, bern.now, new)
    assert bern.machine.identity.member is new
    assert bern.machine.identity.next_member is None
