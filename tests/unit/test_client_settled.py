"""A terminal knows when it is up to date, in a ministry without a message too."""

from collections.abc import Callable

import pytest

from protocol.codec import Message
from protocol.requests import Ask, Checkpoint, LogName
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay


def synced(desk: Desk) -> bool:
    return desk.machine.synced


def as_the_relay_does(
    answer: Callable[[Ask, Message], bytes | None],
) -> Callable[[Ask, Message], bytes | None]:
    """Return the answers of a relay that has no checkpoint of an empty log."""

    def answered(ask: Ask, body: Message) -> bytes | None:
        if isinstance(body, Checkpoint) and body.log is LogName.MESSAGE:
            return None
        return answer(ask, body)

    return answered


def test_without_a_message_a_terminal_is_up_to_date_all_the_same(
    desks: tuple[Desk, Desk], relay: FakeRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    bern, _ = desks
    assert not relay.logs[LogName.MESSAGE].leaves
    monkeypatch.setattr(relay, "answer", as_the_relay_does(relay.answer))
    bern.connect()
    bern.notice()
    assert synced(bern)
    bern.effects.extend(bern.machine.resync(bern.now))
    assert not synced(bern)  # the key log is asked for anew
    bern.run()
    assert synced(bern)


def test_a_log_that_is_said_to_be_empty_after_it_had_a_leaf_is_not_believed(
    desks: tuple[Desk, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    bern, tfc = desks
    bern.write("tfc")
    exchange(bern, tfc)
    relay = bern.relay
    monkeypatch.setattr(relay, "answer", as_the_relay_does(relay.answer))
    bern.effects.extend(bern.machine.resync(bern.now))
    bern.effects.extend(bern.machine.noticed(relay.sizes[0], 0))
    bern.run()
    assert not synced(bern)
