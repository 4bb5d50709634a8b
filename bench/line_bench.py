"""What the line costs the relay per submission, beside the primitives alone.

    python bench/line_bench.py [--quick]

One submission of 7,502 bytes up and a short answer down, in the fast profile.  The
reference opens and seals the same cells and hashes the same object, and does nothing
else.  The line may cost what it likes beside a commit; the figure says what.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from crypto.digest import H
from crypto.entropy import system
from crypto.session import FrameOpener, FrameSealer
from crypto.types import Secret
from protocol.line.cells import CELL
from protocol.line.effects import FAST, ObjectComplete, Side
from protocol.line.frames import Kind
from protocol.line.machine import Line

SIZE = 7_502  # bytes: one recipient, one signature
UP, DOWN = Secret(bytes(32)), Secret(bytes([1]) * 32)


def relay_half(objects: list[bytes]) -> float:
    """Return the seconds that the relay's line took for these requests."""
    terminal, relay = Line(Side.TERMINAL, FAST), Line(Side.RELAY, FAST)
    terminal.connect(FrameSealer(UP), FrameOpener(DOWN), 0.0)
    relay.connect(FrameSealer(DOWN), FrameOpener(UP), 0.0)
    took = 0.0
    for number, content in enumerate(objects):
        now = number * 1e-3
        terminal.offer(Kind.REQUEST, content, 3, now)
        cells = terminal.cells(now, 8)
        start = time.process_time()
        for cell in cells:
            for effect in relay.receive(cell, now):
                assert isinstance(effect, ObjectComplete)
                relay.offer(Kind.ANSWER, number.to_bytes(60, "big"), 3, now)
        answers = relay.cells(now, 8)
        took += time.process_time() - start
        for cell in answers:
            terminal.receive(cell, now)
    return took


def primitives(objects: list[bytes]) -> float:
    """Return the seconds that opening, hashing and sealing alone take."""
    sealer, opener, answer = FrameSealer(UP), FrameOpener(UP), FrameSealer(DOWN)
    took = 0.0
    for content in objects:
        cell = sealer.seal(content.ljust(8 * CELL - 16, b"\0"))
        start = time.process_time()
        H(opener.open_(cell)[:SIZE])
        H(bytes(60))
        answer.seal(bytes(CELL - 16))
        took += time.process_time() - start
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    count, rounds = (300, 3) if quick else (3_000, 7)
    objects = [system(SIZE) for _ in range(count)]
    line, alone = [], []
    for _ in range(rounds):  # alternating: the machine is shared
        line.append(relay_half(objects) / count)
        alone.append(primitives(objects) / count)
    line_us, alone_us = (1e6 * min(times) for times in (line, alone))
    print(f"primitives alone: {alone_us:7.1f} us per submission")
    print(f"line:             {line_us:7.1f} us, {line_us / alone_us:.1f} of it")
    print(
        json.dumps(
            {
                "bench": "line",
                "primitives_us": round(alone_us, 1),
                "line_us": round(line_us, 1),
                "ratio": round(line_us / alone_us, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
