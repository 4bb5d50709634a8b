"""The demonstration's folder: what it may be, and when it may be removed.

A demonstration marks its folder before it puts anything into it.  Only a folder with
that mark, and with nothing in it but what a demonstration makes, is ever removed; the
mark goes last, so that a removal that was cut short can be done again.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from client.demo.ministry import WITNESSES
from client.files import private_folder
from client.vault.filelock import HeldError, held

MARK: Final = "koerier-demo-folder"
MARK_TEXT: Final = b"koerier demo made this folder; koerier demo --fresh removes it.\n"
MADE: Final = frozenset(
    {
        MARK,
        *("log", "operators", "papers", "relay", "root", "root.cbor", "saved"),
        *("terminals", *WITNESSES),
    }
)


class GroundError(Exception):
    """The folder cannot serve; ``code`` is a word's code, ``parts`` its parts."""

    def __init__(self, code: str, **parts: object) -> None:
        super().__init__(code)
        self.code = code
        self.parts = parts


@contextmanager
def ground(folder: Path, *, fresh: bool) -> Iterator[Path]:
    """Hold a new, marked folder inside the context.

    Args:
        folder: where the ministry is to live.
        fresh: remove what an earlier demonstration left there.

    Raises:
        GroundError: something is there that is not to be removed; nothing was.
        OSError: the folder cannot be made.
    """
    if os.path.lexists(folder):
        if not fresh:
            raise GroundError("demo.exists", folder=folder)
        _clear(folder)
    folder = folder.resolve()
    private_folder(folder.parent)
    folder.mkdir(mode=0o700)  # whoever was faster has it: FileExistsError
    mark = folder / MARK
    mark.write_bytes(MARK_TEXT)  # a crash before this: an empty folder that stays
    with held(mark):
        yield folder


def why_kept(folder: Path) -> tuple[str, str] | None:
    """Return why ``folder`` is never removed, as a word's code and what it is about.

    None: a demonstration made it, and everything in it.  Nothing is changed here.
    """
    real = folder.resolve()
    if folder.is_symlink() or not folder.is_dir():
        return "demo.no-folder", str(folder)
    if _holds(real, Path.home()) or _holds(real, Path.cwd()) or os.path.ismount(real):
        return "demo.not-this", str(real)
    if not _marked(real / MARK):
        return "demo.unmarked", str(real)
    for entry in sorted(os.scandir(real), key=lambda entry: entry.name):
        if entry.name not in MADE:
            return "demo.strange", entry.path
    for below, folders, _ in os.walk(real):
        for name in folders:
            if os.path.ismount(os.path.join(below, name)):  # noqa: PTH118 -- as walked
                return "demo.not-this", str(Path(below, name))
    return None


def _holds(folder: Path, inner: Path) -> bool:
    """Tell whether ``inner`` is ``folder`` or lies in it; the root holds everything."""
    return inner.resolve().is_relative_to(folder)


def _marked(mark: Path) -> bool:
    """Tell whether a demonstration wrote this mark: a file of its own, not a link."""
    try:
        if not stat.S_ISREG(mark.lstat().st_mode):
            return False
        with mark.open("rb") as file:
            return file.read(len(MARK_TEXT) + 1) == MARK_TEXT
    except OSError:
        return False


def _clear(folder: Path) -> None:
    kept = why_kept(folder)
    if kept is not None:
        code, path = kept
        raise GroundError(code, path=path)
    real = folder.resolve()
    try:
        with held(real / MARK):
            _remove(real)
    except HeldError:
        raise GroundError("demo.in-use", path=str(real)) from None
    except OSError as error:
        at = str(error.filename or real)
        why = error.strerror or type(error).__name__
        raise GroundError("demo.not-removed", path=at, why=why) from None


def _remove(folder: Path) -> None:
    """Remove what a demonstration made, its mark last."""
    for entry in list(os.scandir(folder)):
        if entry.name == MARK:
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            Path(entry.path).unlink()
    (folder / MARK).unlink()
    folder.rmdir()
