"""A crash before every step of a reseal, a resend and a heartbeat: nothing is lost.

A restart loses everything but vault and key sheet; also a session may end before
each step, with the process alive.
"""

from collections.abc import Callable

import pytest

from protocol.delivery import State
from protocol.label import Precedence
from protocol.policy import DEMO
from tests.support.desk import Desk, box_of, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import ministry

ROUNDS = 8


def lost_sheet(bern: Desk, tfc: Desk) -> None:
    """TFC has lost its prekeys when the message comes."""
    bern.write("tfc", "het bericht", Precedence.FLASH)
    bern.run()
    tfc.seeds.held.clear()


def lost_envelope(bern: Desk, tfc: Desk) -> None:
    """The relay lost the message, and says that it has it; the next one came."""
    bern.write("tfc", "het bericht", Precedence.FLASH)
    bern.run()
    box_of(tfc).clear()
    bern.write("tfc", "het volgende", Precedence.FLASH)
    bern.run()


def steps(start: Callable[[Desk, Desk], None], crash_at: int, *, process: bool) -> int:
    """Let it heal; lose a process, or a session, before step ``crash_at``."""
    hague = ministry()
    bern, tfc = desks = pair(hague, FakeRelay(hague))
    start(bern, tfc)
    count = 0
    for _ in range(ROUNDS):
        bern.relay.now += DEMO.reorder_flash
        for desk in desks:
            key = desk.post.terminal.key.id
            desk.effects.extend(desk.machine.tick(desk.now))
            desk.effects.extend(desk.machine.noticed(*desk.relay.sizes))
            for nack in desk.relay.nacks[key]:
                desk.effects.extend(desk.machine.nacked(nack, desk.now))
            while desk.effects:
                if count == crash_at:
                    if process:
                        desk.restart()
                    else:
                        desk.machine.disconnected()
                        desk.effects.clear()
                    desk.effects.extend(desk.machine.connected(desk.now))
                else:
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
    texts = [row.name for row in tfc.inbox() if row.refused is None]
    assert len(texts) == len(set(texts)) == len(tfc.inbox())
    sent = {t.name for t in bern.store.waiting(State.DELIVERED)}
    assert set(texts) == sent
    assert len(sent) == (1 if start is lost_sheet else 2)
    for desk in desks:
        assert desk.alarms() == set(), crash_at
    return count


@pytest.mark.parametrize("start", [lost_sheet, lost_envelope])
@pytest.mark.parametrize("process", [True, False])
def test_a_crash_before_any_step_changes_nothing_in_the_end(
    start: Callable[[Desk, Desk], None], *, process: bool
) -> None:
    total = steps(start, -1, process=process)
    assert total > 15
    for at in range(min(total, 30)):
        steps(start, at, process=process)
