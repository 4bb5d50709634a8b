"""What 64 KiB of hostile bytes cost each decoder, beside reading them at all.

    python bench/decoders_bench.py [--quick]

The reference is SHA-256 over the same bytes 100 times: what a machine of this speed
does anyway.  Goal: no input of 64 KiB takes over 50 ms (docs/assurance.md).
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fuzz.decoders import EXPECTED, Decoder, decoders
from tests.fuzz.mutate import bombs

SIZE = 64 * 1024  # bytes
REFERENCE = 100  # digests of SIZE bytes
SHOWN = 12  # the slowest decoders


def best(work: Callable[[], object], rounds: int) -> float:
    """Return the shortest of some runs, in milliseconds: noise only adds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def attempt(decoder: Decoder, data: bytes) -> None:
    with suppress(*EXPECTED):
        decoder.read(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    rounds = 2 if parser.parse_args().quick else 7
    inputs = bombs(SIZE)
    digests = [bytes(SIZE)] * REFERENCE
    reference = best(lambda: [hashlib.sha256(data) for data in digests], rounds)
    worst = []
    for decoder in decoders():
        slowest = max(best(partial(attempt, decoder, data), rounds) for data in inputs)
        worst.append((slowest, decoder.name))
    print(f"reference: {REFERENCE} x SHA-256 of 64 KiB {reference:8.2f} ms")
    for slowest, name in sorted(worst, reverse=True)[:SHOWN]:
        print(f"{slowest:8.2f} ms  {slowest / reference:6.2f} of it  {name}")
    slowest, name = max(worst)
    print(
        json.dumps(
            {
                "bench": "decoders",
                "reference_ms": round(reference, 3),
                "slowest_ms": round(slowest, 3),
                "slowest": name,
                "ratio": round(slowest / reference, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
