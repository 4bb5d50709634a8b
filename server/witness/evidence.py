"""Checkpoints that a log signed and a witness refused, kept beside what it cosigned.

Two notes for each kind of contradiction and each log, the first of its kind: whoever
brings more makes us write nothing more.  A *split* proves a lie to anybody, by the
log's own two signatures.  The others can be brought by whoever kept an old note, so
they only say what was asked of this witness; who looks into it takes them away.
"""

from contextlib import suppress
from pathlib import Path

from protocol.witness import Odd
from server.logbook import logbook
from server.storage.interfaces import StoreFullError
from server.witness.memory import LogFiles, replace_whole


def evidence_files(files: LogFiles, odd: Odd) -> tuple[Path, Path]:
    """Return where the note that was cosigned goes, and the one that was refused."""
    stem, folder = files.seen.stem, files.seen.parent
    names = (f"{stem}.{odd.value}.{part}.note" for part in ("cosigned", "refused"))
    cosigned, refused = (folder / name for name in names)
    return cosigned, refused


def keep_evidence(
    files: LogFiles, odd: Odd, *, cosigned: bytes, refused: bytes
) -> None:
    """Keep both notes, unless there are some of this kind; without room, none.

    Raises:
        OSError: what is stored is unknown; the process ends.
    """
    ours, theirs = evidence_files(files, odd)
    logbook().error("checkpoint-refused", kind=odd.value)
    if theirs.exists():
        return
    with suppress(StoreFullError):  # the refusal stands, and the log has its line
        # A crash between the two: ours alone, and the next one writes both again.
        replace_whole(ours, cosigned)
        replace_whole(theirs, refused)
