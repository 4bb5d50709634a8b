"""The agent's door: JSON lines from this user's own processes, one at a time."""

import asyncio
import contextlib
import hmac
import json
import os
import socket
import struct
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from client.door.asking import MAX_LINE
from client.door.loopback import HOST, NONCE, PATIENCE, proof, write_door
from client.exits import AgentRefusal, Exit
from client.home import HomeError
from crypto.entropy import Entropy

Answer = Callable[[str, dict[str, Any]], object]
Stream = Callable[[dict[str, Any]], AsyncIterator[object]]


@asynccontextmanager
async def serve(
    path: Path, answer: Answer, streams: Mapping[str, Stream]
) -> AsyncIterator[None]:
    """Answer requests on a Unix socket of mode 0600 while the context lasts.

    Args:
        path: of the socket.
        answer: gives one answer to a method.
        streams: methods that answer with a line for each thing that happens, until
            they end or the peer hangs up.

    Raises:
        HomeError: another agent listens there.
    """
    _take(path)  # a socket that an ended agent left is taken away here

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _is_ours(writer.get_extra_info("socket")):
                await _talk(reader, writer, answer, streams)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # a peer that hangs up or never ends its line gets no answer
        finally:
            writer.close()

    server = await asyncio.start_unix_server(talk, path, limit=MAX_LINE)
    path.chmod(0o600)  # noqa: ASYNC240 -- a file of our own, once
    async with server:
        yield


@asynccontextmanager
async def serve_loopback(
    door: Path, answer: Answer, entropy: Entropy, streams: Mapping[str, Stream]
) -> AsyncIterator[None]:
    """Answer requests on a port of the loopback while the context lasts.

    Only who read ``door`` is answered, and only they learn that somebody is here.
    """
    secret = entropy(NONCE)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                proven = await _proven(reader, writer, secret, entropy(NONCE))
            if proven:
                await _talk(reader, writer, answer, streams)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # also a stranger who waits: TimeoutError is an OSError
        finally:
            writer.close()

    server = await asyncio.start_server(talk, HOST, 0, limit=MAX_LINE)
    async with server:
        write_door(door, server.sockets[0].getsockname()[1], secret)
        try:
            yield
        finally:
            door.unlink(missing_ok=True)  # noqa: ASYNC240 -- a file of our own, once


async def _proven(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    secret: bytes,
    answered: bytes,
) -> bool:
    asked = await reader.readexactly(NONCE)
    writer.write(answered + proof(secret, b"agent", asked, answered))
    await writer.drain()
    wanted = proof(secret, b"command", asked, answered)
    return hmac.compare_digest(await reader.readexactly(NONCE), wanted)


async def _talk(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answer: Answer,
    streams: Mapping[str, Stream],
) -> None:
    try:
        line = await reader.readuntil(b"\n")
        method, arguments = _request(line)
        if method in streams:
            await _flow(reader, writer, streams[method](arguments))
        else:
            try:
                result = answer(method, arguments)
            except AgentRefusal:
                raise
            except Exception as error:  # noqa: BLE001 -- the agent stays up, and says so
                raise _failed(error) from None
            await _write(writer, {"result": result})
    except AgentRefusal as refusal:
        await _refuse(writer, refusal)


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


def _failed(error: Exception) -> AgentRefusal:
    """Write down where the agent failed, without what it was about.

    Its transaction was rolled back: the vault is as it was before the command.
    """
    frames = traceback.extract_tb(error.__traceback__)
    places = " ".join(f"{Path(one.filename).name}:{one.lineno}" for one in frames)
    print(f"agent failed: {type(error).__name__} at {places}", file=sys.stderr)  # noqa: T201 -- its log
    parts = {"what": type(error).__name__}
    return AgentRefusal("agent.failed", Exit.FAILED, parts)


async def _refuse(writer: asyncio.StreamWriter, refusal: AgentRefusal) -> None:
    parts = {"code": refusal.code, "exit": refusal.exit_code, "parts": refusal.parts}
    with contextlib.suppress(OSError):  # who hung up gets no answer
        await _write(writer, {"refused": parts})


async def _write(writer: asyncio.StreamWriter, reply: dict[str, Any]) -> None:
    writer.write(json.dumps(reply, ensure_ascii=False).encode() + b"\n")
    await writer.drain()


async def _flow(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    items: AsyncIterator[object],
) -> None:
    """Write each item as it comes; a peer that hangs up ends the stream."""

    async def send() -> None:
        while True:
            try:
                item = await anext(items)
            except StopAsyncIteration:
                return None
            except AgentRefusal as refusal:
                return await _refuse(writer, refusal)
            except Exception as error:  # noqa: BLE001 -- the agent stays up, and says so
                return await _refuse(writer, _failed(error))
            await _write(writer, {"result": item})

    try:
        async with asyncio.TaskGroup() as group:
            both = group.create_task(send()), group.create_task(reader.read(1))
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()
    except* OSError:
        pass  # the peer went away while it was written to
