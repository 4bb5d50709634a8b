"""The agent's socket: JSON lines from this user's own processes, one at a time."""

import asyncio
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from client.cli.exits import Exit
from client.home import HomeError
from client.link import MAX_LINE, AgentRefusal

Answer = Callable[[str, dict[str, Any]], object]


@asynccontextmanager
async def serve(path: Path, answer: Answer) -> AsyncIterator[None]:
    """Answer requests on a Unix socket of mode 0600 while the context lasts.

    Raises:
        HomeError: another agent listens there.
    """
    _take(path)  # a socket that an ended agent left is taken away here

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _is_ours(writer.get_extra_info("socket")):
                line = await reader.readuntil(b"\n")
                writer.write(_reply(line, answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # a peer that hangs up or never ends its line gets no answer
        finally:
            writer.close()

    server = await asyncio.start_unix_server(talk, path, limit=MAX_LINE)
    path.chmod(0o600)  # noqa: ASYNC240 -- a file of our own, once
    async with server:
        yield


def _take(path: Path) -> None:
    """Remove a socket that nobody listens on; refuse one that somebody does."""
    if not path.exists():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)  # left by an agent that was killed
            return
    raise HomeError("agent.running")


def _is_ours(peer: socket.socket) -> bool:
    """Tell whether the peer runs as our user; the folder's mode says so already."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", raw)
    return bool(uid == os.getuid())


def _request(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        request = json.loads(line)
        method, arguments = request["method"], request["arguments"]
        if isinstance(method, str) and isinstance(arguments, dict):
            return method, arguments
    except (ValueError, KeyError, TypeError):
        pass  # our own commands never write this; the agent stays up whoever did
    raise AgentRefusal("agent.bad-input", Exit.BAD_INPUT, {"what": "request"})


def _reply(line: bytes, answer: Answer) -> bytes:
    try:
        reply: dict[str, Any] = {"result": answer(*_request(line))}
    except AgentRefusal as refusal:
        reply = {
            "refused": {
                "code": refusal.code,
                "exit": refusal.exit_code,
                "parts": refusal.parts,
            }
        }
    return json.dumps(reply, ensure_ascii=False).encode() + b"\n"
