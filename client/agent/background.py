"""Starting the agent in the background: a process of its own, told through a pipe."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from client.door import asking
from client.exits import Exit
from client.files import private_folder
from client.home import Home, HomeError
from client.vault.opening import own_vault

LIMIT: Final = 60.0  # seconds: the key derivation takes a few
STEP: Final = 0.05
MAX_WORDS: Final = 65_536  # bytes of the log that are looked at


def start_agent(
    home: Home, passphrase: str, member: str | None = None, language: str = "nl"
) -> None:
    """Start the agent and return when it answers.

    Raises:
        HomeError: it ended, with its own last words; or one is there already.
    """
    if is_running(home):
        raise HomeError("agent.running")
    reading, writing = os.pipe()
    log = private_folder(home.path / "log") / "agent.log"
    start = log.stat().st_size if log.exists() else 0
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 -- ourselves
                [
                    *(sys.executable, "-m", "client.cli.main"),
                    *("--home", str(home.path), "--lang", language),
                    *("terminal", "unlock", "--foreground"),
                    *("--passphrase-fd", str(reading)),
                    *(() if member is None else ("--member", member)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(reading,),
                start_new_session=True,
            )
        os.write(writing, passphrase.encode() + b"\n")
    finally:
        os.close(writing)
        os.close(reading)
    _wait(home, process, log, start)


def _wait(
    home: Home, process: "subprocess.Popen[bytes]", log: Path, start: int
) -> None:
    limit = time.monotonic() + LIMIT
    while time.monotonic() < limit:
        if is_running(home):
            return
        if process.poll() is not None:
            ended = HomeError("agent.ended", why=_last_words(log, start))
            ended.status = _status(process.returncode)
            raise ended
        time.sleep(STEP)
    process.terminate()
    process.wait()
    raise HomeError("agent.silent", seconds=int(LIMIT))


def _status(code: int) -> Exit:
    """Return the status that the agent ended with; another: it failed."""
    return Exit(code) if code in {Exit.BAD_INPUT, Exit.INTEGRITY} else Exit.FAILED


def _last_words(log: Path, start: int) -> str:
    """Return the last line that the agent wrote: a sentence of ours."""
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read(MAX_WORDS).decode(errors="replace").split("\n")
    said = [line.removeprefix("koerier: ") for line in lines if line.strip()]
    return said[-1] if said else "?"


def wait_until_free(home: Home) -> None:
    """Return when no process owns the vault any more.

    Raises:
        HomeError: one still does, after LIMIT seconds.
    """
    limit = time.monotonic() + LIMIT
    while True:
        try:
            with own_vault(home):
                return
        except HomeError:
            if time.monotonic() > limit:
                raise
            time.sleep(STEP)


def is_running(home: Home) -> bool:
    """Tell whether an agent answers in this home."""
    try:
        asking.ask(home, "status")
    except asking.NoAgentError:
        return False
    return True
