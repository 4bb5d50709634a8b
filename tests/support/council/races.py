"""Revoke, send, synchronise, fetch: in each of their orders, in any council.

Whatever the order: nothing is sealed after the end was adopted, nothing is shown that
was sealed after it, and what was witnessed before it is shown.  The council's checks
say so at each step; here is only the order.
"""

from itertools import permutations

from protocol.directory_entry import Action
from tests.support.council.council import Council
from tests.support.council.operators import Operators
from tests.support.council.people import People
from tests.support.council.wish import ANNA, BRAM, Wish

STEPS = ("end", "write", "sync", "fetch", "publish")
ORDERS = tuple(permutations(range(len(STEPS))))
ENDS = ("revoke", "rotate", "restrict", "bulletin")


class Races:
    """Acts upon a council."""

    def __init__(self, council: Council, operators: Operators, people: People) -> None:
        self._council = council
        self._operators = operators
        self._people = people

    def race(self, who: int, to: int, order: int, end: int) -> None:
        """Let a terminal of one post write to another while its key ends."""
        council = self._council
        names = sorted(council.terminals)
        sender, reader = who % len(names), to % len(names)
        one, other = (council.terminals[names[n]] for n in (sender, reader))
        if one.post == other.post or other.stolen:
            return
        post = sorted(council.model.posts).index(other.post)
        self._people.sync(sender, 0)
        for step in ORDERS[order % len(ORDERS)]:
            match STEPS[step]:
                case "end":
                    self._end(one.own.terminal.key.id, ENDS[end % len(ENDS)])
                case "write":
                    self._people.write(sender, post, 1)
                case "sync":
                    self._people.sync(reader, 0)
                    self._people.hear(reader, 0)
                case "fetch":
                    self._people.fetch(reader)
                case _:
                    self._people.publish()
            council.check()
        self._people.publish()
        self._people.sync(reader, 0)
        self._people.fetch(reader)
        self._people.sync(reader, 0)
        council.sometimes[f"race to {ENDS[end % len(ENDS)]}"] += 1

    def _end(self, key_id: bytes, how: str) -> None:
        """Let two honest operators, or one of them, end a key."""
        council = self._council
        clerk, now = council.clerk, council.clock.wall()
        key = next(name for kid, name in clerk.names.items() if kid == key_id)
        post = council.model.owner[key]
        if how in {"restrict", "bulletin"}:
            paper = clerk.restriction(key, None, (ANNA,), now)
            self._operators.told(paper, bulletin=how == "bulletin")
            return
        by, wish = [ANNA, BRAM], Wish(Action.REVOKE, post, revoked=(key,))
        if how == "rotate":
            by.append(key)
            wish = Wish(Action.ROTATE, post, rotations=((key, clerk.fresh(post)),))
        self._operators.told(clerk.entry(council.model, wish, by, now))
