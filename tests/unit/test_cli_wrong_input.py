"""What is typed wrongly is named by its cause, in both languages, as it is typed."""

from pathlib import Path

import pytest

from client.agent import background
from client.home import Config, Home, HomeError
from client.words import LANGUAGES
from tests.support.home_desk import HomeDesk, locked_desk
from tests.support.homes import ANNA, BRAM, WORDS
from tests.support.light import make_light
from tests.support.ministry import Ministry
from tests.support.typed import alone, koerier, told

# A line, and what it says in each language.
ASKS_THE_AGENT = (
    ("inbox",),
    ("read", "3f2a91"),
    ("watch",),
    ("sync",),
    ("terminal", "lock"),
    ("terminal", "status"),
    ("terminal", "passphrase"),
    ("terminal", "recover"),
)


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


@pytest.mark.parametrize("line", ASKS_THE_AGENT)
@pytest.mark.parametrize(
    ("lang", "there"), [("nl", "Geen terminal in"), ("en", "No terminal in")]
)
def test_a_mistyped_home_is_not_locked_but_not_there(
    tmp_path: Path, line: tuple[str, ...], lang: str, there: str
) -> None:
    nowhere = Home(tmp_path / "berm")
    said = told(koerier(nowhere, *line, lang=lang), 2)
    assert there in said
    assert str(nowhere.path) in said
    assert "--home" in said


@pytest.mark.parametrize(
    ("lang", "word"), [("nl", "al vergrendeld"), ("en", "locked already")]
)
def test_to_lock_what_is_locked_is_done(tmp_path: Path, lang: str, word: str) -> None:
    home = Home(tmp_path / "bern")
    home.create(Config())
    assert word in told(koerier(home, "terminal", "lock", lang=lang))


@pytest.mark.parametrize(
    ("line", "nl", "en"),
    [
        (("sync", "--wait", "-1"), "van 1 tot en met 3600", "from 1 to 3600"),
        (("watch", "--after", "-1"), "van 0 of hoger", "of 0 or more"),
        (("sync", "--wait", "x"), "heel getal", "whole number"),
    ],
)
def test_a_number_out_of_range_is_told_the_range(
    tmp_path: Path, line: tuple[str, ...], nl: str, en: str
) -> None:
    for lang, word in (("nl", nl), ("en", en)):
        assert word in told(koerier(Home(tmp_path), *line, lang=lang), 2)


@pytest.mark.parametrize(
    ("lang", "odd", "missing"),
    [
        ("nl", "is geen voorstel van", "is er niet"),
        ("en", "is no proposal of", "is not there"),
    ],
)
def test_a_file_of_another_kind_and_none_at_all_are_told_apart(
    bern: HomeDesk, lang: str, odd: str, missing: str
) -> None:
    file = bern.home.path / "odd"
    line = ("terminal", "consent", file, "--out", bern.home.path / "out")
    assert missing in told(alone(bern.home, *line, lang=lang), 2)
    file.write_bytes(b"x")
    assert odd in told(alone(bern.home, *line, lang=lang), 2)


def test_a_backup_that_is_not_there_asks_for_no_passphrase(tmp_path: Path) -> None:
    line = ("terminal", "restore", tmp_path / "nowhere")
    for lang, word in (("nl", "is er niet"), ("en", "is not there")):
        assert word in told(koerier(Home(tmp_path), *line, lang=lang), 2)


def test_with_no_proposal_open_nobody_is_asked_which(bern: HomeDesk) -> None:
    for lang, word in (("nl", "geen voorstel open"), ("en", "No proposal is open")):
        line = ("operator", "reject", "--reason", "x")
        assert word in told(alone(bern.home, *line, lang=lang), 2)


def test_a_folder_to_save_in_that_is_not_there_is_named(tmp_path: Path) -> None:
    line = ("attach", "save", "3f2a91", "--out", tmp_path / "nowhere")
    for lang, word in (("nl", "een map die er niet is"), ("en", "folder that is not")):
        assert word in told(koerier(Home(tmp_path), *line, lang=lang), 2)


@pytest.mark.parametrize("post", ["Bern X", "Bern", "-bern", "", "b" * 64, "bern\n"])
def test_an_invitation_needs_the_name_of_a_post(
    hague: Ministry, tmp_path: Path, post: str
) -> None:
    root = locked_root(hague, tmp_path)
    line = ("operator", "invite", "--root", root, f"--post={post}")
    names = ("--name-nl", "a", "--name-en", "b", "--out", tmp_path / "out")
    for lang, word in (("nl", "korte naam van een post"), ("en", "short name")):
        said = told(koerier(Home(tmp_path / "h"), *line, *names, lang=lang), 2)
        assert word in said
        assert "invitation" not in said
    assert not (tmp_path / "out").exists()


def locked_root(hague: Ministry, folder: Path) -> Path:
    return locked_desk(hague, folder / "bern").home.root_file


@pytest.fixture
def bern(hague: Ministry, tmp_path: Path) -> HomeDesk:
    return locked_desk(hague, tmp_path / "bern")


@pytest.mark.parametrize(
    ("lang", "folder", "sheet"),
    [
        ("nl", "is er niet. Controleer", "herstelblad opent hier niets"),
        ("en", "is not there. Check", "recovery sheet opens nothing"),
    ],
)
def test_a_folder_that_is_not_there_and_anothers_sheet_are_named(
    hague: Ministry, bern: HomeDesk, lang: str, folder: str, sheet: str
) -> None:
    away = bern.home.path / "nowhere"
    for line in (
        ("terminal", "backup", "--out", away / "b"),
        ("terminal", "position", "--out", away / "p"),
    ):
        said = told(alone(bern.home, *line, lang=lang), 2)
        assert folder in said
        assert f"{away} " in said
        assert ".new" not in said
    other = locked_desk(hague, bern.home.path.parent / "other")
    change = ("terminal", "passphrase", "--new-sheet")
    words = {"passphrase_fd": WORDS[ANNA], "new_passphrase_fd": WORDS[ANNA]}
    told(koerier(other.home, *change, **words))
    (paper,) = other.home.path.glob("recovery-sheet*.txt")
    recover = ("terminal", "recover")
    brought = {"sheet_fd": paper.read_text(), "passphrase_fd": WORDS[BRAM]}
    assert sheet in told(koerier(bern.home, *recover, lang=lang, **brought), 2)


def test_a_file_that_is_there_is_no_place_for_a_proposal(bern: HomeDesk) -> None:
    there = bern.home.path / "proposal"
    there.write_text("another's")
    line = ("operator", "revoke", "tfc", "--whole-post", "--reason", "x")
    root = ("--root", bern.home.root_file, "--out", there)
    for lang, word in (("nl", "is er al"), ("en", "is there already")):
        assert word in told(koerier(bern.home, *line, *root, lang=lang), 2)
    assert there.read_text() == "another's"


@pytest.mark.parametrize("pid", ["1", None])
def test_of_two_that_unlock_at_once_the_one_that_ends_says_so(
    bern: HomeDesk, monkeypatch: pytest.MonkeyPatch, pid: str | None
) -> None:
    """Another's agent answers while ours is still at the passphrase, and then ends."""
    looked = iter([False, True, True])

    class Second:
        returncode = 2
        pid = 4_000_000

        def __init__(self, *_: object, stdout: object, **__: object) -> None:
            stdout.write(b"koerier: first come\n")  # type: ignore[attr-defined]
            self._polls = iter([None, 2])

        def poll(self) -> int | None:
            return next(self._polls)

    if pid is not None:
        (bern.home.run / "agent.pid").write_text(pid)
    monkeypatch.setattr(background, "is_running", lambda _: next(looked))
    monkeypatch.setattr("client.agent.background.subprocess.Popen", Second)
    with pytest.raises(HomeError, match="ended") as ended:
        background.start_agent(bern.home, "x")
    assert ended.value.parts == {"why": "first come"}


def test_the_languages_are_those_tried_here() -> None:
    assert set(LANGUAGES) == {"nl", "en"}
