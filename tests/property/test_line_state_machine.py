"""Whatever is cut, repeated or changed between two lines, every object arrives once."""

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from crypto.digest import H
from protocol.errors import MalformedError
from protocol.line.effects import (
    FAST,
    POOR,
    Effect,
    ObjectAcknowledged,
    ObjectComplete,
    ObjectLost,
    ObjectOpened,
    StoreBytes,
)
from protocol.line.frames import Kind
from tests.support.line import Ends

LANES = st.integers(0, 4)
SIZES = st.integers(1, 200) | st.integers(1, 40_000)


class TwoLines(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ends = Ends()
        self.ends.connect()
        self.number = 0
        self.objects: dict[bytes, bytes] = {}  # offered by the terminal, to be stored
        self.asked: dict[bytes, bytes] = {}
        self.lost: set[bytes] = set()
        self.cuts = 0
        self.stored: dict[bytes, bytes] = {}  # by the relay
        self.heard: list[bytes] = []  # requests that reached the relay
        self.confirmed: set[bytes] = set()
        self.to_store: list[ObjectComplete] = []
        self.blobs: dict[bytes, bytes] = {}
        self.partial: dict[bytes, bytearray] = {}
        self.crossed: dict[bytes, int] = {}

    # --- the terminal

    def _content(self, size: int) -> bytes:
        self.number += 1
        return self.number.to_bytes(4, "big") + bytes(size)

    @rule(size=SIZES, lane=LANES)
    def submit(self, size: int, lane: int) -> None:
        content = self._content(size)
        name = self.ends.terminal.offer(Kind.SUBMISSION, content, lane, self.ends.now)
        self.objects[name] = content

    @rule(size=SIZES, lane=LANES)
    def ask(self, size: int, lane: int) -> None:
        content = self._content(size)
        name = self.ends.terminal.offer(Kind.REQUEST, content, lane, self.ends.now)
        self.asked[name] = content

    @rule(size=st.integers(1, 200_000))
    def upload(self, size: int) -> None:
        content = self._content(size)
        name = H(content)[:16]
        line = self.ends.terminal
        line.offer_streamed(Kind.ATTACHMENT_UP, name, len(content), 4, self.ends.now)
        self.blobs[name] = content

    @rule()
    def feed(self) -> None:
        for want in self.ends.terminal.wants():
            content = self.blobs[want.id][want.offset : want.offset + want.size]
            self.ends.terminal.feed(want.id, want.offset, content, self.ends.now)

    # --- the line

    @rule(cells=st.integers(1, 8))
    def send(self, cells: int) -> None:
        self.ends.send(cells)

    @precondition(lambda self: self.ends.up)
    @rule()
    def arrive_at_relay(self) -> None:
        self._relay(self.ends.arrive_up())

    @precondition(lambda self: self.ends.down)
    @rule()
    def arrive_at_terminal(self) -> None:
        self._terminal(self.ends.arrive_down())

    @rule(seconds=st.sampled_from([0.0, 0.05, 1.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.ends.now += seconds

    @rule(poor=st.booleans())
    def cut(self, poor: bool) -> None:  # noqa: FBT001 -- hypothesis passes it
        self.cuts += 1
        lost, _ = self.ends.cut()
        self._terminal(lost)
        self.ends.terminal.profile = self.ends.relay.profile = POOR if poor else FAST
        self.ends.connect()

    @precondition(lambda self: self.ends.up)
    @rule(at=st.integers(0, 10_000), bit=st.integers(0, 7))
    def tamper(self, at: int, bit: int) -> None:
        cell = bytearray(self.ends.up.popleft())
        cell[at % len(cell)] ^= 1 << bit
        waiting = self.ends.relay.waiting
        with pytest.raises(MalformedError):
            self.ends.relay.receive(bytes(cell), self.ends.now)
        assert self.ends.relay.waiting == waiting
        self.cut(poor=True)

    # --- the relay

    @rule()
    def store(self) -> None:
        for complete in self.to_store:
            assert complete.id not in self.stored, "shown twice"
            self.stored[complete.id] = complete.content
            self.ends.relay.stored(complete.id)
        self.to_store.clear()

    def _relay(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case ObjectComplete(Kind.SUBMISSION):
                    self.to_store.append(effect)
                case ObjectComplete(Kind.REQUEST):
                    assert self.asked[effect.id] == effect.content
                    self.heard.append(effect.id)
                case ObjectOpened(_, name):
                    self.ends.relay.accept(name, len(self.partial.get(name, b"")))
                case StoreBytes(name, offset, content):
                    partial = self.partial.setdefault(name, bytearray())
                    assert offset == len(partial), "sent again, or a hole"
                    partial += content
                    self.ends.relay.stored(name, len(partial))
                case _:
                    pytest.fail(f"unexpected {effect}")

    def _terminal(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case ObjectAcknowledged(name, offset, total) if offset == total:
                    done = self.stored.get(name) or bytes(self.partial.get(name, b""))
                    assert len(done) == total, "acknowledged before it was stored"
                    self.confirmed.add(name)
                case ObjectLost(name):
                    self.lost.add(name)
                case _:
                    assert isinstance(effect, ObjectAcknowledged)

    @invariant()
    def nothing_is_invented(self) -> None:
        assert len(set(self.heard)) == len(self.heard)
        for name, content in self.stored.items():
            assert self.objects[name] == content

    def teardown(self) -> None:
        """Let the line work: all that was offered is there, once and in full."""
        for _ in range(10_000):
            self.ends.send()
            while self.ends.up:
                self._relay(self.ends.arrive_up())
            while self.ends.down:
                self._terminal(self.ends.arrive_down())
            self.store()
            self.feed()
            self.ends.now += 1.0
            if not self.ends.terminal.waiting:
                break
        assert self.ends.terminal.waiting == 0
        assert self.stored == self.objects
        assert {name: bytes(part) for name, part in self.partial.items()} == self.blobs
        assert self.confirmed == self.objects.keys() | self.blobs.keys()
        # A request may be lost with the cut that it left before, and is then silent.
        assert self.cuts or set(self.heard) == self.asked.keys()
        assert not self.lost.intersection(self.heard)


TestTwoLines = TwoLines.TestCase
