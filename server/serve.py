"""A relay process: from its home to its last answer.

Starts, listens, writes where, and works until SIGTERM or until its disk fails.
Draining: no new connection, every session is told to go elsewhere, what was already
taken is committed and answered, then the store is closed.
"""

import asyncio
import gc
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from crypto.entropy import Entropy
from protocol.requests import LogName
from server.allocator import one_heap
from server.alone import alone
from server.app import Parts, Ports, Rules, founded, wired
from server.clock import SystemClock
from server.config import Home, RelayConfig
from server.founding import read_root
from server.keyring import RelayRing, load_relay_ring
from server.logbook import logbook
from server.metrics import exposition, registry
from server.services.checkpoints import Signing
from server.services.relay import Relay
from server.storage.opening import open_store
from server.web.admin import admin_app
from server.web.health import health_app
from server.web.listener import (
    listen,
    listen_unix,
    many_files,
    publish,
    require_parser,
    runner,
)
from server.web.public import public_app
from server.web.tls import present, refuse_key_log, server_context

COLLECT: Final = (50_000, 20, 100)  # objects, and rounds, between collections
SWITCH: Final = 0.0005  # seconds that a thread waits before it asks for its turn
DRAIN: Final = 10.0  # seconds that what was taken has to be committed and answered


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; it goes before the configuration."""

    listen: str | None = None
    health: str | None = None
    witnesses: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a start is made from."""

    home: Home
    config: RelayConfig
    options: Options
    ring: RelayRing


async def serve(
    home: Home, config: RelayConfig, options: Options, entropy: Entropy
) -> None:
    """Run a relay until it is told to stop.

    Raises:
        ConfigError: it cannot start like this.
        StoreBrokenError: the disk failed, or what is on it does not agree.
    """
    refuse_key_log()
    require_parser()
    one_heap()
    many_files()
    ring = load_relay_ring(home, entropy)
    first, _ = read_root(home.roots)
    async with AsyncExitStack() as stack:
        stack.enter_context(alone(home))
        store = await open_store(config.database, home.path)
        stack.push_async_callback(store.close)
        ports = Ports(SystemClock(), entropy)
        state = await founded(store, first, ports)
        directory = state.trees.directory
        published = state.published[LogName.KEY].size
        for root in (directory.root, directory.root_at(published)):
            ring.require(root)
        signing = Signing(
            ring=ring,
            addresses={**config.witnesses, **(options.witnesses or {})},
            pause=config.checkpoint_seconds,
        )
        rules = Rules(signing, config.quotas, config.retention)
        parts = wired(store, state, rules, ports)
        steady()
        await _listening(stack, Plan(home, config, options, ring), parts)
        await _work(parts)


def steady() -> None:
    """Let the collector leave alone what lives as long as the process; share it evenly.

    Each full round goes through every object of the program and of the directory, and
    a batch makes enough short-lived ones to start it.  What is dropped is freed by its
    reference count all the same.

    The loop and the thread that commits take turns; Python's own 5 ms are as long as a
    whole commit.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)
    sys.setswitchinterval(SWITCH)


async def _listening(stack: AsyncExitStack, plan: Plan, parts: Parts) -> None:
    """Open all listeners; write the address last, because it says "ready"."""
    home, config, options = plan.home, plan.config, plan.options

    async def start(app: web.Application) -> web.AppRunner:
        made = runner(app)
        await made.setup()
        stack.push_async_callback(made.cleanup)
        return made

    relay = parts.relay
    admin = await start(admin_app(relay, lambda: status(parts)))
    await listen_unix(admin, home.socket)
    measured = registry(parts)
    health = await start(
        health_app(lambda: faults(parts), lambda: exposition(measured))
    )
    publish(home.health, await listen(health, options.health or config.health))
    stack.callback(home.health.unlink, missing_ok=True)
    context = None
    if config.tls:
        context = _presented(plan, relay)
    public = await start(public_app(relay))
    address = await listen(public, options.listen or config.listen, context)
    publish(home.address, address)
    stack.callback(home.address.unlink, missing_ok=True)
    logbook().info("listening", sizes=_sizes(parts))


def _presented(plan: Plan, relay: Relay) -> ssl.SSLContext:
    """Return TLS with the certificate of the root document that is published.

    It changes with the next one, while the relay works.
    """
    ring, path = plan.ring, plan.home.keys / "tls.pem"
    context = server_context(ring.certificate(relay.logs.announced), path)
    relay.logs.on_announced(lambda root: present(context, ring.certificate(root), path))
    return context


class StopRequested(Exception):  # noqa: N818 -- not an error: somebody asked
    """SIGTERM or SIGINT came."""


async def _work(parts: Parts) -> None:
    relay = parts.relay
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def until_stopped() -> None:
        await stop.wait()
        parts.draining.set()
        relay.presence.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN):
                await relay.committer.drained()
                await relay.presence.gone()
        raise StopRequested

    async def until_broken() -> None:
        await relay.failure

    parts_running: tuple[Callable[[], Awaitable[None]], ...] = (
        relay.committer.run,
        parts.checkpoints.run,
        relay.attachments.run,
        relay.retention.run,
        until_broken,
        until_stopped,
    )
    with suppress(StopRequested):
        await _all(parts_running)
    logbook().info("stopped", sizes=_sizes(parts))


async def _all(parts: tuple[Callable[[], Awaitable[None]], ...]) -> None:
    """Run all until one raises, and raise that."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(_awaited(part))
    except BaseExceptionGroup as several:
        first: BaseException = several
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None


async def _awaited(part: Callable[[], Awaitable[None]]) -> None:
    await part()


def _sizes(parts: Parts) -> str:
    logs = parts.relay.logs
    return " ".join(f"{logs.size(log)}/{logs.published(log)}" for log in LogName)


def status(parts: Parts) -> Mapping[str, object]:
    """Return what `koerier-relay status` prints: numbers, and no names."""
    logs = parts.relay.logs
    return {
        "format": "koerier-relay-status/1",
        "logs": {
            log.name.lower(): {"size": logs.size(log), "published": logs.published(log)}
            for log in LogName
        },
        "sessions": len(parts.relay.presence),
        "behind": parts.checkpoints.behind,
        "unpublished": list(parts.checkpoints.missing),
    }


async def faults(parts: Parts) -> tuple[str, ...]:
    """Return why this relay is not ready, in fixed words."""
    found = []
    if parts.draining.is_set():
        found.append("draining")
    if parts.checkpoints.behind:
        found.append("log-behind-witness")
    if parts.checkpoints.missing:
        found.append("no-quorum")
    await parts.relay.logs.entries(0)  # the store answers, or the process ends
    return tuple(found)
