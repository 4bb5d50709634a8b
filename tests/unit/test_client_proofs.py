"""Proofs of inclusion that come after what they were asked for has changed."""

from client.core.alarms import Alarm
from client.core.questions import ProofWanted
from crypto.merkle import inclusion_path
from protocol.codec import encode
from protocol.requests import LogName, Proof
from tests.support.desk import Desk

MESSAGE = LogName.MESSAGE


def answered(tfc: Desk, index: int, asked: int) -> set[str]:
    """Answer about the leaf at ``index`` what was asked about the one at ``asked``."""
    (row,) = tfc.inbox()
    size = tfc.machine.beliefs.message_log.size
    path = inclusion_path(index, size, tfc.relay.logs[MESSAGE].node)
    tag = ProofWanted(row.name, own=False, index=asked, size=size)
    tfc.machine.answered(tag, encode(Proof(path=path)), tfc.now)
    return tfc.alarms()


def received(desks: tuple[Desk, Desk]) -> tuple[Desk, int]:
    """Return TFC with one message, and another index than the message's."""
    bern, tfc = desks
    bern.write("tfc")
    bern.run()
    tfc.fetch()
    bern.write("tfc")
    bern.run()
    bern.relay.boxes.clear()
    tfc.relay.now += 1
    tfc.notice()
    (row,) = tfc.inbox()
    assert row.log_index is not None
    size = tfc.machine.beliefs.message_log.size
    return tfc, next(n for n in range(size) if n != row.log_index)


def test_a_proof_of_where_another_sealing_was_logged_is_no_lie(
    desks: tuple[Desk, Desk],
) -> None:
    """It was asked for a record that was held; the sealing that is shown came since."""
    tfc, other = received(desks)
    assert answered(tfc, other, asked=other) == set()


def test_a_proof_that_does_not_lead_to_where_the_record_is_logged_is_one(
    desks: tuple[Desk, Desk],
) -> None:
    tfc, other = received(desks)
    (row,) = tfc.inbox()
    assert row.log_index is not None
    assert answered(tfc, other, asked=row.log_index) == {Alarm.RELAY_ODD}
