"""What nobody fetched is written down before the relay may let it go."""

from pathlib import Path

import pytest

from client.core.outbox import deposited
from client.core.questions import ExpiringWanted, Question
from client.core.unfetched import ROUNDS
from client.words import LANGUAGES, Words
from crypto.types import Digest
from protocol.codec import encode
from protocol.delivery import State
from protocol.label import Precedence
from protocol.requests import (
    MAX_EXPIRING,
    Ask,
    Expiring,
    Expiry,
    Submit,
    Undelivered,
)
from tests.support.desk import Desk, box_of, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.virtual_relay import relay_in

DAY = 86_400


def expires(bern: Desk, tfc: Desk) -> Digest:
    """Let Bern's envelopes of today lie at the relay for too long; return a name."""
    box = tfc.post.terminal.mailbox
    for row in bern.store.records(1, 99):
        for deposit in bern.store.deposits(row.name):
            expiry = Expiry(envelope=deposit.envelope, mailbox=box)
            bern.relay.expired.append(expiry)
    return Digest(bern.relay.expired[0].envelope)


def drop(tfc: Desk) -> None:
    """The relay lets go of what was noted; the same bytes are owed again."""
    for delivery in box_of(tfc):
        known = tfc.relay.seen
        tfc.relay.seen = {n: i for n, i in known.items() if i != delivery.index}
    box_of(tfc).clear()


def state(desk: Desk, name: Digest) -> State:
    (target,) = desk.store.targets(name)
    return target.delivery.state


def test_a_sender_is_told_and_only_then_the_relay_may_let_go(
    desks: tuple[Desk, Desk], relay: FakeRelay
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc", "Nu.", Precedence.FLASH)
    bern.run()
    relay.now += 2 * DAY  # its time is over
    expires(bern, tfc)
    bern.notice()
    assert relay.expired == []
    assert bern.happened().count("unfetched") == 1
    assert "unfetched" in bern.alarms()
    assert state(bern, sent.name) in {State.STORED, State.ACCEPTED}
    (deposit,) = bern.store.deposits(sent.name)
    assert deposit.sealed is not None  # the promise is as it was


def test_who_comes_back_gets_what_the_relay_let_go(
    desks: tuple[Desk, Desk], relay: FakeRelay
) -> None:
    bern, tfc = desks
    exchange(bern, tfc)
    first = bern.write("tfc", "Nu.", Precedence.FLASH)
    bern.run()
    relay.now += 2 * DAY
    expires(bern, tfc)
    bern.notice()
    drop(tfc)
    bern.write("tfc", "En later.", Precedence.FLASH)
    for _ in range(4):
        exchange(bern, tfc)
        for desk in desks:
            desk.tick(1_000)
    assert state(bern, first.name) is State.DELIVERED
    assert len(tfc.inbox()) == 2
    assert "unfetched" not in bern.alarms()
    assert "unfetched-over" in bern.happened()


def test_within_its_time_it_is_sealed_anew_once_and_shown_once(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    bern.run()
    for _ in range(2):
        expires(bern, tfc)
        bern.notice()
    assert len(bern.store.deposits(sent.name)) == 2
    assert bern.happened().count("sealed") == 2
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1
    assert state(bern, sent.name) is State.DELIVERED
    assert bern.alarms() == set()


@pytest.mark.parametrize("crash", ["before-answer", "before-telling", "session"])
def test_a_crash_loses_neither_the_alarm_nor_the_confirmation(
    desks: tuple[Desk, Desk], relay: FakeRelay, crash: str
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    bern.run()
    expires(bern, tfc)
    bern.effects.extend(bern.machine.expiring())
    assert bern.machine.expiring() == []  # it is being asked
    if crash == "before-telling":
        bern.carry_out(bern.effects.popleft())
        assert bern.happened().count("unfetched") == 1
        assert relay.expired  # it was not told yet
    if crash == "session":
        bern.machine.disconnected()
        bern.effects.clear()
    else:
        bern.restart()
    bern.connect()
    bern.notice()
    assert relay.expired == []
    assert bern.happened().count("unfetched") == 1
    assert len(bern.store.deposits(sent.name)) == 2
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1


def test_it_is_written_down_before_it_is_said(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    bern.write("tfc")
    bern.run()
    name = expires(bern, tfc)
    (asked,) = bern.machine.expiring()
    assert isinstance(asked, Question)
    assert asked.body == Undelivered()
    answer = bern.relay.answer(asked.ask, asked.body)
    told = bern.machine.answered(asked.tag, answer, bern.now)
    assert "unfetched" in bern.alarms()
    (said,) = (q for q in told if isinstance(q, Question) and q.ask is Ask.UNDELIVERED)
    assert said.body == Undelivered(told=(name,))


@pytest.mark.parametrize("what", ["delivered", "receipt", "unknown", "stranger"])
def test_what_needs_nobody_is_only_said_to_be_known(
    desks: tuple[Desk, Desk], relay: FakeRelay, what: str
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    bern.run()
    if what == "delivered":
        exchange(bern, tfc)
    if what == "receipt":  # machines' records are asked for by their place
        exchange(bern, tfc)
        bern, tfc = tfc, bern
    (deposit, *_) = [
        one
        for row in bern.store.records(1, 99)
        for one in bern.store.deposits(row.name)
    ]
    relay.expired = [
        Expiry(
            envelope=Digest(b"?" * 32) if what == "unknown" else deposit.envelope,
            mailbox=(bern if what == "stranger" else tfc).post.terminal.mailbox,
        )
    ]
    before = len(bern.store.deposits(deposit.name))
    bern.notice()
    assert relay.expired == []
    assert bern.alarms() == set()
    assert len(bern.store.deposits(deposit.name)) == before
    assert sent.name


def test_a_relay_that_never_ends_is_not_asked_for_ever(
    desks: tuple[Desk, Desk],
) -> None:
    bern, _ = desks
    (asked,) = bern.machine.expiring()
    count = 0
    while isinstance(asked, Question) and isinstance(asked.tag, ExpiringWanted):
        count += 1
        assert count <= ROUNDS + 1
        made_up = tuple(
            Expiry(
                envelope=Digest(b"%032d" % (count * MAX_EXPIRING + number)),
                mailbox=bern.post.terminal.mailbox,
            )
            for number in range(MAX_EXPIRING)
        )
        body = encode(Expiring(expiries=made_up))
        asked, *_ = [*bern.machine.answered(asked.tag, body, bern.now), None]
    assert count == ROUNDS + 1
    assert bern.alarms() == set()
    assert len(bern.machine.expiring()) == 1  # the next notice counts again


@pytest.mark.parametrize("body", [None, b"no answer"])
def test_a_refused_or_odd_answer_says_nothing(
    desks: tuple[Desk, Desk], body: bytes | None
) -> None:
    bern, _ = desks
    (asked,) = bern.machine.expiring()
    assert isinstance(asked, Question)
    assert bern.machine.answered(asked.tag, body, bern.now) == []
    assert bern.alarms() == (set() if body is None else {"relay-odd"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_people_are_told_what_to_do(language: str) -> None:
    words = Words(language)
    assert "ABC" in words.say("alarm.unfetched", id="ABC", post="tfc")
    assert "export ABC" in words.say("alarm-do.unfetched", id="ABC", post="tfc")


async def test_a_real_relay_lets_go_after_the_terminal_noted_it_and_takes_it_again(
    desks: tuple[Desk, Desk], tmp_path: Path
) -> None:
    bern, _ = desks
    sent = bern.write("tfc")
    bern.run()
    bern.relay.now += 46 * DAY  # its time is over
    (deposit,) = bern.store.deposits(sent.name)
    async with relay_in(tmp_path) as real:
        services = real.parts.relay
        caller = real.terminal("bern")
        effect = deposited(deposit)
        assert isinstance(effect.body, Submit)
        first = await services.mailbox.submit(caller, 2, effect.body)
        real.clock.now += 46 * DAY
        await services.retention.round()
        assert await services.retention.expiring(caller) == 1
        asked = bern.machine.expiring()
        while asked:
            (question,) = (q for q in asked if isinstance(q, Question))
            assert isinstance(question.body, Undelivered)
            answer = await services.retention.undelivered(caller, question.body)
            asked = [
                one
                for one in bern.machine.answered(question.tag, encode(answer), bern.now)
                if isinstance(one, Question) and one.ask is Ask.UNDELIVERED
            ]
        assert "unfetched" in bern.alarms()
        await services.retention.round()
        assert (services.retention.untold, len(await real.owed())) == (0, 1)
        real.clock.now += 25 * 3_600
        await services.retention.round()
        assert (services.retention.gone.undelivered, await real.owed()) == (1, [])
        (kept,) = bern.store.deposits(sent.name)
        again = deposited(kept).body
        assert isinstance(again, Submit)
        assert await services.mailbox.submit(caller, 2, again) == first
        assert len(await real.owed()) == 1
