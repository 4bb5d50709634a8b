"""A witness process: from its home to its last cosignature."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

from protocol.root import RootDocument
from protocol.root_file import chain, realm_in
from server.alone import alone
from server.clock import SystemClock
from server.config import ConfigError, Home, WitnessConfig
from server.founding import read_chain
from server.keyring import load_witness_ring, named_in
from server.keys import WitnessSeeds
from server.logbook import logbook
from server.web.listener import (
    listen,
    many_files,
    publish,
    require_parser,
    runner,
)
from server.web.tls import refuse_key_log
from server.witness.noticeboard import FILE, Noticeboard
from server.witness.roots import FILE as ROOTS
from server.witness.roots import Roots, recalled, signing
from server.witness.service import Witness, watch
from server.witness.web import witness_app


def check_keys(ring: Sequence[WitnessSeeds], root: RootDocument) -> None:
    """Return if the root document names us with keys that we have.

    Raises:
        ConfigError: it does not: nobody would count our cosignatures.
    """
    if not named_in([root], ring):
        raise ConfigError(
            "the root document does not name this witness with these keys"
        )


async def serve(home: Home, config: WitnessConfig, listen_at: str | None) -> None:
    """Run a witness until it is told to stop.

    Raises:
        ConfigError: it cannot start like this.
        StoreBrokenError: what it remembers does not agree.
        OSError: the disk failed, or the address is taken.
    """
    refuse_key_log()
    require_parser()
    many_files()
    ring = load_witness_ring(home)
    first, _ = read_chain(home.roots)
    stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with AsyncExitStack() as stack:
        stack.enter_context(alone(home))  # before what was cosigned last is read
        kept = home.data / ROOTS
        leaves = recalled(first, kept)
        roots = chain(leaves, realm=realm_in(leaves))
        trusted, keys = roots[-1], signing(roots, ring)
        root = trusted.document
        check_keys(ring, root)
        logs = {
            key.origin: watch(key, home.data, mirror=config.mirror)
            for key in (root.key_log, root.message_log)
        }
        clock = SystemClock()
        witness = Witness(ring[-1].name, keys, logs, clock)
        await witness.govern(root, keys)  # a crash may have come between
        following = Roots(kept, leaves, roots, partial(load_witness_ring, home))
        board = Noticeboard(home.data / FILE, trusted, witness, clock)
        stack.callback(witness.close)
        app = runner(witness_app(witness, board, stop, following))
        await app.setup()
        stack.push_async_callback(app.cleanup)
        publish(home.address, await listen(app, listen_at or config.listen))
        stack.callback(home.address.unlink, missing_ok=True)
        logbook().info("listening")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _set, stop)
        await stop
    logbook().info("stopped")


def _set(stop: asyncio.Future[None]) -> None:
    if not stop.done():
        stop.set_result(None)
