"""Checkpoints: when a log has grown it is signed, cosigned and published.

At most once a second, and every few minutes without growth, because a checkpoint is
also the ministry's clock: its cosignatures say what time it is.

The order is the safeguard.  Leaves are durable first; then our own signature; then
each witness, which stores before it cosigns; then the note with its quorum becomes
durable; only then is it told to anybody.  A crash in between leaves the log as it was
and the last note in force: nothing that was signed has to be remembered, because the
leaves it speaks of are there already.

A witness that has seen more than we have means that our disk went back in time.  Then
nothing is signed any more, nor is an envelope taken, until the log was filled again
from a mirror (``koerier-relay refill``): what is behind would say *stored* of leaves
that the log has no place for.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import aiohttp

from protocol.checkpoint import Checkpoint, parse_checkpoint
from protocol.errors import ProtocolError
from protocol.note import add_lines, parse_note, sign_note
from protocol.requests import LogName
from protocol.root import LogKey, RootDocument
from protocol.trusted_log import TrustedLog
from server.clock import WitnessedClock
from server.keyring import RelayRing
from server.logbook import logbook
from server.services.commit import Committer
from server.services.log_tree import LogTree
from server.services.logs import Logs, Published
from server.services.presence import Presence
from server.services.staging import Staging
from server.services.witnesses import (
    BehindError,
    Question,
    WitnessClient,
    WitnessError,
)
from server.storage.interfaces import Tables

REFRESH: Final = 300.0  # seconds after which a log is cosigned again as it is

_log = logbook()


def log_key(root: RootDocument, log: LogName) -> LogKey:
    """Return the log's origin and public key."""
    return root.key_log if log is LogName.KEY else root.message_log


def trusted_log(root: RootDocument, log: LogName, published: Published) -> TrustedLog:
    """Return what a terminal would trust at the published note."""
    trusted = TrustedLog(key=log_key(root, log), policy=root.witnesses)
    if not published.note:
        return trusted
    checkpoint = parse_checkpoint(parse_note(published.note).text)
    return replace(
        trusted, size=checkpoint.size, root=checkpoint.root, note=published.note
    )


def witnessed_at(root: RootDocument, log: LogName, published: Published) -> int:
    """Return when the quorum of a stored note saw it, POSIX seconds; else 0.

    After a change of witnesses the old note may have no quorum any more.
    """
    trusted = TrustedLog(key=log_key(root, log), policy=root.witnesses)
    try:
        return trusted.adopt(published.note, ()).witnessed
    except ProtocolError:
        return 0


@dataclass(frozen=True, slots=True)
class Signing:
    """With what and where checkpoints are made."""

    ring: RelayRing
    addresses: Mapping[str, str]  # of witnesses, instead of the root document's
    pause: float  # seconds between rounds, at least


class Checkpoints:
    """Publishes both logs."""

    def __init__(
        self,
        committer: Committer,
        logs: Logs,
        presence: Presence,
        clock: WitnessedClock,
        signing: Signing,
    ) -> None:
        self.missing: tuple[str, ...] = ()  # logs whose last try had no quorum
        self._committer = committer
        self._logs = logs
        self._presence = presence
        self._clock = clock
        self._signing = signing
        self._clients: dict[str, WitnessClient] = {}
        self._refreshed: dict[LogName, float] = {}
        self._under = b""  # the root document of the last round
        self._grown = asyncio.Event()

    @property
    def behind(self) -> bool:
        """Whether a witness showed that it has seen more than we have."""
        return self._committer.behind

    def grown(self) -> None:
        """Say that a log has new leaves."""
        self._grown.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=32)
        ) as http:
            await self.publishing(http)

    async def publishing(self, http: aiohttp.ClientSession) -> None:
        """Publish until a witness has seen more, asking witnesses over ``http``."""
        while not self.behind:
            await self.round(http)
            self._grown.clear()
            await asyncio.sleep(self._signing.pause)
            if self.missing or self._due():  # also what fell due in the pause
                continue
            try:
                async with asyncio.timeout(REFRESH):
                    await self._grown.wait()
            except TimeoutError:
                pass
        _log.error("log-behind-witness")

    async def round(self, http: aiohttp.ClientSession) -> None:
        """Publish each log that has grown or was not cosigned for long."""
        missing = []
        root = self._committer.trees.directory.trusted.root
        if root.digest != self._under:  # other keys, other witnesses: both logs anew
            self._under = root.digest
            self._refreshed.clear()
        for log in self._due():
            try:
                await self._publish(log, *await self._cosigned(http, log))
            except BehindError:
                return
            except ProtocolError as error:  # no quorum, lines that do not hold, no room
                missing.append(log.name)
                _log.warning("not-published", log=log.name, reason=type(error).__name__)
        self.missing = tuple(missing)

    def _due(self) -> list[LogName]:
        now = self._clock.monotonic()
        trees = self._committer.trees.logs
        return [
            log
            for log in LogName
            if trees[log].size > self._logs.published(log)
            or (trees[log].size and now - self._refreshed.get(log, -REFRESH) >= REFRESH)
        ]

    async def _publish(
        self, log: LogName, published: Published, root: RootDocument
    ) -> None:
        async def job(tables: Tables, _: Staging) -> None:
            await tables.logs.publish(log, published.size, published.note)

        # A crash before the commit: the note before stays the published one.
        await self._committer.perform(job)
        self._logs.publish(log, published)
        if log is LogName.KEY:
            self._logs.announce(root)
        self._clock.saw(published.witnessed)
        self._refreshed[log] = self._clock.monotonic()
        self._presence.grown()

    async def _cosigned(
        self, http: aiohttp.ClientSession, log: LogName
    ) -> tuple[Published, RootDocument]:
        """Return the log's note with all lines that witnesses gave, and under what.

        Raises:
            BehindError: a witness has seen more.
            ThresholdError: no quorum.
            ProtocolError: a line that does not hold.
        """
        directory = self._committer.trees.directory
        root, tree = directory.root, self._committer.trees.logs[log]
        note = self._signed(log, tree)
        question = Question(
            key=log_key(root, log),
            size=tree.size,
            note=note,
            consistency=partial(self._logs.consistency, log, new=tree.size),
            leaves=partial(self._logs.leaves, log),
            roots=tuple(leaf for _, leaf in directory.roots),
        )
        lines: list[bytes] = []
        for mirror in (1, 0):  # a mirror first: what others saw can be refilled then
            asked = [one for one in self._witnesses(root) if one.key.mirror == mirror]
            lines += await self._asked(http, asked, question)
            if not lines:
                break
        whole = add_lines(note, lines)
        trusted = trusted_log(root, log, self._logs.last(log))
        proof = await self._logs.consistency(log, trusted.size, tree.size)
        adopted = trusted.adopt(whole, proof)
        return Published(tree.size, whole, adopted.witnessed), root

    def _signed(self, log: LogName, tree: LogTree) -> bytes:
        """Return the note of a tree, by the log's key and by those that it had."""
        trusted = self._committer.trees.directory.trusted.root
        key = log_key(trusted.document, log)
        text = Checkpoint(origin=key.origin, size=tree.size, root=tree.root()).text()
        notes = [
            sign_note(text, key.origin, one)
            for one in self._signing.ring.signing(log, key, trusted.former)
        ]
        return add_lines(notes[0], (note[len(text) + 1 :] for note in notes[1:]))

    async def _asked(
        self,
        http: aiohttp.ClientSession,
        clients: Sequence[WitnessClient],
        question: Question,
    ) -> Sequence[bytes]:
        """Return the lines of all of them, asked at once.

        Raises:
            BehindError: one of them has seen more.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._ask(http, client, question))
                for client in clients
            ]
        if self.behind:
            raise BehindError
        return [line for task in tasks for line in task.result()]

    async def _ask(
        self, http: aiohttp.ClientSession, client: WitnessClient, question: Question
    ) -> Sequence[bytes]:
        try:
            return await client.cosign(http, question)
        except BehindError:
            self._committer.behind = True
        except WitnessError as error:
            _log.warning("witness", reason=str(error))
        return ()

    def _witnesses(self, root: RootDocument) -> list[WitnessClient]:
        """Return a client for each witness of the root document in force."""
        clients = []
        for key in root.witnesses.witnesses:
            client = self._clients.get(key.name)
            if client is None or client.key != key:
                address = self._signing.addresses.get(key.name, key.address)
                client = self._clients[key.name] = WitnessClient(key, address)
            clients.append(client)
        return clients
