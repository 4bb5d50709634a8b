"""How long `koerier --help` takes, beside a bare click program on this machine.

    python bench/start_bench.py [--quick] [--rounds N]

Both are started in turn, N times (41), and the medians are compared, so that what
else the machine does falls on both.  The goal is a ratio of at most 1.5.
"""

import argparse
import statistics
import subprocess
import sys
import time

GOAL = 1.5
BARE = """
import click
@click.group()
@click.option("--home", help="A folder.")
def main(home): "A program."
for name in ("send", "inbox", "read", "ack", "outbox", "receipts", "terminal"):
    main.command(name)(lambda: None)
main(["--help"])
"""
OURS = 'from client.cli.main import main; main(["--help"])'


def seconds(program: str) -> float:
    start = time.perf_counter()
    subprocess.run(  # noqa: S603 -- this interpreter
        [sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=True
    )
    return time.perf_counter() - start


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=41)
    options.add_argument("--quick", action="store_true", help="few, so that it runs")
    chosen = options.parse_args()
    rounds = 5 if chosen.quick else chosen.rounds
    seconds(BARE), seconds(OURS)  # the first round reads everything from the disk
    pairs = [(seconds(BARE), seconds(OURS)) for _ in range(rounds)]
    bare, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"bare click program  {bare * 1e3:6.1f} ms")
    print(f"koerier --help      {ours * 1e3:6.1f} ms")
    print(f"ratio {ours / bare:.2f}, goal {GOAL}, {rounds} rounds each")


if __name__ == "__main__":
    main()
