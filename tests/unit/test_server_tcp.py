"""What the relay's connections inherit, and how long a stranger may take."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import pytest

from protocol.handshake import HANDSHAKE_SECONDS
from server.web import tcp
from server.web.strangers import MOVING, Strangers
from tests.support.virtual_loop import run


def accepted() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection through a listener that was prepared."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        tcp.prepare(listener)
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    return near, far


def option(end: socket.socket, name: str) -> int:
    return end.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))


def test_accepted_connections_hold_little_and_end_when_the_peer_is_dead() -> None:
    near, far = accepted()
    with near, far:
        doubled = far.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        assert doubled <= 2 * tcp.SEND_BUFFER
        for name, value in (
            ("TCP_USER_TIMEOUT", tcp.USER_TIMEOUT),
            ("TCP_NOTSENT_LOWAT", tcp.UNSENT),
        ):
            assert not hasattr(socket, name) or option(far, name) == value


def test_what_a_system_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "TCP_USER_TIMEOUT", raising=False)
    monkeypatch.setattr(tcp, "CONGESTION", b"no-such-algorithm")
    near, far = accepted()
    with near, far:
        near.sendall(b"x")
        assert far.recv(1) == b"x"


def test_received_bytes_are_counted_or_nothing_is_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    near, far = accepted()
    with near, far:
        before = tcp.received(far)
        near.sendall(bytes(2_000))
        assert len(far.recv(2_000, socket.MSG_WAITALL)) == 2_000
        if hasattr(socket, "TCP_INFO"):
            assert tcp.received(far) - before == 2_000
    assert tcp.received(far) == 0  # closed
    assert tcp.received(None) == 0

    class Short(socket.socket):
        def getsockopt(self, *_: object) -> bytes:  # type: ignore[override]
            return b"an older kernel"

    with Short() as old:
        assert tcp.received(old) == 0
    monkeypatch.delattr(socket, "TCP_INFO", raising=False)
    near, far = accepted()
    with near, far:
        assert tcp.received(far) == 0


@pytest.mark.parametrize(
    ("came", "lasts"),
    [
        (lambda: 0, HANDSHAKE_SECONDS),
        (lambda: MOVING - 1, HANDSHAKE_SECONDS),
        (lambda: MOVING, 2 * HANDSHAKE_SECONDS),
    ],
    ids=["silent", "slow", "moving"],
)
def test_a_handshake_lasts_ten_seconds_and_twenty_for_who_is_under_way(
    came: Callable[[], int], lasts: float
) -> None:
    async def stranger() -> float:
        with suppress(TimeoutError):
            async with Strangers().handshake() as place:
                place.came = came
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(stranger()) == pytest.approx(lasts)


def test_a_place_that_was_given_up_is_ended_once() -> None:
    strangers = Strangers()

    async def put_out() -> None:
        async with strangers.handshake() as place:
            place.end()
            try:
                await asyncio.Event().wait()
            finally:
                place.end()  # by now it has no time left to lose

    with pytest.raises(TimeoutError):
        run(put_out())
    assert len(strangers) == 0
