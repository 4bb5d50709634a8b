"""A relay that lost its disk: everything without a receipt is deposited again."""

import pytest

from client.core.questions import Deposited, Effect, Question
from client.core.rows import OUT
from protocol.codec import encode
from protocol.delivery import State
from protocol.record_type import RecordType
from protocol.requests import Ask, LogName, Proof
from tests.support.desk import Desk, box_of, exchange
from tests.support.fake_relay import FakeRelay


def states(desk: Desk) -> list[State]:
    return [
        target.delivery.state
        for row in desk.store.records(OUT, 99)
        if row.type == RecordType.CABLE
        for target in desk.store.targets(row.name)
    ]


def reconnect(*desks: Desk) -> None:
    for desk in desks:
        desk.machine.disconnected()
        desk.connect()
        desk.notice()


def proofs(desk: Desk) -> list[bytes | None]:
    return [
        deposit.proof
        for row in desk.store.records(OUT, 99)
        for deposit in desk.store.deposits(row.name)
    ]


def posted(desks: tuple[Desk, Desk], *, accepted: bool) -> None:
    """Let Bern deposit two cables that nobody fetches."""
    bern, _ = desks
    for text in ("Een.", "Twee."):
        bern.write("tfc", text)
    bern.run()
    if accepted:
        bern.relay.now += 1
        bern.notice()


@pytest.mark.parametrize("accepted", [False, True])
def test_what_has_no_receipt_arrives_after_the_disk_was_lost(
    desks: tuple[Desk, Desk], relay: FakeRelay, *, accepted: bool
) -> None:
    bern, tfc = desks
    bern.notice()
    posted(desks, accepted=accepted)
    assert states(bern) == [State.ACCEPTED if accepted else State.STORED] * 2
    evidence = proofs(bern)
    # What was accepted was witnessed, so a mirror has its leaf; the rest it has not.
    relay.lose(relay.sizes[1] - (0 if accepted else 2))
    reconnect(bern, tfc)
    assert bern.happened().count("relay-refilled") == 1
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 2
    assert states(bern) == [State.DELIVERED] * 2
    if accepted:  # what was proven stays proven, by the proof of then
        assert proofs(bern) == evidence


def test_a_crash_after_the_loss_was_noticed_changes_nothing(
    desks: tuple[Desk, Desk], relay: FakeRelay
) -> None:
    bern, tfc = desks
    bern.notice()
    posted(desks, accepted=True)
    relay.lose(relay.sizes[1])
    bern.machine.told_life(relay.incarnation, bern.now)  # nothing of it is sent
    bern.restart()
    reconnect(bern, tfc)
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 2


def test_the_same_life_and_the_first_one_call_for_nothing(
    desks: tuple[Desk, Desk], relay: FakeRelay
) -> None:
    bern, _ = desks
    posted(desks, accepted=False)
    fresh = Desk(bern.ministry, bern.post, relay)
    assert fresh.machine.told_life(b"any life".ljust(16), bern.now) == []
    bern.machine.told_life(relay.incarnation, bern.now)
    assert bern.machine.told_life(relay.incarnation, bern.now) == []
    assert states(bern) == [State.STORED] * 2
    assert "relay-refilled" not in [*bern.happened(), *fresh.happened()]


def test_what_was_delivered_is_not_deposited_again(
    desks: tuple[Desk, Desk], relay: FakeRelay
) -> None:
    bern, tfc = desks
    exchange(bern, tfc)
    bern.write("tfc")
    exchange(bern, tfc)
    assert states(bern) == [State.DELIVERED]
    relay.lose(relay.sizes[1])
    effects = bern.machine.told_life(relay.incarnation, bern.now)
    assert not [effect for effect in effects if isinstance(effect, Deposited)]


def test_a_relay_without_prekeys_gets_new_ones_at_once(
    desks: tuple[Desk, Desk], relay: FakeRelay
) -> None:
    bern, tfc = desks
    exchange(bern, tfc)
    old = dict(relay.published)
    relay.lose(relay.sizes[1])
    reconnect(bern, tfc)
    exchange(bern, tfc)
    assert relay.published.keys() == old.keys()
    assert all(relay.published[one].body != old[one].body for one in old)
    entries = len(relay.logs[next(iter(relay.logs))].leaves)
    reconnect(bern, tfc)
    exchange(bern, tfc)
    assert len(relay.logs[next(iter(relay.logs))].leaves) == entries  # once
    bern.write("tfc", "Na de brand.")
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1


def test_a_leaf_that_is_not_where_it_was_promised_is_deposited_again_once(
    desks: tuple[Desk, Desk], relay: FakeRelay
) -> None:
    """The end of the log was lost, and the relay does not say so."""
    bern, tfc = desks
    bern.notice()
    posted(desks, accepted=False)
    size = relay.sizes[1]
    relay.lose(size - 2, told=False)
    for leaf in (b"other", b"leaves"):
        relay.logs[LogName.MESSAGE].append(leaf)
    relay.now += 1
    bern.notice()
    assert bern.happened().count("leaf-lost") == 2
    assert relay.sizes[1] == size + 2
    assert len(box_of(tfc)) == 2
    relay.now += 1
    bern.notice()
    assert states(bern) == [State.ACCEPTED] * 2


def test_a_relay_that_never_proves_is_asked_again_once_in_a_session(
    desks: tuple[Desk, Desk],
) -> None:
    bern, _ = desks
    posted(desks, accepted=False)
    bern.relay.now += 1
    asked = [
        effect
        for question in bern.machine.noticed(*bern.relay.sizes)
        for effect in _answer(bern, question)
        if isinstance(effect, Question) and effect.ask is Ask.PROVE
    ]
    wrong = encode(Proof(path=()))
    first = [bern.machine.answered(one.tag, wrong, bern.now) for one in asked]
    again = [bern.machine.answered(one.tag, wrong, bern.now) for one in asked]
    assert [len(effects) for effects in first] == [1, 1]
    assert again == [[], []]


def _answer(desk: Desk, question: Effect) -> list[Effect]:
    assert isinstance(question, Question)
    answer = desk.relay.answer(question.ask, question.body)
    return desk.machine.answered(question.tag, answer, desk.now)
