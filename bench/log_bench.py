"""What the log costs: growth, roots and proofs at 10^4 and 10^6 leaves.

    python -m bench.log_bench [--quick]

A log that computed anything anew from its leaves would cost a hundred times more at
the larger size; ours may cost a little more for each doubling.  Every round measures
all figures once, at both sizes by turns, so that a busy machine slows both; printed
is the median over the rounds, and the ratio of large to small.  Beside them two raw
figures of the same run: one SHA-256 of a node, and the verification of one ML-DSA-44
signature.  After the table one JSON line per figure, for bench/RESULTS.md.

* append: one leaf, and the nodes it makes, at the end of a tree of that size.
* root: from the frontier.
* inclusion, consistency: the proof read from stored nodes; verify: the check of it.
* adopt: the note, its log signature, two ML-DSA cosignatures, the consistency proof.

``--quick`` takes 10^3 and 10^5.
"""

import argparse
import hashlib
import json
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple

from crypto.merkle import (
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from crypto.notekey import NoteAlgorithm, NoteSigningKey, NoteVerifyKey
from crypto.types import Digest, Secret
from protocol.checkpoint import Checkpoint
from protocol.cosignature import cosign
from protocol.note import add_lines, parse_note, sign_note
from protocol.root import LogKey
from protocol.trusted_log import TrustedLog
from protocol.witness_policy import WitnessKey, WitnessPolicy

Action = Callable[[], object]
ORIGIN = "bench.example/log"
ED, PQ = NoteAlgorithm.ED25519, NoteAlgorithm.ML_DSA_44
NOW = 1_790_000_000


def key(algorithm: NoteAlgorithm, number: int) -> NoteSigningKey:
    return NoteSigningKey.from_seed(algorithm, Secret(bytes([number]) * 32))


def witness(number: int) -> WitnessKey:
    return WitnessKey(
        name=f"w{number}.example",
        organisation=f"organisation {number}",
        ed25519=key(ED, number).public,
        mldsa44=key(PQ, number).public,
        address="https://w.example",
        mirror=1,
    )


LOG = LogKey(ORIGIN, key(ED, 9).public)
POLICY = WitnessPolicy(witnesses=(witness(1), witness(2)), quorum=2)


class Grown(NamedTuple):
    """A log in memory: its right edge, nodes by level, and a note with a quorum."""

    frontier: Frontier
    levels: list[list[Digest]]
    note: bytes
    trusted: TrustedLog  # at half the size

    def node(self, level: int, index: int) -> Digest:
        """Return a stored node."""
        return self.levels[level][index]


def grown(size: int) -> Grown:
    frontier, levels = Frontier(), list[list[Digest]]()
    half = frontier
    for number in range(size):
        leaf = leaf_hash(number.to_bytes(65, "big"))
        frontier, made = frontier.append_hash(leaf)
        for level, _, node in made:
            if level == len(levels):
                levels.append([])
            levels[level].append(node)
        if frontier.size == size // 2:
            half = frontier
    text = Checkpoint(ORIGIN, size, frontier.root()).text()
    note = sign_note(text, ORIGIN, key(ED, 9))
    lines = [
        cosign(parse_note(note), f"w{number}.example", key(PQ, number), now=NOW)
        for number in (1, 2)
    ]
    trusted = TrustedLog(LOG, POLICY, size=half.size, root=half.root())
    return Grown(frontier, levels, add_lines(note, lines), trusted)


def actions(log: Grown) -> dict[str, Action]:
    """Return the figures of one log; each call takes another place in it."""
    size, root = log.frontier.size, log.frontier.root()
    # A step that shares no factor with the size walks over all places.
    steps: Iterator[int] = (number * 7919 % size for number in count())
    index = size // 3
    path = inclusion_path(index, size, log.node)
    half, half_root = log.trusted.size, log.trusted.root
    proof = consistency_path(half, size, log.node)
    leaf, ours = bytes(65), index.to_bytes(65, "big")
    return {
        "append": lambda: log.frontier.append_hash(leaf_hash(leaf)),
        "root": log.frontier.root,
        "inclusion": lambda: inclusion_path(next(steps), size, log.node),
        "consistency": lambda: consistency_path(next(steps), size, log.node),
        "verify inclusion": lambda: verify_inclusion(ours, index, size, path, root),
        "verify consistency": lambda: verify_consistency(
            half, size, proof, half_root, root
        ),
        "adopt": lambda: log.trusted.adopt(log.note, proof),
    }


def raw() -> dict[str, Action]:
    pair, message = bytes(65), bytes(120)
    signature = key(PQ, 1).sign(message)
    verifier = NoteVerifyKey.parse(PQ, key(PQ, 1).public)
    return {
        "raw: SHA-256 of a node": lambda: hashlib.sha256(pair).digest(),
        "raw: ML-DSA-44 verify": lambda: verifier.verify(signature, message),
    }


def microseconds(action: Action, times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - start) / times * 1e6


def medians(columns: list[dict[str, Action]], rounds: int) -> list[dict[str, float]]:
    """Return the median of each figure of each column, measured by turns."""
    found: list[dict[str, list[float]]] = [{name: [] for name in c} for c in columns]
    for _ in range(rounds):
        for column, into in zip(columns, found, strict=True):
            for name, action in column.items():
                into[name].append(microseconds(action, 20))
    return [{n: statistics.median(v) for n, v in column.items()} for column in found]


def main() -> None:
    parser = argparse.ArgumentParser(description="What the log costs.")
    parser.add_argument("--quick", action="store_true", help="10^3 and 10^5 leaves")
    quick = parser.parse_args().quick
    sizes = (10**3, 10**5) if quick else (10**4, 10**6)
    columns, growth = list[dict[str, Action]](), list[float]()
    for size in sizes:
        start = time.perf_counter()
        columns.append(actions(grown(size)))
        growth.append((time.perf_counter() - start) / size * 1e6)
    small, large, plain = medians([*columns, raw()], 15 if quick else 60)
    small["growing, a leaf"], large["growing, a leaf"] = growth
    print(f"{'microseconds':<24}{sizes[0]:>12,}{sizes[1]:>12,}{'ratio':>8}")
    for name, value in small.items():
        ratio = large[name] / value
        print(f"{name:<24}{value:>12.2f}{large[name]:>12.2f}{ratio:>8.2f}")
    for name, value in plain.items():
        print(f"{name:<24}{value:>12.2f}")
    for name, value in small.items():
        figure = {
            "bench": "log",
            "figure": name,
            "unit": "us",
            "leaves": sizes,
            "values": [round(value, 3), round(large[name], 3)],
            "ratio": round(large[name] / value, 3),
        }
        print(json.dumps(figure))


if __name__ == "__main__":
    main()
