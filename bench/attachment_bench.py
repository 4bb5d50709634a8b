"""What an attachment costs: three readings of "at least 0.8 of Cobblestone".

    python bench/attachment_bench.py [--quick]

Each line is ours and a reference, by turns in the same run; printed are the medians
in MB/s and our speed as a part of the reference's.

* stream: sealer and opener with their two digests taken out, in memory, against
  Cobblestone alone: what padding, steps and quarantine cost.  Goal 0.8.
* digested: as they are, in memory, against Cobblestone and two SHA-256.  Goal 0.8.
* file: as they are, from a file in the page cache into a file, against Cobblestone
  from and into the same files.  No goal: SHA-256 is several times slower than
  Cobblestone, and the last line of the table, SHA-256 alone against Cobblestone
  alone, is the ceiling of any stream that digests each byte even once.
* age, gpg: ours from file to file against these programs, where they are installed.

Memory is the growth of the process' largest resident size while it seals and opens a
file of the full size: 64 MiB at most.  After the table one JSON line per figure.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor

from crypto import stream as stream_module
from crypto.digest import T
from crypto.stream import AttachmentNames, AttachmentOpener, AttachmentSealer
from crypto.suite import SuiteId
from crypto.types import Digest, Secret

Action = Callable[[], object]
Sink = Callable[[bytes], object]
Parts = Iterable[bytes]
Cobblestone = type[Cobblestone256Encryptor] | type[Cobblestone256Decryptor]
PIECE = 64 * 1024
MIB = 1 << 20
S1, KEY = SuiteId.S1, Secret(bytes(32))
CONTEXT = T(b"koerier/v1/att", S1.octet)
GOAL = 0.8
MOST_MEMORY = 64  # MiB over the base


class Figure(NamedTuple):
    """Two actions over the same number of bytes, timed by turns."""

    name: str
    reference: str
    ours: Action
    raw: Action
    goal: float | None  # our speed over the reference's


class NoDigest:
    """Stands where SHA-256 was, and takes no time."""

    def update(self, _: bytes) -> None:
        """Do nothing."""

    def digest(self) -> bytes:
        """Return what the names of this bench have."""
        return bytes(32)


NO_HASHLIB = SimpleNamespace(sha256=NoDigest)


def pieces(data: bytes) -> list[bytes]:
    return [data[start : start + PIECE] for start in range(0, len(data), PIECE)]


def read(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while piece := file.read(PIECE):
            yield piece


def seal(parts: Parts, sink: Sink) -> AttachmentNames:
    sealer = AttachmentSealer(S1, KEY, sink)
    for part in parts:
        sealer.update(part)
    return sealer.finish()


def open_(parts: Parts, names: AttachmentNames, sink: Sink) -> None:
    opener = AttachmentOpener(S1, KEY, names, sink)
    for part in parts:
        opener.update(part)
    opener.finish()


def stream(make: Cobblestone, parts: Parts, sink: Sink, digests: int = 0) -> None:
    """Do what ours does with the bare library, and SHA-256 over each part."""
    cobblestone = make(KEY.reveal(), CONTEXT)
    hashes = [hashlib.sha256() for _ in range(digests)]
    for part in parts:
        sink(cobblestone.update(part))
        for one in hashes:
            one.update(part)
    sink(cobblestone.finalize())


def digest(parts: Parts) -> None:
    one = hashlib.sha256()
    for part in parts:
        one.update(part)


def to_file(act: Callable[[Sink], object], target: Path) -> Action:
    def run() -> None:
        with target.open("wb", buffering=0) as file:
            act(file.write)

    return run


def in_memory(size: int) -> list[Figure]:
    data = os.urandom(size)
    plain = pieces(data)
    blob = bytearray()
    names = seal(plain, blob.extend)
    sealed = pieces(bytes(blob))
    bare = AttachmentNames(Digest(bytes(32)), size, Digest(bytes(32)))

    def undigested(act: Action) -> Action:
        def run() -> None:
            stream_module.__dict__["hashlib"] = NO_HASHLIB
            try:
                act()
            finally:
                stream_module.__dict__["hashlib"] = hashlib

        return run

    encrypt = partial(stream, Cobblestone256Encryptor, plain, len)
    decrypt = partial(stream, Cobblestone256Decryptor, sealed, len)
    seal_ours = partial(seal, plain, len)
    open_ours = partial(open_, sealed, names, len)
    open_bare = undigested(partial(open_, sealed, bare, len))
    both = "Cobblestone + 2 SHA-256"
    return [
        Figure("stream seal", "Cobblestone", undigested(seal_ours), encrypt, GOAL),
        Figure("stream open", "Cobblestone", open_bare, decrypt, GOAL),
        Figure("digested seal", both, seal_ours, partial(encrypt, digests=2), GOAL),
        Figure("digested open", both, open_ours, partial(decrypt, digests=2), GOAL),
        Figure("SHA-256 alone", "Cobblestone", partial(digest, plain), encrypt, None),
    ]


def from_file(size: int, folder: Path) -> list[Figure]:
    source, blob, target = folder / "source", folder / "blob", folder / "target"
    with source.open("wb") as file:
        for _ in range(0, size, MIB):
            file.write(os.urandom(MIB))
    names: list[AttachmentNames] = []
    to_file(lambda sink: names.append(seal(read(source), sink)), blob)()
    seal_ours = to_file(lambda sink: seal(read(source), sink), target)
    open_ours = to_file(lambda sink: open_(read(blob), names[0], sink), target)
    seal_raw = to_file(
        lambda sink: stream(Cobblestone256Encryptor, read(source), sink), target
    )
    open_raw = to_file(
        lambda sink: stream(Cobblestone256Decryptor, read(blob), sink), target
    )
    figures = [
        Figure("file seal", "Cobblestone", seal_ours, seal_raw, None),
        Figure("file open", "Cobblestone", open_ours, open_raw, None),
    ]
    for name, command in programs(source, folder):
        raw = partial(subprocess.run, command, check=True, capture_output=True)
        figures.append(Figure("file seal", name, seal_ours, raw, None))
    return figures


def programs(source: Path, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield what else would encrypt the file, where it is installed."""
    if age := shutil.which("age"):
        target = folder / "age"
        # A recipient that anybody may know: the example of age's own manual page.
        to = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
        yield "age", [age, "-r", to, "-o", str(target), str(source)]
    if gpg := shutil.which("gpg"):
        home = folder / "gnupg"
        home.mkdir(mode=0o700)
        flags = "--batch --yes --pinentry-mode loopback --compress-algo none"
        command = [gpg, "--homedir", str(home), *flags.split(), "--passphrase", "bench"]
        yield "gpg", [*command, "-o", str(folder / "gpg"), "--symmetric", str(source)]


def memory(size: int, folder: Path) -> float:
    """Return by how many MiB one sealing and one opening raise the largest size."""
    source, blob, target = folder / "long", folder / "blob", folder / "target"
    with source.open("wb") as file:
        file.truncate(size)  # a sparse file: zeros are as long as anything else
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    names: list[AttachmentNames] = []
    to_file(lambda sink: names.append(seal(read(source), sink)), blob)()
    to_file(lambda sink: open_(read(blob), names[0], sink), target)()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base
    return grown / (MIB if sys.platform == "darwin" else 1024)


def taken(action: Action) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure(figures: list[Figure], rounds: int) -> list[tuple[float, float]]:
    """Return the median seconds of ours and of the reference, for each figure."""
    times: list[tuple[list[float], list[float]]] = [([], []) for _ in figures]
    for number in range(rounds + 1):
        for figure, (ours, raw) in zip(figures, times, strict=True):
            both = [(figure.ours, ours), (figure.raw, raw)]
            for action, kept in both if number % 2 else reversed(both):
                seconds = taken(action)
                if number:  # the first round warms up
                    kept.append(seconds)
    return [(statistics.median(ours), statistics.median(raw)) for ours, raw in times]


def main() -> None:
    parser = argparse.ArgumentParser(description="cost of attachments")
    parser.add_argument("--quick", action="store_true", help="few rounds, small files")
    options = parser.parse_args()
    rounds = 5 if options.quick else 15
    short, long = (4, 64) if options.quick else (64, 1024)  # MiB
    rows: list[dict[str, object]] = []
    print(
        f"{'figure':16} {'against':24} {'ours':>7} {'raw':>7} {'part':>5} {'goal':>5}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grown = memory(long * MIB, folder)  # first: the largest size never falls
        for make in (in_memory, partial(from_file, folder=folder)):
            figures = make(short * MIB)
            for figure, (ours, raw) in zip(
                figures, measure(figures, rounds), strict=True
            ):
                speeds = short * MIB / ours / 1e6, short * MIB / raw / 1e6
                print(
                    f"{figure.name:16} {figure.reference:24} {speeds[0]:7.0f} "
                    f"{speeds[1]:7.0f} {raw / ours:5.2f} {figure.goal or '-':>5}"
                )
                rows.append(
                    {
                        "bench": "attachment",
                        "figure": figure.name,
                        "against": figure.reference,
                        "mib": short,
                        "rounds": rounds,
                        "mb_s": round(speeds[0]),
                        "raw_mb_s": round(speeds[1]),
                        "part": round(raw / ours, 3),
                        "goal": figure.goal,
                    }
                )
    print(f"memory over the base, {long} MiB: {grown:.1f} MiB (at most {MOST_MEMORY})")
    rows.append(
        {
            "bench": "attachment",
            "figure": "memory",
            "mib": long,
            "grown_mib": round(grown, 1),
            "goal": MOST_MEMORY,
        }
    )
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
