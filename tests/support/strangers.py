"""Strangers at a relay's door: silent, slow, deaf, loud; as a process of their own.

    python tests/support/strangers.py HOST PORT NUMBER [once]

Keeps NUMBER connections up, of all kinds in turn, each made anew when the relay has
closed it (a loud one no sooner than after LIFE), until standard input ends; with
``once``, until the relay has closed each one.  Says ``up`` when all have been made, and
at the end prints one JSON object: how many connections of each kind were closed by the
relay, and the longest time (seconds) that one of them lasted.
"""

import asyncio
import json
import os
import socket
import ssl
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

SLOW: Final = 1.0  # seconds between bytes
LIFE: Final = 10.0  # seconds of a stranger at least: a crowd, and no flood
DEAF: Final = 12.0  # seconds before a deaf one looks: longer than a handshake
UPGRADE: Final = (
    b"GET /session HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
HELLO: Final = 4_573  # bytes
FRAME: Final = b"\x82\xfe" + HELLO.to_bytes(2, "big") + bytes(4)  # masked with zeros

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Kind = Callable[["Door"], Awaitable[Ends]]


class Door:
    """Where the relay is, and how one gets there."""

    def __init__(self, host: str, port: int) -> None:
        self.made = asyncio.Semaphore(0)  # released by each connection
        self._host, self._port = host, port
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    async def plain(self) -> Ends:
        ends = await asyncio.open_connection(self._host, self._port)
        self.made.release()
        return ends

    async def tls(self, said: bytes = b"", *, deaf: bool = False) -> Ends:
        made = socket.socket()
        if deaf:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        made.setblocking(False)  # noqa: FBT003 -- its one way
        loop = asyncio.get_running_loop()
        await loop.sock_connect(made, (self._host, self._port))
        ends = await asyncio.open_connection(
            sock=made, ssl=self._tls, server_hostname="x", limit=4_096
        )
        self.made.release()
        ends[1].write(said)
        return ends


async def dripping(ends: Ends, said: bytes) -> Ends:
    """Say ``said`` one byte after the other, and listen meanwhile."""
    for at in range(len(said)):
        ends[1].write(said[at : at + 1])
        await asyncio.sleep(SLOW)
        if ends[0].at_eof() or ends[1].is_closing():
            break
        if ends[0]._buffer:  # type: ignore[attr-defined]  # noqa: SLF001 -- so that an end is seen
            await ends[0].read(65_536)
    return ends


async def silent(door: Door) -> Ends:
    return await door.plain()


async def silent_after_tls(door: Door) -> Ends:
    return await door.tls()


async def half_a_tls_hello(door: Door) -> Ends:
    ends = await door.plain()
    ends[1].write(b"\x16\x03\x01\x02\x00\x01")
    return ends


async def noise(door: Door) -> Ends:
    ends = await door.plain()
    ends[1].write(os.urandom(1_000))
    return ends


async def noise_in_tls(door: Door) -> Ends:
    return await door.tls(os.urandom(1_000))


async def slow_headers(door: Door) -> Ends:
    return await dripping(
        await door.tls(), b"GET /session HTTP/1.1\r\nHost: " + b"x" * 99
    )


async def huge_headers(door: Door) -> Ends:
    head = b"GET /session HTTP/1.1\r\n" + b"".join(
        b"X-%d: %s\r\n" % (number, b"y" * 1_000) for number in range(200)
    )
    return await door.tls(head)


async def silent_after_upgrade(door: Door) -> Ends:
    return await door.tls(UPGRADE)


async def half_closed(door: Door) -> Ends:
    ends = await door.plain()
    ends[1].write_eof()
    return ends


async def slow_hello(door: Door) -> Ends:
    return await dripping(await door.tls(UPGRADE), FRAME + bytes(99))


async def hello_of_nobody(door: Door) -> Ends:
    ends = await door.tls(UPGRADE)
    ends[1].write(FRAME + bytes(HELLO))
    return ends


async def deaf(door: Door) -> Ends:
    ends = await door.tls(UPGRADE, deaf=True)
    ends[1].transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(DEAF)
    ends[1].transport.resume_reading()  # type: ignore[attr-defined]
    return ends


async def begun_by_request(door: Door) -> Ends:
    return await door.tls(
        b"POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    )


async def body_never_sent(door: Door) -> Ends:
    return await door.tls(
        b"POST /session/up HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    )


KINDS: Final[tuple[Kind, ...]] = (
    silent,
    silent_after_tls,
    half_a_tls_hello,
    noise,
    noise_in_tls,
    slow_headers,
    huge_headers,
    silent_after_upgrade,
    half_closed,
    slow_hello,
    hello_of_nobody,
    deaf,
    begun_by_request,
    body_never_sent,
)


async def until_closed(ends: Ends) -> None:
    reader, writer = ends
    try:
        while await reader.read(65_536):
            pass
    finally:
        writer.close()


async def one(
    door: Door,
    kind: Kind,
    lasted: dict[str, list[float]],
    *,
    once: bool,
) -> None:
    """Be one stranger after the other."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        with suppress(OSError):  # hung up on, in its own way
            await until_closed(await kind(door))
        door.made.release()  # also who was hung up on at once has been there
        lasted[kind.__name__].append(loop.time() - began)
        if once:
            return
        await asyncio.sleep(max(0.0, LIFE - (loop.time() - began)))


async def strangers(host: str, port: int, number: int, *, once: bool) -> None:
    lasted: dict[str, list[float]] = defaultdict(list)
    door = Door(host, port)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # TLS cut short, a hundred times
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    async with asyncio.TaskGroup() as group:
        tasks = []
        for at in range(number):
            kind = KINDS[at % len(KINDS)]
            life = one(door, kind, lasted, once=once)
            tasks.append(group.create_task(life))
            if at % 50 == 49:
                await asyncio.sleep(0.2)  # a crowd, and no flood
        for _ in range(number):
            await door.made.acquire()
        print("up", flush=True)  # noqa: T201 -- to who started us
        if once:
            await asyncio.wait(tasks)
        else:
            await over.wait()
        for task in tasks:
            task.cancel()
    closed = {name: [len(times), max(times)] for name, times in sorted(lasted.items())}
    print(json.dumps(closed), flush=True)  # noqa: T201 -- it speaks to whoever started it


if __name__ == "__main__":
    asyncio.run(
        strangers(
            sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), once="once" in sys.argv
        )
    )
