"""What a mutation patch is: a safeguard taken out, and the tests that must notice.

Line 1 says what it breaks, line 2 names the tests (`tests: FILE FILE`), line 3 is
empty, and a unified diff of package files, or of the bootstrap script, follows.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.support.unified_diff import StaleDiffError, result

MUTATED = ("client", "crypto", "protocol", "server", "koerier")


@dataclass(frozen=True)
class Mutation:
    """One patch, read and checked against the tree."""

    name: str
    title: str
    tests: tuple[str, ...]
    diff: str

    def applied(self, tree: Path) -> dict[Path, str]:
        """Return what it makes of the files it changes.

        Raises:
            StaleDiffError: it does not fit, leaves what is mutated, or makes no Python.
        """
        files = result(self.diff, tree)
        for file, source in files.items():
            path = file.relative_to(tree)
            if path.parts[0] not in MUTATED:
                raise StaleDiffError(f"{path}: only packages and bootstrap are mutated")
            try:
                compile(source, str(path), "exec")
            except SyntaxError as error:
                # Any test catches a file that is no Python: that proves nothing.
                raise StaleDiffError(f"{path}: {error}") from None
        return files


def read(patch: Path, tree: Path) -> Mutation:
    """Read a patch and check its three lines.

    Raises:
        StaleDiffError: a line is missing, or a test it names is not there.
    """
    title, _, rest = patch.read_text(encoding="utf-8").partition("\n")
    line, _, diff = rest.partition("\n")
    named, _, tests = line.partition("tests: ")
    if not title.strip() or named or not tests.strip() or not diff.startswith("\n"):
        raise StaleDiffError("wants a title, a line `tests: FILE...`, an empty line")
    for test in tests.split():
        if not (tree / test.partition("::")[0]).is_file():
            raise StaleDiffError(f"{test}: no such test")
    return Mutation(patch.stem, title.strip(), tuple(sorted(tests.split())), diff)
