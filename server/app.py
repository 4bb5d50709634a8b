"""The wiring of a relay: clock, entropy, store and services, put together here only.

::

    state = await founded(store, first_leaf, ports)
    parts = wired(store, state, rules, ports)

Starting is recovering: there is no other path.  The heads are read, the trees are
rebuilt from their tiles and compared with the stored roots, the directory is adopted
from the key log leaf by leaf; whatever does not agree stops the start.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from crypto.entropy import Entropy
from crypto.merkle import EMPTY_ROOT
from crypto.notekey import NoteAlgorithm, NoteSigningKey
from protocol.requests import LogName
from server.clock import Clock, WitnessedClock
from server.config import ConfigError, Quotas
from server.config import Retention as Lifetimes
from server.keys import RelayKeys
from server.rate_limit import Buckets, Rate
from server.services.attachments import AttachmentService, BlobLimits
from server.services.checkpoints import Checkpoints, Signing, witnessed_at
from server.services.commit import Committer
from server.services.day_key import DayKeys
from server.services.directory import Directory
from server.services.log_tree import DamagedError, LogTree, load_tree
from server.services.logs import Logs, Published
from server.services.mailbox import MailboxService
from server.services.prekeys import PrekeyService
from server.services.presence import Presence
from server.services.quotas import Ledger, Limits, Rates
from server.services.relay import Relay
from server.services.retention import Retention
from server.services.staging import Staging, Trees
from server.storage.interfaces import Head, Store, StoreBrokenError, Tables

INCARNATION: Final = 16  # bytes
PAGE: Final = 1_024  # leaves read at a time when starting


@dataclass(frozen=True, slots=True)
class Ports:
    """What comes from outside."""

    clock: Clock
    entropy: Entropy


@dataclass(frozen=True, slots=True)
class Rules:
    """What the relay's configuration decides."""

    signing: Signing
    quotas: Quotas
    retention: Lifetimes


@dataclass(frozen=True, slots=True)
class Parts:
    """What a running relay is made of."""

    relay: Relay
    store: Store
    checkpoints: Checkpoints
    draining: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a store holds when a relay starts."""

    trees: Trees
    published: dict[LogName, Published]
    incarnation: bytes


async def founded(store: Store, first: bytes, ports: Ports) -> Stored:
    """Return what the store holds; an empty one is founded on the leaf ``first``.

    Raises:
        ConfigError: its key log begins with another root document.
        StoreBrokenError: tiles, heads and leaves do not agree.
        ProtocolError: ``first`` is no root document that holds.
    """
    # A crash before this commit leaves an empty store, one after it a founded one: both
    # logs begin together.
    await store.write(partial(_found, first=first))
    logs, published, entries = await store.read(_recovered)
    if entries[0] != first:
        raise ConfigError("the key log begins with another root document")
    directory = Directory.founded(entries, ports.clock.wall())
    if directory.trusted.tree != logs[LogName.KEY].frontier:
        raise StoreBrokenError("the key log's leaves do not give its root")
    incarnation = await _living(store, ports.entropy)
    return Stored(Trees(directory, logs), published, incarnation)


async def _living(store: Store, entropy: Entropy) -> bytes:
    """Return the incarnation of the store; a new one has none yet, and gets one."""
    fresh = entropy(INCARNATION)

    async def work(tables: Tables) -> bytes:
        found = await tables.meta.incarnation()
        if found is None:
            # A crash before the commit: nobody heard of it, another one is drawn.
            await tables.meta.begin(fresh)
        return found or fresh

    return await store.write(work)


async def _recovered(
    tables: Tables,
) -> tuple[dict[LogName, LogTree], dict[LogName, Published], Sequence[bytes]]:
    logs: dict[LogName, LogTree] = {}
    published: dict[LogName, Published] = {}
    for log in LogName:
        head = await tables.logs.head(log)
        if head is None:
            raise StoreBrokenError("a log without its head")
        logs[log] = await _tree(tables, log, head)
        published[log] = Published(head.note_size, head.note)
    return logs, published, await _entries(tables, logs[LogName.KEY].size)


async def _found(tables: Tables, *, first: bytes) -> None:
    if await tables.logs.head(LogName.KEY) is not None:
        return
    tree, tiles = LogTree().grown([first])
    await tables.logs.found(LogName.KEY, Head(tree.size, tree.root()))
    await tables.logs.add_leaves(LogName.KEY, 0, [first])
    await tables.logs.put_tiles(LogName.KEY, tiles)
    await tables.logs.found(LogName.MESSAGE, Head(0, EMPTY_ROOT))


async def _tree(tables: Tables, log: LogName, head: Head) -> LogTree:
    try:
        return await load_tree(head.size, head.root, partial(tables.logs.tiles, log))
    except DamagedError as error:
        raise StoreBrokenError(str(error)) from None


async def _entries(tables: Tables, size: int) -> Sequence[bytes]:
    entries: list[bytes] = []
    while len(entries) < size:
        page = await tables.logs.leaves(LogName.KEY, len(entries), PAGE)
        if not page:
            raise StoreBrokenError("a leaf of the key log is missing")
        entries += page
    return entries


def note_key(keys: RelayKeys, log: LogName) -> NoteSigningKey:
    """Return the key that signs the notes of ``log``."""
    seed = keys.key_log if log is LogName.KEY else keys.message_log
    return NoteSigningKey.from_seed(NoteAlgorithm.ED25519, seed)


def wired(
    store: Store,
    state: Stored,
    rules: Rules,
    ports: Ports,
) -> Parts:
    """Return all services over an open store."""
    trees, published = state.trees, state.published
    clock, entropy = WitnessedClock(ports.clock), ports.entropy
    for log, last in published.items():
        clock.saw(witnessed_at(trees.directory.root, log, last))
    presence = Presence()
    ledger = Ledger(Limits.of(rules.quotas))
    blobs = BlobLimits.of(rules.quotas, rules.retention)
    hand_outs = Buckets(Rate.per_hour(rules.quotas.one_time_per_hour))

    def committed(staging: Staging) -> None:
        """Tell whom it concerns; everything told here is durable."""
        presence.wake(sorted(staging.woken))  # in one order: a run replays
        presence.nacked(sorted(staging.told))
        if staging.grown:
            checkpoints.grown()
        if staging.directory is not staging.before.directory:
            now = clock.wall()
            presence.end(
                terminal
                for terminal in presence.terminals()
                if not staging.directory.admits(terminal, now)
            )

    committer = Committer(store, trees, clock, ledger, committed)
    ring = rules.signing.ring
    logs = Logs(store, committer, published, ring.lacks)
    checkpoints = Checkpoints(committer, logs, presence, clock, rules.signing)
    relay = Relay(
        clock=clock,
        entropy=entropy,
        incarnation=state.incarnation,
        committer=committer,
        mailbox=MailboxService(store, committer, clock, Rates(rules.quotas)),
        prekeys=PrekeyService(committer, logs, clock, hand_outs),
        attachments=AttachmentService(store, committer, clock, blobs),
        logs=logs,
        presence=presence,
        retention=Retention(store, committer, presence, clock, rules.retention),
        day_keys=DayKeys(ring.identity, clock, entropy),
        failure=asyncio.get_running_loop().create_future(),
    )
    return Parts(relay, store, checkpoints)
