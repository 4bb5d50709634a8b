"""A message on its way between two real terminals and an honest relay."""

import pytest

from client.core.rows import OUT
from protocol.codec import decode
from protocol.delivery import State
from protocol.errors import FreshnessError, PolicyError, Reason
from protocol.label import Label, Level, Precedence
from protocol.limits import MAX_RECORD
from protocol.receipt import Kind
from protocol.record import Record
from protocol.requests import LogName
from protocol.tlog_proof import read_proof
from tests.support.desk import Desk, cable, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry


def states(desk: Desk, name: object) -> set[State]:
    return {target.delivery.state for target in desk.store.targets(name)}  # type: ignore[arg-type]


def test_a_message_is_delivered_read_and_acknowledged(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc", precedence=Precedence.FLASH)
    exchange(bern, tfc)
    (row,) = tfc.inbox()
    assert row.document == sent.document
    assert states(bern, sent.name) == {State.DELIVERED}

    tfc.machine.read(row, tfc.now)
    tfc.machine.acknowledge(row, tfc.now)
    exchange(bern, tfc)

    assert states(bern, sent.name) == {State.ACKNOWLEDGED}
    kinds = {receipt.kind for receipt in bern.store.receipts(sent.name)}
    assert kinds == {Kind.DELIVERED, Kind.READ, Kind.ACKNOWLEDGED}


def test_both_ends_hold_a_verified_proof_of_the_same_leaf(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    exchange(bern, tfc)
    (deposit,) = bern.store.deposits(sent.name)
    (row,) = tfc.inbox()
    assert deposit.proof is not None
    assert row.proof is not None
    assert read_proof(deposit.proof).index == read_proof(row.proof).index
    assert deposit.leaf == row.leaf
    assert deposit.accepted


def test_what_is_written_in_one_second_keeps_its_order(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    sent = [bern.write("tfc", text=f"Nummer {number}.").name for number in range(8)]
    assert [row.name for row in bern.store.records(OUT, 8)] == sent[::-1]
    exchange(bern, tfc)
    assert [row.name for row in tfc.inbox()] == sent[::-1]  # newest first


def test_reading_twice_says_it_once(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    bern.write("tfc")
    exchange(bern, tfc)
    (row,) = tfc.inbox()
    tfc.machine.read(row, tfc.now)
    tfc.machine.read(row, tfc.now)
    assert len(tfc.store.owed_receipts("bern", 10, tfc.machine.identity.signer)) == 1


def test_what_was_written_without_a_line_goes_when_the_line_is_back(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.machine.disconnected()
    sent = bern.write("tfc")
    assert not bern.effects
    assert states(bern, sent.name) == {State.COMPOSED}
    bern.connect()
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1


def test_a_lost_answer_deposits_the_same_bytes_again(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    question = bern.effects.popleft()
    bern.carry_out(question)  # prekeys came, the envelope is sealed
    (deposit,) = bern.store.deposits(sent.name)
    bern.restart()  # before the relay's answer
    bern.connect()
    exchange(bern, tfc)
    assert [d.envelope for d in bern.store.deposits(sent.name)] == [deposit.envelope]
    assert len(tfc.inbox()) == 1


def test_a_delivery_that_comes_twice_is_shown_once(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    bern.write("tfc")
    bern.run()
    (delivery,) = tfc.relay.boxes[tfc.post.terminal.mailbox]
    exchange(bern, tfc)
    tfc.relay.boxes[tfc.post.terminal.mailbox].append(delivery)
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1


def test_the_seed_of_a_one_time_key_is_gone_after_its_use(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    before = len(tfc.seeds.held)
    bern.write("tfc")
    exchange(bern, tfc)
    # Bern's one record took one of TFC's keys; TFC's receipt took one of Bern's.
    assert len(tfc.seeds.held) == before - 1
    assert tfc.store.used_prekeys() == []


def test_a_seed_that_a_crash_left_is_erased_at_the_next_start(
    desks: tuple[Desk, Desk],
) -> None:
    _, tfc = desks
    kid = next(iter(tfc.seeds.held))
    with tfc.store.transaction():
        tfc.store.use_prekey(kid)
    tfc.restart()
    assert kid not in tfc.seeds.held
    assert tfc.store.used_prekeys() == []


def test_a_restart_believes_what_was_believed(desks: tuple[Desk, Desk]) -> None:
    bern, _ = desks
    before = bern.machine.beliefs
    bern.restart()
    after = bern.machine.beliefs
    assert after.view().key_log == before.view().key_log
    assert after.heads == before.heads
    assert after.witnessed == before.witnessed
    assert after.key_roots[1] == before.key_roots.get(1, after.key_roots[1])


def test_serials_count_per_terminal_and_year(desks: tuple[Desk, Desk]) -> None:
    bern, _ = desks
    for _ in range(3):
        bern.write("tfc")
    rows = bern.store.records(OUT, 10)
    records = [decode(row.document, Record, limit=MAX_RECORD) for row in rows]
    assert sorted(record.serial.counter for record in records) == [1, 2, 3]
    assert {(r.serial.terminal, r.serial.year) for r in records} == {(1, 2026)}


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (cable("tfc", level=Level.STG_C), Reason.LEVEL_ABOVE_CEILING),
        (cable("elsewhere"), Reason.NOT_ACTIVE),
        (cable("bern"), Reason.NOT_ACTIVE),
        (
            cable("tfc", label=Label(level=Level.DEP_V)),
            Reason.LABEL_INCOMPLETE,
        ),
        (
            cable(
                "tfc", label=Label(level=Level.DEP_V, events=("x",), releasable=("x",))
            ),
            Reason.NOT_RELEASABLE,
        ),
    ],
)
def test_what_may_not_be_sent_is_refused_and_leaves_nothing(
    desks: tuple[Desk, Desk], wish: object, reason: Reason
) -> None:
    bern, _ = desks
    with pytest.raises(PolicyError) as refused:
        bern.machine.compose(wish, bern.now)  # type: ignore[arg-type]
    assert refused.value.reason is reason
    assert bern.store.records(OUT, 10) == []


def test_nothing_is_written_before_the_first_synchronisation(
    hague: Ministry, relay: FakeRelay
) -> None:
    bern = Desk(hague, hague.posts["bern"], relay)
    with pytest.raises(FreshnessError):
        bern.write("tfc")


def test_an_old_directory_seals_nothing_and_a_fresh_one_does(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    bern.effects.clear()
    bern.restart()
    late = bern.now + 2 * 86_400  # the policy allows Dep.V a day
    effects = bern.machine.pump(late)
    assert effects == []
    bern.relay.now = late
    bern.connect()
    exchange(bern, tfc)
    assert states(bern, sent.name) == {State.DELIVERED}


def test_a_checkpoint_without_its_witnesses_is_not_believed(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    bern.relay.witnesses = ("w1",)
    exchange(bern, tfc)
    assert states(bern, sent.name) == {State.DELIVERED}
    assert bern.store.deposits(sent.name)[0].proof is None
    bern.relay.witnesses = ("w1", "w2")
    exchange(bern, tfc)
    assert bern.store.deposits(sent.name)[0].proof is not None


def test_a_leaf_logged_as_something_else_is_never_accepted(
    desks: tuple[Desk, Desk],
) -> None:
    bern, _ = desks
    sent = bern.write("tfc")
    bern.carry_out(bern.effects.popleft())
    (deposit,) = bern.store.deposits(sent.name)
    bern.machine.stored(deposit.envelope, 0, b"x" * 32, bern.now)
    assert "leaf-odd" in bern.happened()
    assert bern.store.deposits(sent.name)[0].log_index is None


def test_two_checkpoints_of_one_size_are_an_alarm(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    bern.write("tfc")
    exchange(bern, tfc)
    log = bern.relay.logs[LogName.MESSAGE]
    forked = type(log)(log.name)
    for _ in log.leaves:
        forked.append(b"another history")
    bern.relay.logs[LogName.MESSAGE] = forked
    bern.machine.disconnected()
    bern.connect()
    assert "split-view" in bern.happened()


def test_an_envelope_that_does_not_open_blocks_nothing(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.write("tfc", "eerste")
    bern.write("tfc", "tweede")
    bern.run()
    box = tfc.relay.boxes[tfc.post.terminal.mailbox]
    broken = box[0]
    box[0] = type(broken)(
        cursor=broken.cursor, index=broken.index, envelope=broken.envelope[:-1] + b"!"
    )
    exchange(bern, tfc)
    assert "unreadable" in tfc.happened()
    assert len(tfc.inbox()) == 1
