"""Between core and line: questions, answers, deliveries, cuts, and a full line."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from client.agent.session import BATCH, Session
from client.core.questions import (
    Deposited,
    Drop,
    Effect,
    KeyLogWanted,
    Question,
    Tag,
    Upload,
)
from crypto.digest import H
from crypto.types import Digest
from protocol.codec import decode, encode
from protocol.errors import BusyError
from protocol.line import effects as line_effects
from protocol.line.frames import CloseReason, Kind
from protocol.requests import (
    Answer,
    Ask,
    Delivery,
    KeyLog,
    Notice,
    Request,
    Submit,
)

ENVELOPE = Digest(b"e" * 32)
AGAIN = b"not yet"  # an envelope that the core cannot take
QUESTION = Question(KeyLogWanted(), Ask.KEY_LOG, KeyLog(start=0))
DEPOSIT = Deposited(ENVELOPE, Submit(envelope=b"x", commitment=Digest(b"c" * 32)), 0)


class Clock:
    def wall(self) -> int:
        return 1_790_000_000

    def monotonic(self) -> float:
        return 1.0


@dataclass
class FakeMachine:
    """Writes down what it is told."""

    ready: bool = True
    told: list[tuple[object, ...]] = field(default_factory=list)
    next: list[Effect] = field(default_factory=list)

    def connected(self, _: int) -> list[Effect]:
        self.told.append(("connected",))
        return [QUESTION]

    def disconnected(self) -> None:
        self.told.append(("disconnected",))

    def told_life(self, incarnation: bytes, _: int) -> list[Effect]:
        self.told.append(("life", incarnation))
        return []

    def noticed(self, key: int, message: int) -> list[Effect]:
        self.told.append(("noticed", key, message))
        return []

    def expiring(self) -> list[Effect]:
        self.told.append(("expiring",))
        return [QUESTION]

    def delivered(self, came: Sequence[Delivery], _: int) -> list[bool]:
        self.told.append(("delivered", *(one.index for one in came)))
        return [self.ready and one.envelope != AGAIN for one in came]

    def stored(self, envelope: Digest, index: int, leaf: bytes, _: int) -> None:
        self.told.append(("stored", envelope, index, leaf))

    def answered(self, tag: Tag, body: bytes | None, _: int) -> list[Effect]:
        self.told.append(("answered", tag, body))
        return self.next

    def pump(self, _: int) -> list[Effect]:
        return []


@dataclass
class FakeLine:
    """Takes ``room`` objects and then is busy."""

    room: int = 100
    offered: list[tuple[Kind, bytes, int]] = field(default_factory=list)
    acknowledged: list[bytes] = field(default_factory=list)

    def offer(self, kind: Kind, content: bytes, lane: int, _: float) -> bytes:
        if self.room == 0:
            raise BusyError
        self.room -= 1
        self.offered.append((kind, content, lane))
        return b"object-%d" % len(self.offered)

    def stored(self, sent: bytes) -> None:
        self.acknowledged.append(sent)


@dataclass
class FakeTransfers:
    """Writes down what it is told."""

    told: list[object] = field(default_factory=list)
    carry_out: object = None

    def begin(self, upload: Upload) -> None:
        self.told.append(upload)

    def drop(self, file: str) -> None:
        self.told.append(file)

    def effect(self, effect: line_effects.Effect) -> None:
        self.told.append(effect)

    def feed(self) -> None:
        self.told.append("feed")

    def cut(self) -> None:
        self.told.append("cut")


@dataclass
class Scene:
    machine: FakeMachine = field(default_factory=FakeMachine)
    line: FakeLine = field(default_factory=FakeLine)
    transfers: FakeTransfers = field(default_factory=FakeTransfers)
    nudged: int = 0

    def __post_init__(self) -> None:
        self.session = Session(
            self.machine,  # type: ignore[arg-type]
            self.line,  # type: ignore[arg-type]
            Clock(),
            self.nudge,
            self.transfers,  # type: ignore[arg-type]
        )

    def nudge(self) -> None:
        self.nudged += 1

    def comes(self, kind: Kind, content: bytes) -> bytes:
        name = H(content)[:16]
        self.session.effect(line_effects.ObjectComplete(kind, name, 0, content))
        return name

    def delivers(self, index: int, envelope: bytes = b"sealed") -> bytes:
        came = Delivery(cursor=index, index=index, envelope=envelope)
        return self.comes(Kind.DELIVERY, encode(came))

    def batches(self) -> list[tuple[object, ...]]:
        """Return the indices of each batch that the core was given."""
        return [told[1:] for told in self.machine.told if told[0] == "delivered"]

    def number(self) -> int:
        return decode(self.line.offered[-1][1], Request).number


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_concerns_blobs_goes_to_the_transfers(scene: Scene) -> None:
    upload = Upload(Digest(bytes(32)), "file", 10)
    scene.session.carry_out([upload, Drop("file")])
    opened = line_effects.ObjectOpened(Kind.ATTACHMENT_DOWN, bytes(16), 4, 10)
    scene.session.effect(opened)
    scene.session.feed()
    scene.session.cut()
    assert scene.transfers.told == [upload, "file", opened, "feed", "cut"]
    assert scene.transfers.carry_out == scene.session.carry_out


def test_a_session_that_moved_something_is_no_failure(scene: Scene) -> None:
    told = []
    scene.session.connected()
    told.append(scene.session.progressed)
    scene.session.effect(line_effects.ObjectAcknowledged(bytes(16), 5, 10))
    told.append(scene.session.progressed)
    scene.session.cut()
    told.append(scene.session.progressed)
    assert told == [False, True, False]


def test_an_answer_finds_its_question_once(scene: Scene) -> None:
    scene.session.connected()
    number = scene.number()
    answer = encode(Answer(number=number, code=0, body=b"yes"))
    for _ in range(2):
        scene.comes(Kind.ANSWER, answer)
    answered = [told for told in scene.machine.told if told[0] == "answered"]
    assert answered == [("answered", QUESTION.tag, b"yes")]
    assert scene.nudged > 0


def test_a_refusal_is_an_answer_without_a_body(scene: Scene) -> None:
    scene.session.connected()
    refused = encode(Answer(number=scene.number(), code=5))
    scene.comes(Kind.ANSWER, refused)
    assert ("answered", QUESTION.tag, None) in scene.machine.told


def test_a_request_that_the_relay_will_not_take_is_answered_with_nothing(
    scene: Scene,
) -> None:
    scene.session.connected()
    gone = line_effects.ObjectRefused(b"object-1", CloseReason(1))
    for _ in range(2):
        scene.session.effect(gone)
    answered = [told for told in scene.machine.told if told[0] == "answered"]
    assert answered == [("answered", QUESTION.tag, None)]


def test_the_relays_word_on_a_deposit_reaches_the_core(scene: Scene) -> None:
    scene.session.carry_out([DEPOSIT])
    assert scene.line.offered[0][0] is Kind.SUBMISSION
    scene.session.effect(line_effects.ObjectAccepted(b"unknown", 7, b"leaf"))
    scene.session.effect(line_effects.ObjectAccepted(b"object-1", 7, b"leaf"))
    assert scene.machine.told == [("stored", ENVELOPE, 7, b"leaf")]


def test_a_delivery_is_acknowledged_only_after_the_core_has_it(scene: Scene) -> None:
    scene.machine.ready = False
    scene.session.connected()
    name = scene.delivers(3)
    assert scene.line.acknowledged == []
    scene.session.turn()
    assert scene.batches() == [(3,)]
    assert scene.line.acknowledged == []
    scene.session.turn()  # nothing new: the core is asked after the next answer
    assert scene.batches() == [(3,)]
    scene.machine.ready = True  # the directory came with an answer
    scene.comes(Kind.ANSWER, encode(Answer(number=scene.number(), code=0, body=b"")))
    assert scene.line.acknowledged == [name]


def test_what_comes_at_once_is_one_batch_and_each_is_acknowledged_by_itself(
    scene: Scene,
) -> None:
    scene.session.connected()
    names = [scene.delivers(1), scene.delivers(2, AGAIN), scene.delivers(3)]
    scene.session.turn()
    assert scene.batches() == [(1, 2, 3)]
    assert scene.line.acknowledged == [names[0], names[2]]


def test_a_backlog_is_taken_in_batches_that_end(scene: Scene) -> None:
    scene.session.connected()
    for index in range(2 * BATCH + 1):
        scene.delivers(index)
    assert [len(batch) for batch in scene.batches()] == [BATCH, BATCH]
    assert len(scene.line.acknowledged) == 2 * BATCH
    scene.session.turn()
    assert [len(batch) for batch in scene.batches()] == [BATCH, BATCH, 1]


def test_what_waits_for_the_directory_is_tried_again_in_batches(scene: Scene) -> None:
    scene.machine.ready = False
    scene.session.connected()
    for index in range(BATCH + 1):
        scene.delivers(index)
    scene.machine.ready = True
    scene.comes(Kind.ANSWER, encode(Answer(number=scene.number(), code=0, body=b"")))
    assert [len(batch) for batch in scene.batches()] == [BATCH, BATCH, 1]
    assert len(scene.line.acknowledged) == BATCH + 1


def test_a_full_line_is_offered_the_rest_when_it_moves(scene: Scene) -> None:
    scene.line.room = 1
    scene.session.carry_out([DEPOSIT, QUESTION, QUESTION])
    assert len(scene.line.offered) == 1
    scene.line.room = 1
    scene.session.effect(line_effects.ObjectAcknowledged(b"object-1", 1, 1))
    assert len(scene.line.offered) == 2
    scene.line.room = 5
    scene.session.effect(line_effects.ObjectAcknowledged(b"object-2", 1, 1))
    assert len(scene.line.offered) == 3
    numbers = [
        decode(content, Request).number for _, content, _ in scene.line.offered[1:]
    ]
    assert numbers == [1, 2]


def test_a_cut_forgets_what_the_core_asks_again(scene: Scene) -> None:
    scene.machine.ready = False
    scene.session.connected()
    number = scene.number()
    scene.delivers(3)
    scene.session.cut()
    scene.session.turn()
    scene.comes(Kind.ANSWER, encode(Answer(number=number, code=0, body=b"late")))
    assert "answered" not in {told[0] for told in scene.machine.told}
    scene.machine.ready = True
    scene.session.connected()
    assert scene.line.acknowledged == []  # the relay delivers it again
    assert scene.number() == number + 1


def test_a_notice_moves_the_core_and_nonsense_nothing(scene: Scene) -> None:
    told = [("life", bytes(16)), ("noticed", 4, 9)]
    scene.comes(
        Kind.NOTICE, encode(Notice(key_log=4, message_log=9, incarnation=bytes(16)))
    )
    assert scene.machine.told == told
    for kind in (Kind.NOTICE, Kind.ANSWER, Kind.DELIVERY):
        assert scene.comes(kind, b"\xff") in scene.line.acknowledged
    other = next(k for k in Kind if k.name not in {"NOTICE", "ANSWER", "DELIVERY"})
    assert scene.comes(other, b"") in scene.line.acknowledged
    assert scene.machine.told == told


@pytest.mark.parametrize("undelivered", [None, 3])
def test_what_will_go_is_asked_for(scene: Scene, undelivered: int | None) -> None:
    notice = Notice(
        key_log=1, message_log=1, incarnation=bytes(16), undelivered=undelivered
    )
    scene.comes(Kind.NOTICE, encode(notice))
    assert (("expiring",) in scene.machine.told) == (undelivered is not None)
    assert len(scene.line.offered) == (undelivered is not None)
