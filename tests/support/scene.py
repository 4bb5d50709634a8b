"""A scene for attacks: an honest exchange, and what must hold after it was attacked."""

from collections.abc import Callable
from dataclasses import dataclass

from client.core.alarms import Alarm
from client.core.rows import IN
from client.words import LANGUAGES, Words
from tests.support.desk import Desk, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry, ministry


@dataclass
class Scene:
    """A ministry with two desks that have exchanged a message."""

    hague: Ministry
    bern: Desk
    tfc: Desk

    @property
    def relay(self) -> FakeRelay:
        return self.bern.relay


Attack = Callable[[Scene], Desk]  # carries it out; returns who must notice
Table = dict[str, tuple[Alarm, Attack]]


def begun() -> Scene:
    """Return Bern and TFC, who have exchanged a message."""
    hague = ministry()
    bern, tfc = pair(hague, FakeRelay(hague))
    bern.write("tfc", "het begin")
    exchange(bern, tfc)
    return Scene(hague, bern, tfc)


def told_in(table: Table, alarm: Alarm) -> Callable[[Attack], Attack]:
    """Put an attack into a table, with the alarm that it must raise."""

    def named(function: Attack) -> Attack:
        table[function.__name__] = (alarm, function)
        return function

    return named


def check(table: Table, name: str) -> None:
    """Carry out one attack; check that it was refused, and told in words."""
    alarm, carry_out = table[name]
    scene = begun()
    assert scene.bern.alarms() | scene.tfc.alarms() == set()
    shown = [row.name for row in scene.tfc.inbox() if row.refused is None]
    desk = carry_out(scene)
    assert alarm in desk.alarms(), desk.alarms()
    for language in LANGUAGES:
        assert Words(language).say(f"alarm.{alarm}", post="bern", id="3f2a")
        assert Words(language).say(f"alarm-do.{alarm}", post="bern", id="3f2a")
    now = [row.name for row in scene.tfc.inbox() if row.refused is None]
    assert len(now) == len(set(now))
    assert set(shown) <= set(now)  # nothing that was shown is taken back
    kept = [row for row in scene.tfc.store.records(IN, 99) if row.post != "bern"]
    assert kept == []
