"""Take out one safeguard at a time; the tests that its patch names must fail.

    python tests/mutations/run.py [--only GLOB] [--times N] [--part K/N]

Each patch is applied to a copy of the tree.  A test that fails is what we want; a
patch that no longer applies, a test that cannot be found or that fails without the
patch is an error of ours, and ends the run as failed just as a survivor does.  When a
bug is found, its reverse becomes a patch here, so the test that catches it stays.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

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
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "node_modules")


def outcome(tests: Iterable[str], mutation: Mutation | None) -> tuple[int, str]:
    """Run the tests in a copy, mutated or not; return pytest's exit code and output."""
    with tempfile.TemporaryDirectory(prefix="koerier-mutation-") as scratch:
        tree = Path(scratch) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        if mutation:
            for file, source in mutation.applied(tree).items():
                file.write_text(source, encoding="utf-8")
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


def attempt(patch: Path, sound: dict[tuple[str, ...], str]) -> tuple[str, str]:
    """Return what came of one patch: `caught`, `SURVIVED` or `ERROR`, and why."""
    try:
        mutation = read(patch, ROOT)
        if refused := sound[mutation.tests]:
            return "ERROR", f"its tests fail without it: {refused}"
        code, output = outcome(mutation.tests, mutation)
    except StaleDiffError as error:
        return "ERROR", str(error)
    if code == PASSED:
        return "SURVIVED", mutation.title
    return ("caught", mutation.title) if code == FAILED else ("ERROR", last(output))


def baseline(
    patches: list[Path], pool: ThreadPoolExecutor
) -> dict[tuple[str, ...], str]:
    """Run every distinct set of tests unmutated; return what is wrong with each."""
    sets: set[tuple[str, ...]] = set()
    for patch in patches:
        try:
            sets.add(read(patch, ROOT).tests)
        except StaleDiffError:
            continue  # `attempt` says so
    ordered = sorted(sets)
    runs = pool.map(lambda tests: outcome(tests, None), ordered)
    return {
        tests: "" if code == PASSED else last(output)
        for tests, (code, output) in zip(ordered, runs, strict=True)
    }


def chosen(options: argparse.Namespace) -> list[Path]:
    """Return the patches that `--only` and `--part` leave."""
    part, _, parts = options.part.partition("/")
    patches = sorted(HERE.glob("*.patch"))
    named = [patch for patch in patches if fnmatch(patch.stem, options.only)]
    return named[int(part) - 1 :: int(parts)]


def main() -> int:
    """Run the chosen patches, two at a time; return 1 when one was not caught."""
    parser = argparse.ArgumentParser(description="Prove that the tests guard the code.")
    parser.add_argument("--only", metavar="GLOB", default="*", help="by their names")
    parser.add_argument("--times", metavar="N", type=int, default=1, help="each")
    parser.add_argument("--part", metavar="K/N", default="1/1", help="every Nth")
    options = parser.parse_args()
    patches, started = chosen(options), time.monotonic()
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        sound = baseline(patches, pool)
        rounds = patches * options.times
        runs = pool.map(lambda patch: attempt(patch, sound), rounds)
        for patch, (came, why) in zip(rounds, runs, strict=True):
            counts[came] += 1
            print(f"{came:8} {patch.stem}: {why}", flush=True)
    took = f"{time.monotonic() - started:.0f} s"
    wrong = counts["SURVIVED"] + counts["ERROR"]
    print(f"mutations: {counts['caught']} caught, {wrong} not, in {took}")
    return 1 if wrong or not patches else 0


if __name__ == "__main__":
    sys.exit(main())
