"""What waited for a lost terminal reaches its post all the same, by another one."""

import pytest

from client.core.machine import Machine
from protocol.delivery import State
from protocol.root import DAY
from tests.support.desk import Desk, exchange
from tests.support.ending import revoke, suspend
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry
from tests.support.second_desk import second_desk

END = {"suspended": suspend, "revoked": revoke}


@pytest.mark.parametrize("end", END)
@pytest.mark.parametrize("sealed", [True, False])
def test_what_nobody_confirmed_goes_to_the_terminal_that_comes_instead(
    hague: Ministry,
    relay: FakeRelay,
    desks: tuple[Desk, Desk],
    end: str,
    *,
    sealed: bool,
) -> None:
    bern, tfc = desks
    if not sealed:
        del relay.published[tfc.post.terminal.key.id]
    sent = bern.write("tfc", "Voor wie er nog is.")
    bern.run()
    END[end](hague, relay, "tfc")
    exchange(bern)
    (target,) = bern.store.targets(sent.name)
    assert not target.delivery.released  # nobody has its place yet
    second = second_desk(hague, relay, "tfc", bern)
    exchange(bern, second)
    assert [row.name for row in second.inbox()] == [sent.name]
    states = {t.terminal: t.delivery for t in bern.store.targets(sent.name)}
    heir = states.pop(second.post.terminal.key.id)
    assert (heir.state, heir.released) == (State.DELIVERED, True)
    old = [delivery.released for delivery in states.values()]
    expected = {
        ("suspended", True): [False],
        ("suspended", False): [False],
        ("revoked", True): [True],
        ("revoked", False): [],  # never sealed to it: forgotten
    }
    assert old == expected[end, sealed]
    bern.tick(40 * DAY)
    assert "undelivered" not in bern.alarms()  # the post has it


def test_what_the_post_has_goes_to_nobody_else(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    exchange(bern, tfc)
    suspend(hague, relay, "tfc")
    second = second_desk(hague, relay, "tfc", bern)
    exchange(bern, second)
    assert second.inbox() == []
    assert len(bern.store.targets(sent.name)) == 1


def test_where_another_terminal_is_on_the_way_to_it_nothing_is_added(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    second = second_desk(hague, relay, "tfc", bern, tfc)
    sent = bern.write("tfc")
    bern.run()
    suspend(hague, relay, "tfc")
    third_never_comes = {t.terminal for t in bern.store.targets(sent.name)}
    exchange(bern, second)
    assert {t.terminal for t in bern.store.targets(sent.name)} == third_never_comes
    assert [row.name for row in second.inbox()] == [sent.name]


def test_a_crash_after_the_directory_changes_nothing(
    hague: Ministry,
    relay: FakeRelay,
    desks: tuple[Desk, Desk],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bern, _ = desks
    sent = bern.write("tfc")
    bern.run()
    revoke(hague, relay, "tfc")
    with monkeypatch.context() as patched:
        # The directory is adopted, and the process ends before it looks.
        patched.setattr("client.core.heirs.Heirs.look", lambda *_: None)
        second = second_desk(hague, relay, "tfc", bern)
    bern.restart()
    assert isinstance(bern.machine, Machine)
    bern.connect()
    exchange(bern, second)
    assert [row.name for row in second.inbox()] == [sent.name]


def test_what_machines_say_to_a_lost_terminal_dies_with_it(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    tfc.write("bern")
    tfc.run()
    bern.notice()
    bern.fetch()  # it owes a receipt, and has put it into its outbox
    bern.tick(60)
    owed = bern.store.open_targets()
    suspend(hague, relay, "tfc")
    second = second_desk(hague, relay, "tfc", bern)
    exchange(bern, second)
    own = second.post.terminal.key.id
    assert owed
    assert all(
        target.terminal != own
        for name in owed
        for target in bern.store.targets(name.name)
    )
