"""Files that go with a message: named, measured, sealed into the spool, with a bar.

The names that addressees see are cleaned here; the names that came are judged here.
"""

import mimetypes
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from client.answers.attachments import as_json
from client.cli.shell import Shell
from client.core.attached import Spooled
from client.exits import Exit
from client.files import open_ordinary
from client.vault.spool import Spool, seal_file
from crypto.suite import SuiteId
from protocol.limits import MAX_ATTACHMENTS

MAX_NAME: Final = 200  # characters, and bytes that most file systems take
UNNAMED: Final = "bijlage"
UNKNOWN: Final = "application/octet-stream"
_ODD: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_SEPARATORS: Final = frozenset('/\\:*?"<>|')
# Windows opens these as devices, whatever comes behind the dot.
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}
)


def clean_name(name: str) -> str:
    """Return a file name that is a name everywhere, and nothing but a name.

    Characters that hide, move or separate become ``_``; dots and blanks at the ends
    go; it is cut to 200 bytes of UTF-8, the ending kept.
    """
    plain = "".join(
        "_" if c in _SEPARATORS or unicodedata.category(c) in _ODD else c
        for c in unicodedata.normalize("NFC", name)
    ).strip(". ")
    if not plain:
        return UNNAMED
    if plain.partition(".")[0].lower().rstrip() in _DEVICES:
        plain = f"_{plain}"
    if plain.startswith("-"):  # else a command takes it for an option
        plain = f"_{plain}"
    return _cut(plain)


def _cut(name: str) -> str:
    if len(name.encode()) <= MAX_NAME:
        return name
    stem, dot, ending = name.rpartition(".")
    kept = (dot + ending) if stem and len(ending.encode()) <= MAX_NAME // 4 else ""
    room = MAX_NAME - len(kept.encode())
    return name.encode()[:room].decode(errors="ignore").rstrip(". ") + kept


def media_of(name: str) -> str:
    """Return the media type that a name suggests: it chooses an icon and no more."""
    return mimetypes.guess_type(name, strict=True)[0] or UNKNOWN


@contextmanager
def sealed(shell: Shell, files: Sequence[Path]) -> Iterator[list[Any]]:
    """Seal files into the spool; what is not sent after all is taken out again."""
    if not files:
        yield []
        return
    if len(files) > MAX_ATTACHMENTS:
        shell.refuse("attach.too-many", Exit.BAD_INPUT, limit=MAX_ATTACHMENTS)
    sizes = [_size(path) for path in files]  # what cannot be sealed, before any work
    place = shell.ask("spool")
    spool = Spool(Path(place["folder"]))
    with spool.sealing():
        yield from _sealed(shell, spool, place["suite"], files, sizes)


def _size(path: Path) -> int:
    with open_ordinary(path) as file:
        return os.fstat(file.fileno()).st_size


def _sealed(
    shell: Shell, spool: Spool, suite: int, files: Sequence[Path], sizes: list[int]
) -> Iterator[list[Any]]:
    if not spool.has_room(sum(sizes) * 9 // 8):  # Padmé adds an eighth at most
        shell.refuse("attach.no-room", Exit.FAILED)
    done: list[Spooled] = []

    def forget() -> None:
        for one in done:
            spool.drop(one.file)

    try:
        with bar(shell, "attach.sealing", sum(sizes)) as progress:
            for path in files:
                one = _seal(shell, spool, suite, path, progress)
                done.append(one)  # at once: a fault in the next one finds it
    except BaseException:
        forget()
        raise
    try:
        yield [as_json(one) for one in done]
    except SystemExit as ended:
        # Refused: nothing needs them.  Where no answer came the message may be in the
        # outbox all the same; what it does not need goes when the agent next starts.
        if ended.code != Exit.LOCKED:
            forget()
        raise


def _seal(
    shell: Shell, spool: Spool, suite: int, path: Path, progress: Callable[[int], None]
) -> Spooled:
    name = clean_name(path.name)
    return seal_file(
        spool,
        path,
        suite=SuiteId(suite),
        name=name,
        media=media_of(name),
        entropy=shell.entropy,
        progress=progress,
    )


def say_file(shell: Shell, file: dict[str, Any]) -> None:
    """Print one line about an attachment."""
    here = 100 * file["here"] // file["total"] if file["total"] else 0
    code = "attach.here" if file["complete"] else "attach.coming"
    size = shell.words.say("attach.bytes", count=f"{file['size']:,}".replace(",", "."))
    shell.say(code, number=file["number"], name=file["name"], size=size, percent=here)


@contextmanager
def bar(shell: Shell, code: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far something of ``total`` bytes is, where somebody looks."""
    if not _looked_at():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    console = Console(stderr=True, force_terminal=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(shell.words.say(code), total=total)
        yield lambda more: progress.advance(task, more)


def _looked_at() -> bool:
    return sys.stderr.isatty()
