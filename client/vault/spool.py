"""The spool: ciphertext of attachments, beside the vault, and nothing else.

A file here is a sealed blob or the part of one that came so far; its key is in the
vault, its name says nothing.  Plaintext never lies here: a blob is verified by opening
it into nothing, and saved by opening it once more into the folder that a person chose.

What a crash means: bytes that :meth:`Spool.sync` has not returned for are not durable
and were acknowledged to nobody.  After a power cut a file may be longer than what was
synced; if that tail is wrong, the opening finds it, and the blob is fetched anew.
"""

import errno
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Final

from client.core.attached import Spooled, attachment_line
from client.core.attachments import Demand
from client.files import open_ordinary, private_folder, sync_folder
from client.vault.filelock import HeldError, held, shared
from crypto.entropy import Entropy
from crypto.errors import OpenError
from crypto.stream import AttachmentOpener, AttachmentSealer, VerifiedAttachment
from crypto.suite import SuiteId
from crypto.types import Secret

STEP: Final = 256 * 1024  # bytes that are read and sealed or opened at a time
MARGIN: Final = 64 * 1024 * 1024  # bytes of the disk that stay free for the vault
_KEY, _TOKEN = 32, 16  # bytes


class Spool:
    """The folder, by file name."""

    def __init__(self, folder: Path) -> None:
        self.folder = private_folder(folder)
        self._lock = folder.with_name(f"{folder.name}.lock")

    def path(self, file: str) -> Path:
        """Return where ``file`` is."""
        return self.folder / file

    def size(self, file: str) -> int:
        """Return how many bytes of ``file`` are here; 0 if it is not."""
        try:
            return self.path(file).stat().st_size
        except FileNotFoundError:
            return 0

    def read(self, file: str, offset: int, size: int) -> bytes:
        """Return at most ``size`` bytes from ``offset`` on; none if it is gone."""
        try:
            with self.path(file).open("rb") as opened:
                opened.seek(offset)
                return opened.read(size)
        except FileNotFoundError:
            return b""

    def write(self, file: str, offset: int, content: bytes) -> None:
        """Write at ``offset``, which is the end so far; not yet durable.

        Raises:
            OSError: no room, or a fault of the disk.
        """
        fresh = not offset
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if fresh else 0)
        descriptor = os.open(self.path(file), flags, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.seek(offset)
            opened.write(content)
        if fresh:
            sync_folder(self.folder)

    def sync(self, file: str) -> None:
        """Return when everything that was written to ``file`` is durable."""
        descriptor = os.open(self.path(file), os.O_WRONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def drop(self, file: str) -> None:
        """Remove a file; one that is gone does not matter."""
        self.path(file).unlink(missing_ok=True)

    def keep_only(self, files: Collection[str]) -> None:
        """Remove what a crash left: files that the vault does not know.

        While a process seals nothing is removed: its files are known to nobody yet.
        """
        try:
            with held(self._lock):
                for path in self.folder.iterdir():
                    if path.name not in files:
                        path.unlink()
        except HeldError:
            return  # the next look does it

    def sealing(self) -> AbstractContextManager[None]:
        """Keep what is sealed inside from being taken for what a crash left."""
        return shared(self._lock)

    def has_room(self, size: int) -> bool:
        """Say whether ``size`` more bytes leave the disk its margin."""
        found = os.statvfs(self.folder)
        return size + MARGIN <= found.f_bavail * found.f_frsize


def seal_file(  # noqa: PLR0913 -- each is named by its caller
    spool: Spool,
    source: Path,
    *,
    suite: SuiteId,
    name: str,
    media: str,
    entropy: Entropy,
    progress: Callable[[int], None],
) -> Spooled:
    """Seal a file into the spool under a fresh key, in constant memory.

    Durable when it returns; a crash before leaves a file that the next start removes.

    Args:
        spool: where the blob goes.
        source: the file.
        suite: the directory's.
        name: what the addressees will see.
        media: media type; it chooses an icon, never a program.
        entropy: draws the key and the file's name in the spool.
        progress: is told how many bytes more were sealed.

    Raises:
        OSError: it is no ordinary file, cannot be read, changed meanwhile, or the
            spool cannot be written.
    """
    key, file = Secret(entropy(_KEY)), entropy(_TOKEN).hex()
    total = 0

    def sink(content: bytes) -> None:
        nonlocal total
        blob.write(content)
        total += len(content)

    try:
        with open_ordinary(source) as plain, _created(spool.path(file)) as blob:
            sealer = AttachmentSealer(suite, key, sink)
            for piece in _pieces(plain, source):
                sealer.update(piece)
                progress(len(piece))
            names = sealer.finish()
            blob.flush()
            os.fsync(blob.fileno())
        sync_folder(spool.path(file).parent)
    except BaseException:
        spool.drop(file)
        raise
    line = attachment_line(names, key, media=media, name=name)
    return Spooled(line, file, total)


def _pieces(plain: BinaryIO, source: Path) -> Iterator[bytes]:
    """Yield a file's bytes: as many as it had when it was opened, and no others."""
    left = os.fstat(plain.fileno()).st_size
    while True:
        try:
            piece = plain.read(STEP)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(source)) from None
        left -= len(piece)
        if left < 0 or (left and not piece):
            raise OSError(errno.ESTALE, "changed while it was read", str(source))
        if not piece:
            return
        yield piece


def _created(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "wb")


def open_blob(
    source: Path,
    suite: SuiteId,
    demand: Demand,
    sink: Callable[[bytes], object],
    progress: Callable[[int], None],
) -> VerifiedAttachment:
    """Open a blob to its end, in constant memory; the sink is quarantine until then.

    Args:
        source: the blob.
        suite: that it was sealed under.
        demand: key and names of the signed record's line.
        sink: takes the plaintext, which nobody may read before this returned.
        progress: is told how many bytes more were opened.

    Raises:
        OpenError: it is not what the record says; throw away what the sink has.
        OSError: it cannot be read, or the sink not written.
    """
    opener = AttachmentOpener(suite, demand.key, demand.names, sink)
    with source.open("rb") as blob:
        while piece := blob.read(STEP):
            opener.update(piece)
            progress(len(piece))
    return opener.finish()


def verify(source: Path, demand: Demand) -> tuple[SuiteId, VerifiedAttachment] | None:
    """Open a blob into nothing, under each suite it may be of; None: it is false."""
    for suite in demand.suites:
        try:
            return suite, open_blob(source, suite, demand, _nothing, _nothing)
        except (OpenError, OSError):
            continue
    return None


def _nothing(_: object) -> None:
    """Throw plaintext away: nobody asked to see it yet."""
