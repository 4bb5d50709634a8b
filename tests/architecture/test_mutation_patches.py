from pathlib import Path

import pytest

from tests.support.mutation import read
from tests.support.tree import ROOT
from tests.support.unified_diff import StaleDiffError, changed, parse

PATCHES = sorted((ROOT / "tests/mutations").glob("*.patch"))
SOURCE = "one\ntwo\nthree\n"
DIFF = "--- a/x.py\n+++ b/x.py\n@@ -2,2 +2,2 @@\n two\n-three\n+four\n"


@pytest.mark.parametrize("patch", PATCHES, ids=lambda path: path.stem)
def test_the_patch_still_applies(patch: Path) -> None:
    assert read(patch, ROOT).applied(ROOT)


def test_no_two_patches_take_out_the_same_safeguard() -> None:
    diffs = {read(patch, ROOT).diff for patch in PATCHES}
    assert len(diffs) == len(PATCHES)


def test_a_hunk_that_moved_still_applies() -> None:
    assert changed("zero\n" + SOURCE, parse(DIFF)["x.py"]) == "zero\none\ntwo\nfour\n"


def test_a_hunk_whose_context_changed_is_refused() -> None:
    with pytest.raises(StaleDiffError):
        changed(SOURCE.replace("two", "2"), parse(DIFF)["x.py"])


@pytest.mark.parametrize(
    "diff",
    [
        "",
        DIFF.replace("@@ -2,2", "@@ -2,3"),
        DIFF.replace("b/x.py", "b/y.py"),
        "@@ -1 +1 @@\n",
    ],
)
def test_a_malformed_diff_is_refused(diff: str) -> None:
    with pytest.raises(StaleDiffError):
        parse(diff)
