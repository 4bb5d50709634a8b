"""Logs that lie and a crash at every step: nothing is adopted, nothing is lost."""

from dataclasses import replace

import pytest
from msgspec import structs

from client.core.questions import CheckpointWanted, Deposited, Effect, Question
from client.core.rows import OUT
from protocol.bodies import CableBody, Paragraph
from protocol.codec import decode, encode
from protocol.delivery import State
from protocol.envelope import parse_envelope
from protocol.errors import MalformedError
from protocol.label import Label, Level
from protocol.limits import MAX_RECORD
from protocol.record import Record
from protocol.requests import Ask, LogName, Proof, SignedCheckpoint
from tests.support.desk import Desk, box_of, cable, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.keys import flipped
from tests.support.ministry import Ministry

# --- logs


def test_a_rolled_back_checkpoint_changes_nothing(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    old = encode(bern.relay.checkpoint(LogName.MESSAGE, 0))
    bern.write("tfc")
    exchange(bern, tfc)
    before = bern.machine.beliefs.message_log
    assert before.size > 0
    asked = CheckpointWanted(LogName.MESSAGE, before.size)
    bern.machine.answered(asked, old, bern.now)
    assert bern.machine.beliefs.message_log == before
    assert "relay-odd" in bern.happened()


def test_two_checkpoints_ahead_of_their_entries_are_a_race_and_no_lie(
    desks: tuple[Desk, Desk], hague: Ministry
) -> None:
    bern, _ = desks
    size = bern.machine.beliefs.key_log.size
    before = len(hague.leaves)
    hague.enrol("oslo")
    for leaf in hague.leaves[before:]:
        bern.relay.logs[LogName.KEY].append(leaf)
    bern.relay.now += 1
    tag = CheckpointWanted(LogName.KEY, size)
    ahead = encode(bern.relay.checkpoint(LogName.KEY, size))
    for _ in range(2):
        bern.effects.extend(bern.machine.answered(tag, ahead, bern.now))
    bern.run()
    assert "relay-odd" not in bern.happened()
    assert bern.machine.beliefs.key_log.size > size


@pytest.mark.parametrize("log", LogName)
@pytest.mark.parametrize("lie", ["nonsense", "note", "consistency"])
def test_a_checkpoint_that_does_not_verify_is_an_event_and_no_belief(
    desks: tuple[Desk, Desk], log: LogName, lie: str
) -> None:
    bern, tfc = desks
    bern.write("tfc")
    bern.run()
    tfc.machine.disconnected()
    before = bern.machine.beliefs.heads
    size = bern.machine.beliefs.message_log.size
    honest = bern.relay.checkpoint(log, size)
    note = flipped(honest.note, len(honest.note) - 30)
    if lie == "consistency":
        grown = bern.relay.logs[log]
        grown.append(b"more")
        honest = bern.relay.checkpoint(log, min(size, 1))
        note = honest.note
    answer = {
        "nonsense": b"\xff",
        "note": encode(SignedCheckpoint(note=note, consistency=honest.consistency)),
        "consistency": encode(
            SignedCheckpoint(note=note, consistency=(*honest.consistency, bytes(32)))  # type: ignore[arg-type]
        ),
    }[lie]
    ours = before.key_size if log is LogName.KEY else before.message_size
    bern.machine.answered(CheckpointWanted(log, ours), answer, bern.now)
    assert bern.machine.beliefs.heads == before
    assert "relay-odd" in bern.happened()


def test_answers_to_two_questions_in_a_row_accuse_nobody(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    logs = bern.relay.logs
    logs[LogName.MESSAGE].append(b"leaf")
    asked = questions(bern.machine.noticed(*bern.relay.sizes))
    logs[LogName.MESSAGE].append(b"leaf")  # a round begins before the answer came
    began = questions(bern.machine.resync(bern.now))
    asked += [each for each in began if isinstance(each.tag, CheckpointWanted)]
    assert len(asked) == 2
    answers = [bern.relay.answer(each.ask, each.body) for each in asked]
    again: list[Question] = []
    for each, answer in zip(asked, answers, strict=True):
        again += questions(bern.machine.answered(each.tag, answer, bern.now))
    assert "relay-odd" not in bern.happened()
    (last,) = [each for each in again if isinstance(each.tag, CheckpointWanted)]
    answer = bern.relay.answer(last.ask, last.body)
    bern.machine.answered(last.tag, answer, bern.now)
    assert bern.machine.beliefs.message_log.size == logs[LogName.MESSAGE].frontier.size
    assert "relay-odd" not in bern.happened()
    del tfc


def questions(effects: list[Effect]) -> list[Question]:
    return [effect for effect in effects if isinstance(effect, Question)]


def test_a_proof_that_does_not_hold_accepts_nothing(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    bern.run()
    bern.relay.now += 1
    bern.effects.extend(bern.machine.noticed(*bern.relay.sizes))
    asked = bern.effects.popleft()
    bern.carry_out(asked)
    prove = bern.effects.popleft()
    assert isinstance(prove, Question)
    assert prove.ask is Ask.PROVE
    wrong = encode(Proof(path=(bytes(32),)))  # type: ignore[arg-type]
    bern.effects.extend(bern.machine.answered(prove.tag, wrong, bern.now))
    bern.run()
    assert "leaf-lost" in bern.happened()
    assert bern.machine.answered(prove.tag, None, bern.now) == []
    (deposit,) = bern.store.deposits(sent.name)
    assert deposit.proof is None
    exchange(bern, tfc)
    late = bern.relay.answer(prove.ask, prove.body)
    bern.machine.answered(prove.tag, late, bern.now)  # the log has moved on
    assert bern.store.deposits(sent.name)[0].proof is not None


def test_the_relays_word_on_a_stranger_or_a_known_deposit_changes_nothing(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    exchange(bern, tfc)
    before = bern.store.deposits(sent.name)
    bern.machine.stored(before[0].envelope, 99, b"x" * 32, bern.now)
    bern.machine.stored(sent.name, 99, b"x" * 32, bern.now)  # no such deposit
    assert bern.store.deposits(sent.name) == before
    assert "leaf-odd" not in bern.happened()


def test_nothing_that_happened_holds_content_keys_or_texts(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.write("tfc", "Dit is geheim en blijft het.")
    exchange(bern, tfc)
    (row,) = tfc.inbox()
    record = decode(row.document, Record, limit=MAX_RECORD)
    for desk in (bern, tfc):
        for event in desk.store.events(0, 1000):
            assert event.what.isascii()
            assert len(event.what) < 30
            assert (event.post or "") in {"", "bern", "tfc"}
    for value in (row, record, bern.machine.identity):
        assert "geheim" not in repr(value)


# --- sealing


def test_an_expired_root_seals_nothing_and_keeps_what_was_written(
    desks: tuple[Desk, Desk],
) -> None:
    bern, _ = desks
    sent = bern.write("tfc")
    (question,) = bern.effects
    bern.effects.clear()
    assert isinstance(question, Question)
    answer = bern.relay.answer(question.ask, question.body)
    after = bern.machine.beliefs.view().root.expires + 1
    bern.machine.beliefs.witnessed = after
    effects = bern.machine.answered(question.tag, answer, after)
    assert [e for e in effects if isinstance(e, Deposited)] == []
    asked = [e.ask for e in bern.machine.connected(after) if isinstance(e, Question)]
    assert Ask.PREKEYS not in asked
    assert bern.store.deposits(sent.name) == []
    assert [t.name for t in bern.store.waiting(State.COMPOSED)] == [sent.name]


def test_a_text_that_no_receiver_would_read_is_not_composed(
    desks: tuple[Desk, Desk],
) -> None:
    bern, _ = desks
    wish = cable("tfc", label=Label(level=Level.DEP_V, until=1_900_000_000))
    body = CableBody(subject="x" * 5_000, paragraphs=(Paragraph(text="y"),))
    with pytest.raises(MalformedError):
        bern.machine.compose(replace(wish, body=body), bern.now)
    assert bern.store.records(OUT, 10) == []


# --- a crash before every effect of the whole flow


def steps(desks: tuple[Desk, Desk], crash_at: int) -> int:
    """Send, read and acknowledge; lose a process before effect ``crash_at``."""
    bern, tfc = desks
    count = 0
    sent = {bern.write("tfc", text).name for text in ("een", "twee", "drie")}
    for _ in range(12):
        for desk in desks:
            desk.relay.now += 1
            desk.effects.extend(desk.machine.noticed(*desk.relay.sizes))
            while desk.effects:
                if count == crash_at:
                    desk.restart()
                    desk.effects.extend(desk.machine.connected(desk.now))
                    count += 1
                    continue
                desk.carry_out(desk.effects.popleft())
                count += 1
            if came := list(box_of(desk)):
                kept = desk.machine.delivered(came, desk.now)
                if count != crash_at:  # else the session ends before the ACKs
                    box_of(desk)[:] = [
                        one for one, taken in zip(came, kept, strict=True) if not taken
                    ]
                count += 1
            desk.effects.extend(desk.machine.pump(desk.now))
        for row in tfc.inbox():
            tfc.machine.read(row, tfc.now)
            tfc.machine.acknowledge(row, tfc.now)
    rows = tfc.inbox()
    assert len(rows) == len(sent)
    assert {row.name for row in rows} == sent
    assert {row.refused for row in rows} == {None}
    assert None not in {row.proof for row in rows}
    states = {t.delivery.state for name in sent for t in bern.store.targets(name)}
    assert states == {State.ACKNOWLEDGED}
    assert "fork" not in bern.happened() + tfc.happened()
    return count


def test_a_crash_before_any_step_changes_nothing_in_the_end(
    hague: Ministry,
) -> None:
    def fresh() -> tuple[Desk, Desk]:
        own = hague.fork()
        line = FakeRelay(own)
        bern, tfc = (Desk(own, own.posts[name], line) for name in ("bern", "tfc"))
        for desk in (bern, tfc):
            desk.connect()
        exchange(bern, tfc)
        return bern, tfc

    total = steps(fresh(), -1)
    assert total > 15
    for at in range(min(total, 40)):
        steps(fresh(), at)


def test_an_envelope_of_a_stranger_is_unreadable(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    bern.write("tfc")
    bern.run()
    (came,) = box_of(tfc)
    parse_envelope(came.envelope)
    for data in (b"", came.envelope[: len(came.envelope) // 2]):
        odd = structs.replace(came, envelope=data)
        assert tfc.takes(odd)
    (alarm,) = tfc.store.alarms(10, ended=False)
    assert (alarm.what, alarm.times) == ("unreadable", 2)
    assert tfc.happened().count("unreadable") == 1  # one cause, told once


def test_an_envelope_before_the_directory_is_kept_at_the_relay(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    bern.write("tfc")
    bern.run()
    (came,) = box_of(tfc)
    fresh = Desk(hague, hague.posts["tfc"], relay)
    assert not fresh.takes(came)
    assert fresh.machine.pump(tfc.now) == []
