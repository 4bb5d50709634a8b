"""What `koerier demo --fresh` may remove: a demonstration's own folder, nothing else.

Every folder that is tried lies in tmp_path; of the machine's own only `why_kept`,
which changes nothing, is asked.
"""

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from client.cli.main import main
from client.demo.ground import MARK, MARK_TEXT, GroundError, ground, why_kept
from client.demo.processes import StepFailedError
from client.vault.filelock import held


@pytest.fixture(autouse=True)
def _no_ministry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a refusal fails to come, the demonstration at least founds nothing."""

    def found(_: Path) -> None:
        raise StepFailedError("founded")

    monkeypatch.setattr("client.cli.demo.Services", found)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a folder that a demonstration left."""
    folder = tmp_path / "ministry"
    with ground(folder, fresh=False) as own:
        (own / "relay" / "data").mkdir(parents=True)
        (own / "relay" / "data" / "store").write_text("old")
        (own / "root.cbor").write_text("old")
    return folder


def everything(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def demo_in(folder: Path | str) -> Result:
    """Ask for a fresh demonstration there; what these tests try never gets further."""
    words = ["--lang", "en", "demo", "--once", "--fresh", "--folder", str(folder)]
    return CliRunner().invoke(main, words)


def refused(folder: Path, kept: Path) -> str:
    """Return the refusal for ``folder``, having seen that ``kept`` is as it was."""
    before = everything(kept)
    done = demo_in(folder)
    assert done.exit_code == 2, done.output
    assert done.output.startswith("koerier: ")
    assert "Nothing was removed" in done.output
    assert everything(kept) == before
    return done.output


def test_the_mark_is_the_first_thing_in_a_new_folder(tmp_path: Path) -> None:
    with ground(tmp_path / "far" / "off", fresh=False) as folder:
        assert [path.name for path in folder.iterdir()] == [MARK]
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_demonstrations_folder_is_made_anew(made: Path) -> None:
    with ground(made, fresh=True) as folder:
        assert everything(folder) == {MARK: MARK_TEXT}


def test_a_folder_that_is_there_stays_without_being_asked(made: Path) -> None:
    before = everything(made)
    with pytest.raises(GroundError) as error, ground(made, fresh=False):
        pass
    assert error.value.code == "demo.exists"
    assert everything(made) == before


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "letter").write_text("years of work")
    assert "was not made by a demonstration" in refused(folder, tmp_path)


def test_an_empty_folder_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", tmp_path)


@pytest.mark.parametrize("text", [b"", MARK_TEXT[:-1], MARK_TEXT + b"x"])
def test_another_file_of_that_name_is_no_mark(made: Path, text: bytes) -> None:
    (made / MARK).write_bytes(text)
    refused(made, made)


def test_a_link_is_no_mark(made: Path, tmp_path: Path) -> None:
    (made / MARK).rename(tmp_path / "elsewhere")
    (made / MARK).symlink_to(tmp_path / "elsewhere")
    refused(made, tmp_path)


def test_what_a_person_put_there_keeps_the_folder(made: Path) -> None:
    (made / "notes.txt").write_text("mine")
    assert "notes.txt was not made by a demonstration" in refused(made, made)


def test_a_link_to_a_demonstrations_folder_is_refused(
    made: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(made)
    assert "no folder, or a link" in refused(link, made)
    link.unlink()
    link.symlink_to(tmp_path / "nowhere")  # one that leads nowhere is there as well
    assert "no folder, or a link" in refused(link, made)


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(GroundError), ground(tmp_path / "file", fresh=True):
        pass
    assert (tmp_path / "file").read_text() == "mine"


def test_a_home_and_what_holds_it_are_never_removed(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(made))
    assert "is never removed" in refused(made, made)
    monkeypatch.setenv("HOME", str(made / "terminals"))
    assert "is never removed" in refused(made, made)


def test_the_folder_we_stand_in_is_never_removed(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    assert "is never removed" in refused(Path(), made)
    monkeypatch.chdir(made / "relay")
    assert "is never removed" in refused(Path(".."), made)


@pytest.mark.parametrize("where", ["", "relay/data"])
def test_a_disk_of_its_own_is_never_removed(
    made: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    mounted = str((made / where).resolve())
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) == mounted)
    assert "is never removed" in refused(made, made)


def test_the_root_of_all_is_never_removed() -> None:
    assert why_kept(Path("/")) == ("demo.not-this", "/")


def test_links_in_the_folder_are_not_followed(made: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "letter").write_text("mine")
    (made / "log").symlink_to(outside)
    (made / "relay" / "link").symlink_to(outside)
    with ground(made, fresh=True) as folder:
        assert everything(folder) == {MARK: MARK_TEXT}
    assert (outside / "letter").read_text() == "mine"


def test_a_demonstration_that_still_runs_keeps_its_folder(made: Path) -> None:
    with held(made / MARK):
        assert "still running" in refused(made, made)


def test_an_error_is_told_and_the_folder_stays_marked(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(shutil, "rmtree", fails)
    done = demo_in(made)
    assert done.exit_code == 2
    assert "relay could not be removed (Permission denied)" in done.output
    assert (made / MARK).read_bytes() == MARK_TEXT
    assert why_kept(made) is None  # it can be done again
