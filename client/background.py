"""Starting the agent in the background: a process of its own, told through a pipe."""

import os
import subprocess
import sys
import time
from typing import Final

from client import link
from client.home import Home, HomeError

LIMIT: Final = 60.0  # seconds: the key derivation takes a few
STEP: Final = 0.05


def start_agent(home: Home, passphrase: str) -> None:
    """Start the agent and return when it answers.

    Raises:
        HomeError: it ended: the passphrase, or an agent that is there already.
    """
    if _answers(home):
        raise HomeError("agent.running")
    reading, writing = os.pipe()
    log = home.path / "log" / "agent.log"
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 -- ourselves
                [
                    *(sys.executable, "-m", "client.cli.main"),
                    *("--home", str(home.path), "terminal", "unlock"),
                    *("--foreground", "--passphrase-fd", str(reading)),
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
    _wait(home, process)


def _wait(home: Home, process: "subprocess.Popen[bytes]") -> None:
    limit = time.monotonic() + LIMIT
    while time.monotonic() < limit:
        if _answers(home):
            return
        if process.poll() is not None:
            raise HomeError("passphrase.wrong")
        time.sleep(STEP)
    process.terminate()
    process.wait()
    raise HomeError("passphrase.wrong")


def _answers(home: Home) -> bool:
    try:
        link.ask(home, "status")
    except link.NoAgentError:
        return False
    return True
