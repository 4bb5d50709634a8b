"""The transcript of a ceremony: who did what, with which hash, when.

One line for each command, appended to a file that is printed and signed with a pen
afterwards.  It holds names, hashes and words of keys; never a passphrase or a seed.
"""

import datetime as dt
import os
from pathlib import Path

from client.harmless import harmless


def append(path: Path, now: int, sentence: str) -> None:
    """Add one line, durably.

    A crash before the sync loses the line at most: the command's own result was
    durable before, and the line can be written by hand.

    Args:
        path: of the transcript; made where there is none.
        now: wall clock, POSIX seconds.
        sentence: what was done, in the reader's language.

    Raises:
        OSError: it cannot be written.
    """
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    line = f"{moment:%Y-%m-%d %H:%M:%S}Z  {harmless(sentence)}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())
