"""A proxy between a terminal and its relay that stops at a byte, and counts them all.

::

    with cutting(relay_address) as line:
        point_terminal_to(line.address)
        line.stop_at("up", 1_000_000)       # nothing passes from there on
        line.stopped.wait()
        line.cut()                        # the connection is gone; the next one passes
"""

import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 16 * 1024
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset, and lose what waits


@dataclass
class Cutting:
    """What passed in each direction, in bytes, and where it stops next."""

    target: tuple[str, int]
    address: str = ""
    up: int = 0
    down: int = 0
    cuts: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    _until: tuple[str, int] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pairs: list[tuple[socket.socket, socket.socket]] = field(default_factory=list)

    def stop_at(self, way: str, count: int) -> None:
        """Let nothing pass once ``count`` bytes went ``way``, "up" or "down"."""
        self.stopped.clear()
        self._until = (way, count)

    def hold(self) -> None:
        """Let nothing pass either way, from now on."""
        self._until = ("up", 0)
        self.stopped.set()

    def cut(self) -> None:
        """End every connection as a lost line does, and let new ones pass."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
            self._until = None
            self.cuts += 1
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
                    end.shutdown(socket.SHUT_RDWR)
                    end.close()

    def _room(self, way: str) -> int:
        """Return how many bytes may pass now."""
        until = self._until
        if until is None:
            return CHUNK
        if self.stopped.is_set():
            return 0
        if until[0] != way:
            return CHUNK
        left = until[1] - (self.up if way == "up" else self.down)
        if left <= 0:
            self.stopped.set()
        return max(0, min(left, CHUNK))

    def carry(self, near: socket.socket) -> None:
        """Carry one connection until it is over."""
        try:
            far = socket.create_connection(self.target, timeout=10)
        except OSError:
            near.close()
            return
        with self._lock:
            self._pairs.append((near, far))
        with suppress(OSError, ValueError), selectors.DefaultSelector() as waiting:
            for end in (near, far):
                end.settimeout(10)
                waiting.register(end, selectors.EVENT_READ)
            while self._pass(waiting, near, far):
                pass
        for end in (near, far):
            end.close()

    def _pass(
        self, waiting: selectors.BaseSelector, near: socket.socket, far: socket.socket
    ) -> bool:
        for key, _ in waiting.select(0.05):
            way, to = ("up", far) if key.fileobj is near else ("down", near)
            room = self._room(way)
            if not room:
                threading.Event().wait(0.02)  # stopped: the test decides what is next
                continue
            assert isinstance(key.fileobj, socket.socket)
            data = key.fileobj.recv(room)
            if not data:
                return False
            to.sendall(data)
            setattr(self, way, getattr(self, way) + len(data))
        return True


@contextmanager
def cutting(target: str) -> Iterator[Cutting]:
    """Run a proxy to ``host:port`` until the block ends."""
    host, _, port = target.rpartition(":")
    line = Cutting((host, int(port)))
    with socket.create_server(("127.0.0.1", 0)) as server:
        line.address = "{}:{}".format(*server.getsockname()[:2])

        def listen() -> None:
            while True:
                try:
                    near, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=line.carry, args=(near,), daemon=True).start()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield line
        finally:
            line.cut()
            server.shutdown(socket.SHUT_RDWR)
    thread.join(10)
