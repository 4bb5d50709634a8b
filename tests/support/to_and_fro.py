"""Two posts of a live ministry that write to each other while something happens.

::

    with to_and_fro(live) as talk:
        rotate()
    talk.settled()   # each message: readable, once, known to be acknowledged

One message is under way in each direction at any moment.  People do at each end what
they do with any message, open and acknowledge it, and nothing else.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from client.demo.ministry import POST, TFC, Unit
from tests.support.live import Live, until

LEAST = 10  # messages each way, of one exchange
AFTER = 3  # of them at least begun when the thing has happened


@dataclass
class Way:
    """What one post writes to the other."""

    live: Live
    sender: Unit
    receiver: Unit
    before: frozenset[str]  # ids of what the receiver had already
    sent: dict[str, str] = field(default_factory=dict)  # id -> text

    def one(self) -> None:
        """Write, and answer for it at the other end when it is there."""
        text = f"Nummer {len(self.sent)} van {self.sender.post}."
        message = self.live.ask(
            self.sender,
            "send",
            to=[self.receiver.post],
            precedence="ROUTINE",
            level="Dep.V",
            until="2031-01-31",
            subject="Heen en weer",
            text=text,
        )["id"]
        self.sent[message] = text
        until(lambda: message in self.live.inbox(self.receiver), text)
        read = self.live.ask(self.receiver, "read", id=message)
        assert text in json.dumps(read, ensure_ascii=False)
        self.live.ask(self.receiver, "acknowledge", id=message)

    def until_over(self, over: threading.Event) -> None:
        """Go on until ``over``, and somewhat longer."""
        after = 0
        while len(self.sent) < LEAST or after < AFTER:
            after += over.is_set()
            self.one()

    def settled(self) -> None:
        """All of it is readable, there once, and known here to be acknowledged."""
        for message, text in self.sent.items():
            found = self.live.follow(
                message, "accepted", "delivered", "acknowledged", sender=self.sender
            )
            assert found["proof"]["verified"] is True
            read = self.live.ask(self.receiver, "read", id=message)
            assert text in json.dumps(read, ensure_ascii=False)
        came = Counter(everything(self.live, self.receiver))
        assert came == Counter([*self.before, *self.sent])


@dataclass
class Talk:
    """Both ways."""

    ways: tuple[Way, Way]

    @property
    def messages(self) -> int:
        return sum(len(one.sent) for one in self.ways)

    def settled(self) -> None:
        for one in self.ways:
            one.settled()


def everything(live: Live, unit: Unit) -> list[str]:
    """Return the ids in an inbox, of all its pages."""
    came: list[str] = []
    older = None
    while page := live.ask(unit, "inbox", older=older):
        came += [line["id"] for line in page]
        older = page[-1]["name"]
    return came


@contextmanager
def to_and_fro(live: Live) -> Iterator[Talk]:
    """Let TFC and a post write to each other until the block ends, and a bit longer."""
    over = threading.Event()

    def way(sender: Unit, receiver: Unit) -> Way:
        return Way(live, sender, receiver, frozenset(everything(live, receiver)))

    talk = Talk((way(TFC, POST), way(POST, TFC)))
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(one.until_over, over) for one in talk.ways]
        try:
            for one, done in zip(talk.ways, running, strict=True):
                until(lambda one=one, done=done: one.sent or done.done())  # type: ignore[misc]
            yield talk
        finally:
            over.set()
        for done in running:
            done.result()
