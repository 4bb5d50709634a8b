"""Records under a key that has ended: evidence, and shown once a proof is older."""

from collections.abc import Callable

import pytest
from msgspec import structs

from client.answers.oversight import doubts_of
from client.core.held import HELD, SignedBefore, signed_before
from client.core.questions import HeldProofWanted, Question
from client.core.rows import IN
from client.words import LANGUAGES, Words
from crypto.types import Digest
from protocol.codec import encode
from protocol.directory_entry import Action, Revocation
from protocol.requests import Delivery, LogName, Proof
from tests.support.desk import Desk, box_of, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.keys import flipped
from tests.support.ministry import Ministry, ministry

HOUR = 3_600


def begun() -> tuple[Ministry, Desk, Desk]:
    hague = ministry()
    return hague, *pair(hague, FakeRelay(hague))


def logged(bern: Desk, tfc: Desk) -> tuple[Digest, Delivery]:
    """Bern sends; TFC sees the log grow, and its mailbox is kept from it."""
    name = bern.write("tfc", "het bericht").name
    bern.run()
    (came,) = box_of(tfc)
    tfc.notice()
    tfc.relay.now += HOUR
    tfc.connect()  # the key log, an hour later: nothing has ended yet
    tfc.relay.now += HOUR
    return name, came


def suspend(hague: Ministry, tfc: Desk) -> None:
    """An operator suspends Bern's terminal, and TFC sees it."""
    key = hague.posts["bern"].terminal.key.id
    log(tfc, hague.restriction(key, by=hague.operators["anna"]))


def revoke(hague: Ministry, tfc: Desk) -> None:
    """Two operators revoke Bern."""
    key = hague.posts["bern"].terminal.key.id
    log(tfc, hague.entry("bern", Action.REVOKE, Revocation(keys=(key,))))


def log(desk: Desk, leaf: bytes) -> None:
    desk.relay.logs[LogName.KEY].append(leaf)
    desk.notice()


@pytest.mark.parametrize(
    ("end", "reason"), [(suspend, "restricted"), (revoke, "revoked")]
)
def test_what_was_logged_before_the_key_ended_is_shown_and_says_so(
    end: Callable[[Ministry, Desk], None], reason: str
) -> None:
    hague, bern, tfc = begun()
    name, came = logged(bern, tfc)
    before = tfc.machine.beliefs.directory
    assert before is not None
    end(hague, tfc)
    assert tfc.takes(came)
    assert tfc.alarms() == {"held"}
    assert [row.refused for row in tfc.inbox()] == [HELD]
    tfc.effects.extend(tfc.machine.pump(tfc.now))
    tfc.run()
    (row,) = tfc.inbox()
    assert (row.name, row.refused) == (name, None)
    assert tfc.alarms() == set()
    assert "held-over" in tfc.happened()
    assert tfc.store.owed_posts() == ["bern"]
    assert signed_before(tfc.store, name) == SignedBefore(reason, before.witnessed)
    beliefs = tfc.machine.beliefs
    shown = doubts_of(row, tfc.store, beliefs, tfc.now)["signed_before"]
    assert shown["event"] == reason
    for language in LANGUAGES:
        words = Words(language)
        event = words.say(f"ended.{reason}")
        assert event in words.say("message.signed-before", event=event, clock="9.00")
    # It moved its stream: the same envelope again is a duplicate.
    tfc.takes(came)
    assert len(tfc.inbox()) == 1


def test_what_came_in_good_order_was_signed_before_nothing() -> None:
    _, bern, tfc = begun()
    name = bern.write("tfc").name
    exchange(bern, tfc)
    assert signed_before(tfc.store, name) is None
    (row,) = tfc.inbox()
    beliefs = tfc.machine.beliefs
    assert doubts_of(row, tfc.store, beliefs, tfc.now)["signed_before"] is None


def test_what_was_logged_after_the_key_ended_stays_evidence() -> None:
    """A thief has the key, and a relay that takes what he makes with it."""
    hague, bern, tfc = begun()
    suspend(hague, tfc)
    bern.write("tfc", "van de dief")
    bern.run()
    exchange(tfc)
    tfc.connect()
    exchange(tfc)
    assert [row.refused for row in tfc.inbox()] == [HELD]
    assert tfc.alarms() == {"held"}
    assert tfc.store.owed_posts() == []


def test_without_a_checkpoint_of_before_nothing_is_asked() -> None:
    """TFC was away while it was logged: what it adopts later covers too much."""
    hague, bern, tfc = begun()
    name = bern.write("tfc").name
    bern.run()
    tfc.relay.now += HOUR
    suspend(hague, tfc)
    (came,) = box_of(tfc)
    assert tfc.takes(came)
    assert proofs(tfc) == []
    tfc.connect()
    exchange(tfc)
    row = tfc.store.record(name)
    assert row is not None
    assert row.refused == HELD


def proofs(desk: Desk) -> list[Question]:
    found = [e for e in desk.machine.pump(desk.now) if isinstance(e, Question)]
    return [question for question in found if isinstance(question.tag, HeldProofWanted)]


@pytest.mark.parametrize("lie", ["path", "empty"])
def test_a_proof_that_proves_nothing_frees_nothing_and_is_told(lie: str) -> None:
    hague, bern, tfc = begun()
    logged(bern, tfc)
    _, came = logged(bern, tfc) if len(box_of(tfc)) == 0 else (None, box_of(tfc)[0])
    suspend(hague, tfc)
    assert tfc.takes(came)
    (question,) = proofs(tfc)
    path = (Digest(bytes(32)),) if lie == "path" else ()
    if lie == "empty":  # a tree of one leaf has an empty path: this is another leaf
        (row,) = tfc.inbox()
        with tfc.store.transaction():
            torn = flipped(row.leaf, 5)
            tfc.store.set_logged(row.name, row.inner, torn, question.tag.index)  # type: ignore[union-attr]
    tfc.machine.answered(question.tag, encode(Proof(path=path)), tfc.now)
    assert [row.refused for row in tfc.inbox()] == [HELD]
    assert tfc.alarms() == {"held", "relay-odd"}


def test_an_unanswered_question_is_asked_in_the_next_session() -> None:
    hague, bern, tfc = begun()
    _, came = logged(bern, tfc)
    suspend(hague, tfc)
    assert tfc.takes(came)
    (question,) = proofs(tfc)
    assert proofs(tfc) == []
    tfc.machine.answered(question.tag, None, tfc.now)
    tfc.machine.disconnected()
    tfc.connect()
    assert [row.refused for row in tfc.inbox()] == [None]


@pytest.mark.parametrize("crash", ["held", "asked", "lost"])
def test_a_crash_at_any_step_changes_nothing_in_the_end(
    crash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hague, bern, tfc = begun()
    name, came = logged(bern, tfc)
    suspend(hague, tfc)
    assert tfc.takes(came)
    if crash != "held":
        (question,) = proofs(tfc)
        if crash == "lost":  # before the commit of the answer

            def torn(*_: object) -> None:
                raise OSError

            monkeypatch.setattr(tfc.store, "owe_receipt", torn)
            answer = tfc.relay.answer(question.ask, question.body)
            with pytest.raises(OSError):  # noqa: PT011 -- ours
                tfc.machine.answered(question.tag, answer, tfc.now)
            monkeypatch.undo()
    row = tfc.store.record(name)
    assert row is not None
    assert row.refused == HELD
    tfc.restart()
    tfc.connect()
    assert [row.refused for row in tfc.inbox()] == [None]
    assert signed_before(tfc.store, name) is not None
    assert tfc.alarms() == set()


def test_evidence_that_comes_again_is_not_answered() -> None:
    """The relay has no ACK and gives it again, when its one-time seed is erased."""
    hague, bern, tfc = begun()
    suspend(hague, tfc)
    bern.write("tfc")
    bern.run()
    (came,) = box_of(tfc)
    for _ in range(3):
        assert tfc.takes(came)
    assert tfc.store.owed_posts() == []
    assert tfc.store.due_nacks() == []
    assert tfc.alarms() == {"held"}


def test_of_two_sealings_the_one_that_was_logged_first_is_kept() -> None:
    hague, bern, tfc = begun()
    name, came = logged(bern, tfc)
    epoch = dict(tfc.seeds.held)
    suspend(hague, tfc)
    later = structs.replace(came, index=came.index + 7)
    assert tfc.takes(later)
    tfc.seeds.held.update(epoch)
    assert tfc.takes(came)
    tfc.seeds.held.update(epoch)
    assert tfc.takes(later)
    row = tfc.store.record(name)
    assert row is not None
    assert row.log_index == came.index
    tfc.connect()
    assert [row.refused for row in tfc.inbox()] == [None]


def test_an_answer_about_another_sealing_or_a_shown_record_changes_nothing() -> None:
    hague, bern, tfc = begun()
    name, came = logged(bern, tfc)
    suspend(hague, tfc)
    assert tfc.takes(came)
    (question,) = proofs(tfc)
    answer = tfc.relay.answer(question.ask, question.body)
    row = tfc.store.record(name)
    assert row is not None
    with tfc.store.transaction():
        tfc.store.set_logged(name, row.inner, row.leaf, came.index - 1)
    tfc.machine.answered(question.tag, answer, tfc.now)
    assert [row.refused for row in tfc.inbox()] == [HELD]
    with tfc.store.transaction():
        tfc.store.set_logged(name, row.inner, row.leaf, came.index)
    for _ in range(2):
        tfc.machine.answered(question.tag, answer, tfc.now)
    assert [row.refused for row in tfc.inbox()] == [None]
    assert len(tfc.store.records(IN, 99)) == len(
        {row.name for row in tfc.store.records(IN, 99)}
    )
    assert "relay-odd" not in tfc.alarms()
