"""A checkpoint is asked for once at a time: on a poor line each takes ten seconds."""

import pytest

from client.core.questions import CheckpointWanted, Effect, Question
from protocol.requests import Ask, LogName
from tests.support.desk import Desk, exchange

MESSAGE = LogName.MESSAGE


@pytest.fixture
def bern(desks: tuple[Desk, Desk]) -> Desk:
    bern, tfc = desks
    bern.write("tfc")
    exchange(bern, tfc)
    return bern


def grown(desk: Desk, leaves: int = 1) -> list[Question]:
    """Let others deposit, and tell the desk; return the checkpoints that it wants."""
    for _ in range(leaves):
        desk.relay.logs[MESSAGE].append(b"leaf")
    desk.relay.now += 1
    return wanted(desk.machine.noticed(*desk.relay.sizes))


def wanted(effects: list[Effect]) -> list[Question]:
    return [
        effect
        for effect in effects
        if isinstance(effect, Question) and isinstance(effect.tag, CheckpointWanted)
    ]


def answered(desk: Desk, question: Question, answer: bytes | None) -> list[Question]:
    return wanted(desk.machine.answered(question.tag, answer, desk.now))


def size(desk: Desk) -> int:
    return desk.machine.beliefs.message_log.size


def test_notices_that_come_together_ask_once(bern: Desk) -> None:
    (question,) = grown(bern)
    assert grown(bern, 2) == grown(bern) == []
    answer = bern.relay.answer(question.ask, question.body)
    assert answered(bern, question, answer) == []  # it showed all that was told
    assert size(bern) == bern.relay.sizes[1]
    assert len(grown(bern)) == 1


def test_what_an_answer_did_not_show_yet_is_asked_for_behind_it(bern: Desk) -> None:
    (question,) = grown(bern)
    answer = bern.relay.answer(question.ask, question.body)
    assert grown(bern) == []
    (again,) = answered(bern, question, answer)
    assert size(bern) == bern.relay.sizes[1] - 1
    assert answered(bern, again, bern.relay.answer(again.ask, again.body)) == []
    assert size(bern) == bern.relay.sizes[1]


def test_one_that_is_never_shown_is_asked_for_once_behind_a_notice(bern: Desk) -> None:
    """A relay that names a size without a checkpoint keeps nobody asking."""
    (question,) = grown(bern)
    answer = bern.relay.answer(question.ask, question.body)
    key, message = bern.relay.sizes
    assert wanted(bern.machine.noticed(key, message + 5)) == []
    (again,) = answered(bern, question, answer)
    assert answered(bern, again, bern.relay.answer(again.ask, again.body)) == []


def test_one_that_does_not_verify_does_not_end_the_asking(bern: Desk) -> None:
    (question,) = grown(bern)
    assert grown(bern) == []
    (again,) = answered(bern, question, b"\x00")
    assert answered(bern, again, None) == []
    assert len(grown(bern)) == 1


def test_a_question_that_is_refused_is_asked_again_at_the_next_notice(
    bern: Desk,
) -> None:
    (question,) = grown(bern)
    assert answered(bern, question, None) == []
    (again,) = grown(bern)
    assert again.tag == question.tag


def test_a_cut_forgets_what_was_asked(bern: Desk) -> None:
    grown(bern)
    bern.machine.disconnected()
    asked = wanted(bern.machine.connected(bern.now))
    assert [question.tag for question in asked] == [
        CheckpointWanted(MESSAGE, size(bern))
    ]


def test_both_logs_are_asked_for_at_once(bern: Desk) -> None:
    bern.relay.logs[LogName.KEY].append(b"entry")
    bern.relay.logs[MESSAGE].append(b"leaf")
    effects = bern.machine.noticed(*bern.relay.sizes)
    asks = [one.ask for one in effects if isinstance(one, Question)]
    assert asks == [Ask.KEY_LOG, Ask.CHECKPOINT]
