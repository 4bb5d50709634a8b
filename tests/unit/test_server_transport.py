"""Cells that are written past aiohttp: only where nothing waits, and as it would."""

import asyncio
from typing import cast

import pytest
from aiohttp import web

from server.web.transport import WebSocketTransport


class Tcp:
    """A connection that keeps what is written."""

    def __init__(self, *, waiting: int = 0, closing: bool = False) -> None:
        self.waiting = waiting
        self.closing = closing
        self.written = b""

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        self.written += data


def over(tcp: Tcp | None) -> WebSocketTransport:
    return WebSocketTransport(
        web.WebSocketResponse(), cast("asyncio.Transport | None", tcp)
    )


@pytest.mark.parametrize("size", [256, 1_024, 16_384])
def test_a_cell_is_one_whole_binary_message(size: int) -> None:
    tcp, cell = Tcp(), bytes(range(256)) * (size // 256)
    over(tcp).put(cell)
    assert tcp.written == bytes([0x82, 126]) + size.to_bytes(2, "big") + cell


def test_a_cell_is_put_only_where_nothing_waits_and_nobody_has_closed() -> None:
    assert over(Tcp()).empty
    assert not over(Tcp(waiting=1)).empty
    assert not over(Tcp(closing=True)).empty
    assert not over(None).empty
    over(None).put(b"nowhere")  # a connection that went meanwhile takes it along
