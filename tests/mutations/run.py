"""Take out one safeguard at a time; the tests that its patch names must fail.

    python tests/mutations/run.py [--only GLOB] [--times N] [--sample N] [--seed N]

Each patch is applied to a copy of the tree, and taken back afterwards.  A test that
fails is what we want; a patch that no longer applies, a test that cannot be found or
that fails without the patch is an error of ours, and ends the run as failed just as a
survivor does.  When a bug is found, its reverse becomes a patch here, so the test that
catches it stays.

`--sample` takes so many by chance, others each time, for who waits, and for CI.  It
prints its seed, which draws the same again.  `koerier test --deep` runs them all.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from queue import SimpleQueue

from tests.support.mutation import Mutation, read
from tests.support.unified_diff import StaleDiffError

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORKERS = 2
SECONDS = 180  # for one run; a safeguard whose absence hangs wants a better test
PLUGINS = ("cacheprovider", "xdist", "pytest_cov")
PYTEST = (
    *(
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "--continue-on-collection-errors",
        "--hypothesis-profile=mutations",
    ),
    *(part for plugin in PLUGINS for part in ("-p", f"no:{plugin}")),
)
PASSED, FAILED = 0, 1  # pytest's exit codes; any other says that it could not test
Trees = SimpleQueue[Path]  # copies of the tree that no run uses now
LEFT_OUT = shutil.ignore_patterns(".*", "node_modules")


def forget(files: Iterable[Path]) -> None:
    """Remove what was compiled of files that change: times of a second mislead it."""
    for file in files:
        for compiled in file.parent.glob(f"__pycache__/{file.stem}.*"):
            compiled.unlink()


@contextmanager
def mutated(trees: Trees, mutation: Mutation | None) -> Iterator[Path]:
    """Lend a copy of the tree, mutated or not, and restore it afterwards."""
    tree = trees.get()
    kept: dict[Path, bytes] = {}
    try:
        for file, source in (mutation.applied(tree) if mutation else {}).items():
            kept[file] = file.read_bytes()
            file.write_text(source, encoding="utf-8")
        forget(kept)
        yield tree
    finally:
        for file, content in kept.items():
            file.write_bytes(content)
        forget(kept)
        trees.put(tree)


def outcome(
    trees: Trees, tests: Iterable[str], mutation: Mutation | None
) -> tuple[int, str]:
    """Run the tests in a copy, mutated or not; return pytest's exit code and output."""
    with mutated(trees, mutation) as tree:
        # For what a test starts: the copy's packages, before the installed ones.
        environment = {**os.environ, "PYTHONPATH": str(tree)}
        try:
            run = subprocess.run(
                [*PYTEST, *tests],
                cwd=tree,
                env=environment,
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            return -1, f"no end after {SECONDS} s"
        return run.returncode, run.stdout


def last(output: str) -> str:
    """Return the last line that says something."""
    return ([line for line in output.splitlines() if line.strip()] or [""])[-1]


def attempt(
    trees: Trees, patch: Path, sound: dict[tuple[str, ...], str]
) -> tuple[str, str]:
    """Return what came of one patch: `caught`, `SURVIVED` or `ERROR`, and why."""
    try:
        mutation = read(patch, ROOT)
        if refused := sound[mutation.tests]:
            return "ERROR", f"its tests fail without it: {refused}"
        code, output = outcome(trees, mutation.tests, mutation)
    except StaleDiffError as error:
        return "ERROR", str(error)
    if code == PASSED:
        return "SURVIVED", mutation.title
    return ("caught", mutation.title) if code == FAILED else ("ERROR", last(output))


def baseline(
    trees: Trees, patches: list[Path], pool: ThreadPoolExecutor
) -> dict[tuple[str, ...], str]:
    """Run the tests unmutated; return what is wrong with each set that is named."""
    sets: set[tuple[str, ...]] = set()
    for patch in patches:
        try:
            sets.add(read(patch, ROOT).tests)
        except StaleDiffError:
            continue  # `attempt` says so
    files = sorted({test for tests in sets for test in tests})
    halves = [half for half in (files[::2], files[1::2]) if half]
    together = pool.map(lambda tests: outcome(trees, tests, None), halves)
    if all(code == PASSED for code, _ in together):
        return dict.fromkeys(sets, "")
    ordered = sorted(sets)
    runs = pool.map(lambda tests: outcome(trees, tests, None), ordered)
    return {
        tests: "" if code == PASSED else last(output)
        for tests, (code, output) in zip(ordered, runs, strict=True)
    }


def arguments() -> argparse.Namespace:
    """Return what the command line asks."""
    parser = argparse.ArgumentParser(description="Prove that the tests guard the code.")
    parser.add_argument("--only", metavar="GLOB", default="*", help="by their names")
    parser.add_argument("--times", metavar="N", type=int, default=1, help="each")
    parser.add_argument("--sample", metavar="N", type=int, help="as many, by chance")
    parser.add_argument("--seed", metavar="N", type=int, help="of that chance")
    return parser.parse_args()


def main() -> int:
    """Run the chosen patches, two at a time; return 1 when one was not caught."""
    options, started = arguments(), time.monotonic()
    named = sorted(HERE.glob("*.patch"))
    patches = [patch for patch in named if fnmatch(patch.stem, options.only)]
    seed = random.SystemRandom().randrange(10**6)
    seed = seed if options.seed is None else options.seed
    drawn = ""
    if options.sample is not None and options.sample < len(patches):
        drawn = f" of {len(patches)}, drawn with --seed {seed}"
        patches = sorted(random.Random(seed).sample(patches, options.sample))
    counts: Counter[str] = Counter()
    trees: Trees = SimpleQueue()
    with (
        tempfile.TemporaryDirectory(prefix="koerier-mutation-") as scratch,
        ThreadPoolExecutor(WORKERS) as pool,
    ):
        for number in range(WORKERS):
            copy = Path(scratch) / str(number)
            trees.put(Path(shutil.copytree(ROOT, copy, ignore=LEFT_OUT)))
        sound = baseline(trees, patches, pool)
        rounds = patches * options.times
        runs = pool.map(lambda patch: attempt(trees, patch, sound), rounds)
        for patch, (came, why) in zip(rounds, runs, strict=True):
            counts[came] += 1
            print(f"{came:8} {patch.stem}: {why}", flush=True)
    took = f"{time.monotonic() - started:.0f} s"
    wrong = counts["SURVIVED"] + counts["ERROR"]
    print(f"mutations: {counts['caught']} caught, {wrong} not{drawn}, in {took}")
    return 1 if wrong or not patches else 0


if __name__ == "__main__":
    sys.exit(main())
