"""A witness process: from its home to its last cosignature."""

import asyncio
import signal
from contextlib import AsyncExitStack

from crypto.notekey import NoteAlgorithm, NoteSigningKey
from crypto.types import Secret
from protocol.root import RootDocument
from server.alone import alone
from server.clock import SystemClock
from server.config import ConfigError, Home, WitnessConfig
from server.founding import read_root
from server.keys import WitnessSeeds, load_witness
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
from server.witness.service import Witness, watch
from server.witness.web import witness_app


def note_keys(seeds: WitnessSeeds) -> tuple[NoteSigningKey, NoteSigningKey]:
    """Return the Ed25519 and the ML-DSA-44 key of ``seeds``."""
    return (
        NoteSigningKey.from_seed(NoteAlgorithm.ED25519, Secret(seeds.ed25519)),
        NoteSigningKey.from_seed(NoteAlgorithm.ML_DSA_44, Secret(seeds.mldsa44)),
    )


def check_keys(seeds: WitnessSeeds, root: RootDocument) -> None:
    """Return if the root document names us with our keys.

    Raises:
        ConfigError: it does not: nobody would count our cosignatures.
    """
    ed25519, mldsa44 = note_keys(seeds)
    for witness in root.witnesses.witnesses:
        if (witness.name, witness.ed25519, witness.mldsa44) == (
            seeds.name,
            ed25519.public,
            mldsa44.public,
        ):
            return
    raise ConfigError("the root document does not name this witness with these keys")


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
    seeds = load_witness(home)
    trusted = read_root(home.roots)[1]
    root = trusted.document
    check_keys(seeds, root)
    stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with AsyncExitStack() as stack:
        stack.enter_context(alone(home))  # before what was cosigned last is read
        logs = {
            key.origin: watch(key, home.data, mirror=config.mirror)
            for key in (root.key_log, root.message_log)
        }
        clock = SystemClock()
        witness = Witness(seeds.name, note_keys(seeds), logs, clock)
        board = Noticeboard(home.data / FILE, trusted, witness, clock)
        stack.callback(witness.close)
        app = runner(witness_app(witness, board, stop))
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
