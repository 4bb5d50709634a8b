"""What a command reads: bounded, an ordinary file; sealing leaves nothing behind."""

import errno
import io
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from client.cli.attaching import sealed
from client.cli.main import main
from client.cli.shell import Shell
from client.door import asking
from client.files import TOO_LARGE, open_ordinary, read_bounded
from client.vault.spool import Spool, seal_file
from crypto.suite import SuiteId
from tests.support.keys import drawn

MIB = 1024 * 1024
SEND = ("send", "--to", "tfc", "--subject", "x", "--level", "Dep.V", "--event", "x")


def koerier(home: Path, *words: object, typed: bytes = b"") -> Result:
    line = ["--lang", "en", "--home", str(home), *map(str, words)]
    return CliRunner().invoke(main, line, input=typed)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return what an agent that takes everything was asked."""
    found: list[dict[str, Any]] = []

    def answer(_: object, method: str, **arguments: object) -> object:
        found.append({"method": method, **arguments})
        return {"id": "3f2a91", "online": True}

    monkeypatch.setattr(asking, "ask", answer)
    return found


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)  # nobody ever writes to it: who opened it and waited, hangs
    return path


def test_no_more_is_read_than_could_be_of_use(tmp_path: Path) -> None:
    large = sparse(tmp_path / "large", 64 * MIB)
    tracemalloc.start()
    with pytest.raises(OSError, match="too large") as refused:
        read_bounded(large, 1_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.errno == TOO_LARGE
    assert peak < MIB
    assert len(read_bounded(sparse(tmp_path / "fits", 1_000), 1_000)) == 1_000


@pytest.mark.parametrize("make", [pipe, lambda _: Path("/dev/null"), Path.mkdir])
def test_what_is_no_ordinary_file_is_not_opened(
    tmp_path: Path, make: Callable[[Path], Path | None]
) -> None:
    path = make(tmp_path / "odd") or tmp_path / "odd"
    for read in (open_ordinary, lambda path: read_bounded(path, 9)):
        with pytest.raises(OSError, match=r"not an ordinary|a folder") as refused:
            read(path)
        assert refused.value.filename == str(path)


@pytest.mark.parametrize(
    "words",
    [
        (*SEND, "--text"),
        (*SEND, "--text", "-", "--attach"),
        ("incident", "send"),
        ("import",),
    ],
)
def test_commands_refuse_devices_pipes_and_folders(
    tmp_path: Path, asked: list[dict[str, Any]], words: tuple[str, ...]
) -> None:
    for path, why in (
        ("/dev/null", "no ordinary file"),
        (pipe(tmp_path / "pipe"), "no ordinary file"),
        (tmp_path, "folder" if words != ("import",) else "import"),
        (tmp_path / "nowhere", "koerier: "),
    ):
        done = koerier(tmp_path, *words, path, typed=b"Een.")
        assert done.exit_code == 2, done.output
        assert why in done.stderr
    assert asked == []


def test_what_is_too_large_to_be_sent_is_refused(
    tmp_path: Path, asked: list[dict[str, Any]]
) -> None:
    large = sparse(tmp_path / "large", 5 * MIB)
    for words in ((*SEND, "--text", large), ("incident", "send", large)):
        assert "larger than fits" in koerier(tmp_path, *words).stderr
    typed = koerier(tmp_path, *SEND, typed=b"x" * 5 * MIB)
    assert (typed.exit_code, "larger than fits" in typed.stderr) == (2, True)
    assert koerier(tmp_path, "import", sparse(large, 9 * MIB)).exit_code == 2
    assert asked == []


def test_a_text_is_read_as_text(tmp_path: Path, asked: list[dict[str, Any]]) -> None:
    assert koerier(tmp_path, *SEND, typed=b"Een.\r\n\r\nTwee.\rDrie").exit_code == 0
    assert asked[-1]["text"] == "Een.\n\nTwee.\nDrie"
    (tmp_path / "odd").write_bytes(b"caf\xe9")
    odd = koerier(tmp_path, *SEND, "--text", tmp_path / "odd")
    assert (odd.exit_code, "not UTF-8 text" in odd.stderr) == (2, True)


def test_who_types_is_told_how_to_end(
    tmp_path: Path, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Typed(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("client.cli.reading.sys", type("Sys", (), {"stdin": None}))
    closed = koerier(tmp_path, *SEND)
    assert (closed.exit_code, "no standard input" in closed.stderr) == (2, True)
    stdin = Typed(io.BytesIO(b"Een."))
    monkeypatch.setattr("client.cli.reading.sys", type("Sys", (), {"stdin": stdin}))
    assert "Ctrl+D" in koerier(tmp_path, *SEND).stderr
    assert asked[-1]["text"] == "Een."


def test_a_file_that_grows_or_fails_is_not_sealed(tmp_path: Path) -> None:
    spool, source = Spool(tmp_path / "spool"), tmp_path / "log"
    source.write_bytes(b"x" * MIB)

    def seal(progress: Callable[[int], None]) -> None:
        seal_file(
            spool,
            source,
            suite=SuiteId.S1,
            name="a",
            media="a/b",
            entropy=drawn("spool"),
            progress=progress,
        )

    def grow(_: int) -> None:
        if source.stat().st_size < 4 * MIB:
            with source.open("ab") as file:
                file.write(b"x" * MIB)

    with pytest.raises(OSError, match="changed") as refused:
        seal(grow)
    assert refused.value.errno == errno.ESTALE
    with pytest.raises(OSError, match="changed"):
        seal(lambda _: os.truncate(source, 1))
    assert list(spool.folder.iterdir()) == []


# --- what a killed command left

SEALER = """
import sys
from pathlib import Path
from client.vault.spool import Spool
spool = Spool(Path(sys.argv[1]))
with spool.sealing():
    spool.write("of-the-dead", 0, b"sealed")
    print("sealed", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_command_left_goes_at_the_next_look(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.write("known", 0, b"in the vault")
    with subprocess.Popen(  # noqa: S603 -- ourselves
        [sys.executable, "-c", SEALER, str(spool.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as sealing:
        assert sealing.stdout is not None
        assert sealing.stdout.readline() == b"sealed\n"
        spool.keep_only({"known"})
        assert spool.size("of-the-dead") > 0  # it seals still
        sealing.send_signal(signal.SIGKILL)
        sealing.wait()
    spool.keep_only({"known"})
    assert [path.name for path in spool.folder.iterdir()] == ["known"]


def test_a_command_that_seals_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, source = Spool(tmp_path / "spool"), tmp_path / "a"
    source.write_text("x")
    place = {"folder": str(spool.folder), "suite": 1}
    monkeypatch.setattr(asking, "ask", lambda *_, **__: place)
    with sealed(Shell(str(tmp_path), "en"), [source]) as (one,):
        spool.keep_only([])
        assert spool.size(one["file"]) == one["total"]
    spool.keep_only([])
    assert list(spool.folder.iterdir()) == []
