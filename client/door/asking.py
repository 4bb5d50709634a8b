"""How a command talks to the agent: one JSON line each way on a Unix socket.

The socket lies in the home's ``run`` folder, which only its owner can enter, and
the agent checks the peer's user id besides.  Where there are no such sockets it is a
port of the loopback and a secret in a file (:mod:`client.door.loopback`).  Requests and
answers are bounded.
"""

import json
import os
import socket
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from client.door.loopback import StrangerError, enter
from client.exits import AgentRefusal
from client.home import Home
from crypto.entropy import system

MAX_LINE: Final = 12 * 1024 * 1024  # bytes: the largest courier bundle in base64


class NoAgentError(Exception):
    """No agent is running for this home."""


def has_sockets() -> bool:
    """Tell whether this system has Unix sockets."""
    return hasattr(socket, "AF_UNIX") and os.name != "nt"


def _connected(home: Home) -> socket.socket:
    if not has_sockets():
        return enter(home.door, system)
    link = socket.socket(socket.AF_UNIX)
    try:
        link.connect(str(home.socket))
    except OSError:
        link.close()
        raise
    return link


def ask(home: Home, method: str, /, **arguments: Any) -> Any:  # noqa: ANN401 -- JSON
    """Return the agent's answer to ``method``.

    Raises:
        NoAgentError: nobody listens.
        AgentRefusal: the agent refused, with its reason.
    """
    for answer in stream(home, method, **arguments):
        return answer
    raise NoAgentError  # it ended before it answered


def stream(home: Home, method: str, /, **arguments: Any) -> Iterator[Any]:  # noqa: ANN401 -- JSON
    """Yield the agent's answers to ``method``, until it ends.

    Raises:
        NoAgentError: nobody listens.
        AgentRefusal: the agent refused, with its reason.
    """
    try:
        opened = _connected(home)
    except (OSError, StrangerError):  # nobody of ours
        raise NoAgentError from None
    with opened as link:
        request = json.dumps({"method": method, "arguments": arguments}).encode()
        try:
            link.sendall(request + b"\n")
        except OSError:
            raise NoAgentError from None
        with link.makefile("rb") as answers:
            while (line := _line(answers)) is not None:
                yield _result(line)


def _line(answers: BinaryIO) -> bytes | None:
    """Return the next whole line; None: the agent ended."""
    try:
        line = answers.readline(MAX_LINE)
    except OSError:
        return None
    return line if line.endswith(b"\n") else None


def _result(line: bytes) -> Any:  # noqa: ANN401 -- JSON
    answer = json.loads(line)
    if "refused" in answer:
        refused = answer["refused"]
        raise AgentRefusal(refused["code"], refused["exit"], refused["parts"])
    return answer["result"]
