"""Talking to the admin socket of a process of ours."""

import asyncio
from pathlib import Path
from typing import Final

import aiohttp

LIMIT: Final = 1 << 20  # bytes of an answer
TIMEOUT: Final = 30.0  # seconds


async def call(
    socket: Path, path: str, body: bytes | None = None
) -> tuple[int | None, str]:
    """Return status and text of one request; POST with ``body``, else GET.

    The status is None when nobody listens.
    """
    connector = aiohttp.UnixConnector(str(socket))
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            aiohttp.ClientSession(connector=connector) as http,
            http.request(
                "GET" if body is None else "POST", f"http://relay{path}", data=body
            ) as response,
        ):
            text = bytearray()
            async for part in response.content.iter_any():
                text += part[: LIMIT - len(text)]
            return response.status, text.decode(errors="replace")
    except (aiohttp.ClientConnectionError, OSError, TimeoutError):
        return None, ""
