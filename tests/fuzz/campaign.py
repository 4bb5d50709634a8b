"""A fuzzing campaign over every decoder, replayed by its seed.

    python -m tests.fuzz.campaign --seconds 80 [--seed N] [--only NAME]

Each decoder gets the same share of the time.  The first input that breaks one is
printed in hexadecimal with the seed, and the status is 1.
"""

import argparse
import random
import sys
import time

from tests.fuzz.decoders import Decoder, check, decoders
from tests.fuzz.mutate import bombs, mutated

BOMB = 64 * 1024  # bytes


def run(decoder: Decoder, seed: int, seconds: float) -> tuple[int, int]:
    """Return how many inputs were tried and how many accepted."""
    rng = random.Random(f"{seed}/{decoder.name}")
    for bomb in bombs(BOMB):
        check(decoder, bomb)
    tried = accepted = 0
    corpus = list(decoder.corpus)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(100):
            data = mutated(rng, corpus)
            try:
                taken = check(decoder, data)
            except Exception:
                print(f"BROKEN {decoder.name} seed {seed}: {data.hex()}")
                raise
            tried += 1
            accepted += taken
            if taken and len(corpus) < 500:
                corpus.append(data)
    return tried, accepted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=80.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    seed = (
        random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    )
    chosen = [decoder for decoder in decoders() if options.only in decoder.name]
    share = options.seconds / len(chosen)
    total = 0
    for decoder in chosen:
        tried, accepted = run(decoder, seed, share)
        total += tried
        print(f"{tried:9d} tried {accepted:8d} accepted  {decoder.name}")
    print(f"{total} inputs, {len(chosen)} decoders, seed {seed}: nothing broke")
    return 0


if __name__ == "__main__":
    sys.exit(main())
