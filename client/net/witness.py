"""Asking a witness itself: its last checkpoints, and its bulletins; posting one.

A few bounded requests over a connection of their own, past the relay.  What comes is
signed by those whom it concerns and is believed for that alone
(:mod:`client.core.witnesses`); TLS only keeps strangers from reading along, and plain
HTTP is taken on this machine only, for the demonstration.
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from client.core.witnesses import Said
from protocol.bulletins import MAX_SERVED
from protocol.codec import decode
from protocol.errors import MalformedError
from protocol.limits import MAX_NOTE
from protocol.mirror_page import MAX_BODY, Page
from protocol.requests import LogName

TIMEOUT: Final = 60.0  # seconds for all of it: poor lines take a while
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
OK: Final = 200
NOT_FOUND: Final = 404
KEPT: Final = 204  # a bulletin that is on the board


class SilentError(Exception):
    """The witness could not be asked, or its answer has no end."""


async def ask_witness(name: str, address: str, origins: Mapping[LogName, str]) -> Said:
    """Return what the witness ``name`` says now.

    Args:
        name: in the root document.
        address: ``https://host:port`` of the root document or the configuration;
            ``http`` on this machine.
        origins: of both logs.

    Raises:
        SilentError: no answer that could be one.
    """
    if not _allowed(address):
        raise SilentError("plain HTTP only on this machine")
    base = address.rstrip("/")
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=_tls())) as http,
        ):
            notes = {
                log: note
                for log, origin in origins.items()
                if (note := await _get(http, f"{base}/checkpoint/{origin}", MAX_NOTE))
            }
            board = await _get(http, f"{base}/bulletins", MAX_SERVED)
    except (aiohttp.ClientError, OSError, TimeoutError):
        raise SilentError("no answer") from None
    return Said(name, notes, board)


async def post_bulletin(address: str, bulletin: bytes) -> bool:
    """Hand a signed restriction to a witness; whether it keeps it.

    Args:
        address: as :func:`ask_witness` takes it.
        bulletin: the encoded carrier, as the key log would have it.

    Raises:
        SilentError: no answer; the witness may have it or not.
    """
    if not _allowed(address):
        raise SilentError("plain HTTP only on this machine")
    url = f"{address.rstrip('/')}/bulletins"
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=_tls())) as http,
            http.post(url, data=bulletin, allow_redirects=False) as response,
        ):
            return response.status == KEPT
    except (aiohttp.ClientError, OSError, TimeoutError):
        raise SilentError("no answer") from None


async def ask_entries(address: str, origin: str, start: int) -> tuple[bytes, ...]:
    """Return entries of a log from ``start`` on, as a mirror holds them; none: no more.

    Args:
        address: as :func:`ask_witness` takes it.
        origin: of the log.
        start: position of the first.

    Raises:
        SilentError: no answer that could be one.
    """
    if not _allowed(address):
        raise SilentError("plain HTTP only on this machine")
    url = f"{address.rstrip('/')}/entries/{origin}/{start}"
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=_tls())) as http,
        ):
            body = await _get(http, url, MAX_BODY)
            page = decode(body, Page, limit=MAX_BODY) if body else None
    except (aiohttp.ClientError, OSError, TimeoutError, MalformedError):
        raise SilentError("no answer") from None
    if page is None or (page.origin, page.start) != (origin, start):
        return ()
    return page.entries


def _allowed(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in LOOPBACK
    )


def _tls() -> ssl.SSLContext:
    """Return TLS 1.3 that believes anybody: the answers are signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _get(http: aiohttp.ClientSession, url: str, limit: int) -> bytes:
    """Return the body; empty where there is nothing yet.

    Raises:
        SilentError: another status, or more than ``limit`` bytes.
    """
    async with http.get(url, allow_redirects=False) as response:
        if response.status == NOT_FOUND:
            return b""
        if response.status != OK:
            raise SilentError(f"status {response.status}")
        body = b""
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise SilentError("an answer without end")
        return body
