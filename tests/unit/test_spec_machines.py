"""Chapters 14-16 print the machines' own tables; what they work out is recomputed."""

import re
from enum import Enum

import pytest

from crypto.digest import H
from crypto.session import Direction, FrameSealer, Handshake
from crypto.suite import SuiteId
from crypto.types import KeyId, PublicKey, Secret
from protocol import client_session, delivery, mailbox, relay_session, streams
from protocol.codec import encode
from protocol.handshake import Ready
from protocol.line.effects import STREAMED, VOLATILE, Side
from protocol.line.frames import CloseReason, FrameType, Kind
from tests.support.edges import CHAPTERS, fenced, printed
from tests.unit.test_line_frames import WORKED


@pytest.mark.parametrize(
    ("chapter", "language", "expected"),
    [
        (
            "session.md",
            "relay-session",
            printed(relay_session.EDGES, relay_session.ANYWHERE),
        ),
        (
            "session.md",
            "client-session",
            printed(client_session.EDGES, client_session.ANYWHERE),
        ),
        ("delivery-and-streams.md", "delivery", printed(delivery.EDGES)),
        ("delivery-and-streams.md", "streams", printed(streams.EDGES)),
        ("delivery-and-streams.md", "mailbox", printed(mailbox.EDGES)),
    ],
)
def test_a_chapter_prints_the_table_of_its_machine(
    chapter: str, language: str, expected: str
) -> None:
    assert fenced(chapter, language) == expected


def test_the_worked_session() -> None:
    shake = Handshake(
        SuiteId.S1,
        bytes(range(32)),
        bytes(range(32, 64)),
        PublicKey(bytes(1216)),
    )
    secret, terminal = Secret(bytes([7]) * 32), KeyId(bytes([9]) * 32)
    transcript = shake.transcript(terminal, secret)
    down = shake.frame_key(terminal, secret, Direction.TO_TERMINAL)
    expected = {
        "info": shake.info.hex(),
        "transcript": f"{len(transcript)} bytes, SHA-256 {H(transcript).hex()}",
        "to-relay": shake.frame_key(terminal, secret, Direction.TO_RELAY)
        .reveal()
        .hex(),
        "to-terminal": down.reveal().hex(),
        "ready": FrameSealer(down).seal(encode(Ready(v=1))).hex(),
    }
    lines = fenced("session.md", "worked").splitlines()
    assert dict(re.split(r" {2,}", line, maxsplit=1) for line in lines) == expected


def test_the_worked_frames() -> None:
    lines = fenced("line.md", "frames").splitlines()
    found = [re.split(r" {2,}", line, maxsplit=1)[1] for line in lines]
    assert [bytes.fromhex(digits) for digits in found] == [
        bytes.fromhex(encoded) for _, encoded in WORKED
    ]


def rows(chapter: str, members: type[Enum]) -> dict[str, list[str]]:
    """Return the cells of the table rows that begin with a member's name."""
    text = (CHAPTERS / chapter).read_text(encoding="utf-8")
    cells = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return {row[0]: row[1:] for row in cells if row[0] in members.__members__}


def test_the_kinds_are_the_tables() -> None:
    def carried(kind: Kind) -> str:
        if kind in STREAMED:
            return "streamed"
        return "volatile" if kind in VOLATILE else "whole"

    assert rows("line.md", Kind) == {
        kind.name: [
            str(kind.value),
            "terminal" if kind in Side.TERMINAL.kinds else "relay",
            carried(kind),
        ]
        for kind in Kind
    }


def test_the_frame_types_and_reasons_are_the_tables() -> None:
    table = rows("line.md", FrameType)
    assert {name: int(row[0]) for name, row in table.items()} == {
        kind.name: kind.value for kind in FrameType
    }
    reasons = re.findall(r"(\d) (done|too large|busy|not wanted)", table["CLOSE"][2])
    assert [(int(number), name) for number, name in reasons] == [
        (reason.value, reason.name.lower().replace("_", " ")) for reason in CloseReason
    ]
