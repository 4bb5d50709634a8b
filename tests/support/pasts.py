"""A post that lost everything, and the one it exchanged records with.

Bern and TFC wrote to each other; Bern's one terminal is revoked, and another one comes
in its place with an empty vault::

    past = lost_past(hague, relay, desks)
    id_ = past.ask()
    past.peer.run("history-agree", id=id_)
    past.meet()
    past.old()                 # [{"name": ..., "worth": "before", ...}, ...]
"""

from dataclasses import dataclass, field
from typing import Any

from crypto.types import Digest
from tests.support.desk import Desk, exchange
from tests.support.ending import revoke
from tests.support.fake_relay import FakeRelay
from tests.support.keys import drawn
from tests.support.ministry import Ministry
from tests.support.office import Office
from tests.support.second_desk import second_desk

HOURS = 6 * 3600  # seconds


@dataclass
class Past:
    """The new terminal of the post that lost its vault, and its peer."""

    new: Office
    peer: Office
    before: list[Digest]  # what the two exchanged, oldest first
    lost: Desk
    away: list[Desk] = field(default_factory=list)

    def ask(self, **typed: Any) -> str:  # noqa: ANN401 -- JSON
        asked = {"post": "tfc", "reason": "kluis verloren", **typed}
        id_ = str(self.new.run("history-ask", **asked)["id"])
        self.meet()
        return id_

    def agree(self, id_: str) -> None:
        self.peer.run("history-agree", id=id_)
        self.meet()

    def meet(self) -> None:
        self.new.desk.run()
        self.peer.desk.run()
        exchange(self.new.desk, self.peer.desk)

    def old(self, **typed: Any) -> list[dict[str, Any]]:  # noqa: ANN401 -- JSON
        found: list[dict[str, Any]] = self.new.run("history-list", **typed)
        return found

    def names(self) -> list[str]:
        """Return the names of what was sent again, oldest first."""
        return [line["name"] for line in reversed(self.old())]

    def standing(self, office: Office) -> dict[str, Any]:
        (line,) = office.run("history-requests")
        found: dict[str, Any] = line
        return found


def lost_past(
    hague: Ministry,
    relay: FakeRelay,
    desks: tuple[Desk, Desk],
    letters: int = 2,
    *,
    looked: bool = True,
) -> Past:
    """Let the two write so many letters each; then Bern's terminal is lost.

    ``looked``: TFC saw the key log once more before the end came into it.
    """
    bern, tfc = desks
    before = []
    for number in range(letters):
        before.append(bern.write("tfc", f"Van Bern {number}.").name)
        exchange(bern, tfc)
        before.append(tfc.write("bern", f"Aan Bern {number}.").name)
        exchange(bern, tfc)
    if letters:
        exchange(bern, tfc)
    if letters and looked:
        tfc.tick()
        tfc.tick(HOURS)  # the key log is looked at again, before the end is in it
        exchange(bern, tfc)
    revoke(hague, relay, "bern")
    exchange(tfc)
    new = second_desk(hague, relay, "bern", tfc)
    new.entropy = drawn("desk/bern/2")
    new.restart()
    new.connect()
    exchange(new, tfc)
    return Past(Office(new), Office(tfc), before, bern)
