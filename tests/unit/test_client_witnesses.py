"""Asking witnesses past the relay: split views, withheld logs, restrictions."""

from dataclasses import replace

import pytest

from client.core.questions import Deposited, Effect, Question
from client.core.witnesses import EVIDENCE, HEARD, Said
from protocol.bulletins import Bulletins
from protocol.checkpoint import parse_checkpoint
from protocol.codec import decode, encode
from protocol.delivery import State
from protocol.directory_entry import Action, Lift
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.label import Level
from protocol.note import parse_note
from protocol.requests import Ask, LogName, SignedCheckpoint
from protocol.signed import Signed
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import NAMES, FakeRelay, Log
from tests.support.ministry import Ministry
from tests.support.restrictions import restriction, zeroise_order
from tests.support.witnesses import witness_key

NOBODY = encode(Bulletins(v=1))
KEY, MESSAGE = LogName.KEY, LogName.MESSAGE


def said(
    witness: str, log: Log | None = None, *, now: int = 0, bulletins: bytes = NOBODY
) -> Said:
    """Return what a witness says: its checkpoint of ``log``, and its board."""
    names = {name: which for which, name in NAMES.items()}
    notes = {} if log is None else {names[log.name]: log.checkpoint(now, (witness,))}
    return Said(witness_key(witness).name, notes, bulletins)


def hear(desk: Desk, *answers: Said) -> None:
    for answer in answers:
        desk.effects.extend(desk.machine.said(answer, desk.now))
        desk.run()


def alarms(desk: Desk) -> list[str]:
    return [alarm.what for alarm in desk.store.alarms(99, ended=False)]


def forked(log: Log, size: int) -> Log:
    other = Log(log.name)
    for number in range(size):
        other.append(b"another story %d" % number)
    return other


# --- checkpoints


def test_a_checkpoint_on_our_way_is_no_news(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    for text in ("Een.", "Twee."):
        bern.write("tfc", text)
        exchange(bern, tfc)
    for log in (KEY, MESSAGE):
        whole = bern.relay.logs[log]
        for size in (len(whole.leaves), 1):
            earlier = Log(NAMES[log])
            for leaf in whole.leaves[:size]:
                earlier.append(leaf)
            hear(bern, said("w1", earlier, now=bern.now))
    assert alarms(bern) == []
    assert bern.store.get(EVIDENCE) is None


@pytest.mark.parametrize("log", [KEY, MESSAGE])
@pytest.mark.parametrize("known", [True, False])
def test_another_history_is_a_split_view_with_both_signatures_kept(
    desks: tuple[Desk, Desk], log: LogName, *, known: bool
) -> None:
    bern, tfc = desks
    for text in ("Een.", "Twee."):
        bern.write("tfc", text)
        exchange(bern, tfc)
    size = bern.machine.beliefs.message_log.size
    if log is KEY:
        size = bern.machine.beliefs.key_log.size
    lie = forked(bern.relay.logs[log], size if known else size - 1)
    if not known:
        bern.machine.beliefs.key_roots.pop(size - 1, None)
        bern.machine.beliefs.message_roots.pop(size - 1, None)
    hear(bern, said("w2", lie, now=bern.now))
    assert alarms(bern) == ["split-view"]
    kept = bern.store.get(EVIDENCE)
    assert kept is not None
    theirs, ours = decode(kept, tuple[bytes, bytes])
    assert parse_checkpoint(parse_note(theirs).text).root == lie.frontier.root()
    assert parse_checkpoint(parse_note(ours).text).root != lie.frontier.root()
    hear(bern, said("w1", lie, now=bern.now))  # the first pair stays
    assert bern.store.get(EVIDENCE) == kept


def test_two_signed_histories_from_the_relay_are_kept_too(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.write("tfc")
    exchange(bern, tfc)
    whole = bern.relay.logs[MESSAGE]
    bern.relay.logs[MESSAGE] = forked(whole, len(whole.leaves))
    bern.machine.disconnected()
    bern.connect()
    assert "split-view" in alarms(bern)
    assert bern.store.get(EVIDENCE) is not None


@pytest.mark.parametrize("quorum", [False, True])
def test_what_a_quorum_shows_and_the_relay_does_not_is_withheld(
    desks: tuple[Desk, Desk], *, quorum: bool
) -> None:
    bern, tfc = desks
    exchange(bern, tfc)
    honest = bern.relay.logs[MESSAGE]
    ahead = Log(honest.name)
    for leaf in (*honest.leaves, b"one that bern is not told"):
        ahead.append(leaf)
    answers = [said("w1", ahead, now=bern.now)]
    if quorum:
        answers.append(said("w2", ahead, now=bern.now))
    hear(bern, *answers)
    hear(bern, *answers)
    assert alarms(bern) == (["log-withheld"] if quorum else [])
    bern.relay.logs[MESSAGE] = ahead  # now it tells
    hear(bern, *answers)
    hear(bern, *answers)
    assert alarms(bern) == []


def test_what_is_only_new_is_asked_for(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    exchange(bern, tfc)
    tfc.write("bern")
    tfc.run()  # nobody tells Bern that the log has grown
    size = bern.relay.sizes[1]
    assert bern.machine.beliefs.message_log.size == size - 1
    hear(bern, said("w1", bern.relay.logs[MESSAGE], now=bern.now))
    assert bern.machine.beliefs.message_log.size == size
    assert alarms(bern) == []


def test_without_a_session_nothing_is_asked_and_nobody_accused(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    exchange(bern, tfc)
    bern.machine.disconnected()
    tfc.write("bern")
    tfc.run()
    for witness in ("w1", "w2"):
        for _ in range(2):
            answer = said(witness, bern.relay.logs[MESSAGE], now=bern.now)
            assert bern.machine.said(answer, bern.now) == []
    assert alarms(bern) == []


def odd_answers(relay: FakeRelay) -> list[Said]:
    log = relay.logs[MESSAGE]
    true = said("w1", log, now=relay.now)
    bare = log.checkpoint(relay.now, ())
    return [
        replace(true, notes={MESSAGE: b"junk"}),
        replace(true, notes={MESSAGE: bare}),  # not cosigned
        replace(true, witness=witness_key("w2").name),  # by another one
        replace(true, witness="somebody"),
        replace(true, notes={KEY: true.notes[MESSAGE]}),  # of another log
        replace(true, notes={}, bulletins=b"junk"),
    ]


@pytest.mark.parametrize("number", range(6))
def test_an_answer_that_is_none_is_written_down_and_changes_nothing(
    desks: tuple[Desk, Desk], number: int
) -> None:
    bern, tfc = desks
    bern.write("tfc")
    exchange(bern, tfc)
    before = bern.machine.beliefs.heads
    hear(bern, odd_answers(bern.relay)[number])
    assert bern.machine.beliefs.heads == before
    assert alarms(bern) == ["witness-odd"]


def test_a_relay_that_answers_nonsense_to_the_comparison_is_written_down(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    for text in ("Een.", "Twee."):
        bern.write("tfc", text)
        exchange(bern, tfc)
    bern.machine.beliefs.message_roots.pop(1, None)
    earlier = Log(NAMES[MESSAGE])
    earlier.append(bern.relay.logs[MESSAGE].leaves[0])
    (question, *_) = bern.machine.said(said("w1", earlier, now=bern.now), bern.now)
    assert isinstance(question, Question)
    assert question.ask is Ask.CHECKPOINT
    nonsense = encode(SignedCheckpoint(note=b"junk"))
    bern.machine.answered(question.tag, nonsense, bern.now)
    assert alarms(bern) == ["relay-odd"]
    true = bern.relay.answer(question.ask, question.body)
    bern.machine.answered(question.tag, true, bern.now)
    bern.machine.answered(question.tag, true, bern.now)  # twice is once
    assert alarms(bern) == ["relay-odd"]


# --- bulletins


def board(*bulletins: bytes) -> bytes:
    return encode(Bulletins(v=1, bulletins=bulletins))


def deposits(effects: list[Effect]) -> int:
    return sum(isinstance(effect, Deposited) for effect in effects)


@pytest.mark.parametrize("highest", [None, Level.ONGERUBRICEERD])
def test_a_restriction_that_the_relay_withholds_stops_seals_at_once(
    desks: tuple[Desk, Desk], *, highest: Level | None
) -> None:
    bern, tfc = desks
    people = bern.ministry
    cut = restriction(people, by="anna", post="tfc", highest=highest)
    exchange(bern, tfc)
    sent = bern.write("tfc")
    hear(bern, said("w3", bulletins=board(cut)))
    bern.run()
    exchange(bern, tfc)
    assert tfc.inbox() == []
    (target,) = bern.store.targets(sent.name)
    assert target.delivery.state is State.COMPOSED
    assert alarms(bern) == ["restricted"]
    assert [alarm.post for alarm in bern.store.alarms(9, ended=False)] == ["tfc"]
    hear(bern, said("w1", bulletins=board(cut)))  # another witness says the same
    assert bern.happened().count("restricted") == 1


def test_it_counts_without_a_session_and_over_a_restart(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    exchange(bern, tfc)
    bern.machine.disconnected()
    cut = restriction(bern.ministry, by="anna", post="tfc")
    assert bern.machine.said(said("w1", bulletins=board(cut)), bern.now) == []
    since = bern.machine.beliefs.witnessed  # when it was first heard
    for _ in range(2):
        bern.relay.now += 1_000
        bern.relay.logs[KEY].append(b"whatever grows the log")
        bern.connect()
        bern.notice()
        assert bern.machine.beliefs.witnessed > since
        bern.restart()
        terminal = bern.ministry.posts["tfc"].terminal.key.id
        found = bern.machine.beliefs.view().terminal(terminal)
        assert found is not None
        assert found.ended is not None
        assert found.ended.witnessed == since


def test_nobodys_word_and_a_lifted_one_cut_nothing(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    exchange(bern, tfc)
    stranger = restriction(bern.ministry, by="somebody", post="tfc")
    hear(bern, said("w1", bulletins=board(stranger)))
    assert alarms(bern) == []
    assert bern.store.get(HEARD) is None
    bern.write("tfc")
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1


def test_what_is_logged_later_counts_since_it_was_heard(
    desks: tuple[Desk, Desk],
) -> None:
    """A relay that logs it late gives nobody the time between, nor does a restart."""
    bern, tfc = desks
    exchange(bern, tfc)
    first = restriction(bern.ministry, by="anna", post="tfc")
    hear(bern, said("w1", bulletins=board(first)))
    since = ended(bern, "tfc")
    bern.relay.now += 600
    bern.relay.logs[KEY].append(b"whatever grows the log, without it")
    bern.notice()
    bern.relay.now += 600
    bern.relay.logs[KEY].append(
        signed_leaf(LeafKind.RESTRICTION, decode(first, Signed))
    )
    bern.notice()
    second = restriction(bern.ministry, by="bram", post="tfc", time=2)
    hear(bern, said("w1", bulletins=board(first, second)))
    assert ended(bern, "tfc") == since
    bern.restart()
    assert ended(bern, "tfc") == since


def test_what_was_lifted_is_not_kept(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    exchange(bern, tfc)
    first = restriction(bern.ministry, by="anna", post="tfc")
    hear(bern, said("w1", bulletins=board(first)))
    lift = Lift(ends=(decode(first, Signed).digest,))
    bern.relay.logs[KEY].append(bern.ministry.entry("tfc", Action.LIFT, lift))
    bern.relay.now += 600
    bern.notice()
    second = restriction(bern.ministry, by="bram", post="tfc", time=2)
    hear(bern, said("w1", bulletins=board(first, second)))
    kept = bern.store.get(HEARD)
    assert kept is not None
    assert second in kept
    assert first not in kept


def ended(desk: Desk, post: str) -> int:
    """Return since when the terminal of a post has ended, as a desk sees it."""
    key = desk.ministry.posts[post].terminal.key.id
    found = desk.machine.beliefs.view().terminal(key)
    assert found is not None
    assert found.ended is not None
    return found.ended.witnessed


def test_before_the_directory_a_bulletin_waits(
    hague: Ministry, relay: FakeRelay
) -> None:
    desk = Desk(hague, hague.posts["bern"], relay)
    cut = said("w1", bulletins=board(restriction(hague, by="anna", post="tfc")))
    hear(desk, cut)
    assert alarms(desk) == []
    desk.connect()
    hear(desk, cut)
    assert alarms(desk) == ["restricted"]


# --- orders to destroy the vault


def zeroised(desk: Desk) -> bool:
    return desk.machine.beliefs.zeroised(desk.post.terminal.key.id)


@pytest.mark.parametrize(
    ("by", "whom", "obeyed"),
    [
        (("anna", "bram"), "bern", True),
        (("anna", "bram"), "tfc", False),
        (("anna",), "bern", False),
        (("anna", "anna"), "bern", False),
        (("anna", "bern"), "bern", False),
    ],
)
@pytest.mark.parametrize("logged", [True, False])
def test_a_terminal_obeys_two_operators_and_nobody_else(
    desks: tuple[Desk, Desk],
    by: tuple[str, ...],
    whom: str,
    *,
    obeyed: bool,
    logged: bool,
) -> None:
    bern, tfc = desks
    exchange(bern, tfc)
    order = zeroise_order(bern.ministry, *by, post=whom)
    if logged:
        bern.relay.logs[KEY].append(signed_leaf(LeafKind.ZEROISE, order))
        exchange(bern, tfc)
    else:
        hear(bern, said("w2", bulletins=board(encode(order))))
    assert zeroised(bern) is obeyed
    bern.restart()
    assert zeroised(bern) is obeyed
    assert alarms(bern) == (["own-zeroised"] if obeyed and logged else [])


def test_an_order_is_kept_beside_restrictions_that_come_later(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    exchange(bern, tfc)
    order = encode(zeroise_order(bern.ministry, "anna", "bram"))
    hear(bern, said("w1", bulletins=board(order)))
    later = restriction(bern.ministry, by="anna", post="tfc")
    hear(bern, said("w1", bulletins=board(later)))
    bern.restart()
    assert zeroised(bern)
