"""Everything of an auditor's commands that reaches a network or a file.

The ministry comes from a terminal's home or from a root document in a file; the logs
from its relay or from a copy.
"""

import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from client.audit.paths import proofs
from client.audit.source import Copy, Relay, Source, web_address
from client.audit.state import Memory
from client.audit.verifying import Case, Verified, verify
from client.audit.watching import Looked, Monitor
from client.core.evidence import Paths, Span, Wanted
from client.home import Home
from client.net.connecting import http as pinned_http
from client.net.witness import SilentError, ask_witness
from client.operator.rootfile import read_chain
from crypto.sign import Realm
from crypto.types import Digest
from protocol.requests import LogName
from protocol.root import RootDocument
from protocol.root_chain import leading_root

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ministry:
    """Whose logs they are, and where they are read."""

    root: RootDocument  # in force, as far as we know
    pin: Digest
    realm: Realm
    relay: str  # address, as the root document or the configuration writes it
    witnesses: dict[str, str]  # name -> URL
    entries: tuple[bytes, ...] | None  # of the key log; None: nobody has them

    def case(self) -> Case:
        """Return what is to be verified."""
        return Case(self.root, self.pin, self.realm, self.entries)

    @property
    def origins(self) -> dict[LogName, str]:
        """The origins of both logs."""
        return {
            LogName.KEY: self.root.key_log.origin,
            LogName.MESSAGE: self.root.message_log.origin,
        }


def ministry_of(
    home: Home,
    root: Path | None,
    relay: str | None,
    entries: tuple[bytes, ...] | None,
) -> Ministry:
    """Return the ministry of a home, or of a root document in a file.

    Args:
        home: the terminal's; only looked at where ``root`` is None.
        root: a file with the root documents.
        relay: ``host:port``, instead of the address that is known.
        entries: of the key log: the last root document among them is in force.

    Raises:
        HomeError: no home, or a file that is no root document.
    """
    _, chain = read_chain(home.root_file if root is None else root)
    trusted = chain[-1]
    config = home.config() if root is None else None
    current = trusted if entries is None else leading_root(trusted, entries[1:])
    chosen = relay or (config.relay if config is not None else "")
    named = {w.name: w.address for w in current.document.witnesses.witnesses}
    instead = {} if config is None else config.witnesses
    return Ministry(
        root=current.document,
        pin=chain[0].digest,
        realm=trusted.realm,
        relay=chosen or current.document.relay.addresses[0],
        witnesses={name: instead.get(name, address) for name, address in named.items()},
        entries=entries,
    )


def entries_of(ask: Callable[[int], Any]) -> tuple[bytes, ...]:
    """Return the key log's entries that a terminal adopted, page by page.

    Args:
        ask: the agent's answer from a position on.
    """
    entries: list[bytes] = []
    while True:
        page = ask(len(entries))
        entries += [base64.b64decode(entry) for entry in page["entries"]]
        if not page["entries"] or len(entries) >= page["size"]:
            return tuple(entries)


async def fetch_paths(ministry: Ministry, copy: Path | None, wanted: Wanted) -> Paths:
    """Return paths of the message log.

    Raises:
        SourceError: they cannot be had.
    """
    return await _with_source(
        ministry, copy, lambda source: proofs(source, LogName.MESSAGE, wanted)
    )


async def verify_logs(
    ministry: Ministry,
    copy: Path | None,
    memory: Memory,
    now: int,
    save: Path | None,
) -> tuple[Verified, ...]:
    """Return what was found of both logs.

    Raises:
        SourceError: a log cannot be read.
    """
    kept = None if save is None else Copy(save)
    if kept is not None and ministry.entries is not None:
        kept.put_entries(ministry.entries)
    return await _with_source(
        ministry,
        copy,
        lambda source: verify(ministry.case(), source, memory, now, kept),
    )


async def watch_once(
    ministry: Ministry, memory: Memory, now: int
) -> tuple[Looked, ...]:
    """Ask each witness and then the relay, once.

    Raises:
        SourceError: the relay does not answer.
    """
    said: dict[str, dict[LogName, bytes]] = {}
    for name, address in ministry.witnesses.items():
        try:
            answer = await ask_witness(name, address, ministry.origins)
        except SilentError:
            continue  # it is stale when it stays so
        said[name] = dict(answer.notes)
    monitor = Monitor(ministry.root, memory)
    if ministry.entries is not None:
        monitor.entries(ministry.entries, now)
    return await _with_source(
        ministry, None, lambda source: monitor.look(source, said, now)
    )


async def _with_source(
    ministry: Ministry, copy: Path | None, work: Callable[[Source], Awaitable[T]]
) -> T:
    if copy is not None:
        return await work(Copy(copy))
    pin = Digest(ministry.root.relay.tls_pin)
    async with pinned_http(pin) as session:
        return await work(_relay(session, ministry))


def _relay(session: aiohttp.ClientSession, ministry: Ministry) -> Relay:
    return Relay(session, web_address(ministry.relay), ministry.root)


def brought(paths: Paths) -> dict[str, list[Any]]:
    """Return paths as the agent takes them."""
    return {
        "consistency": _rows(paths.consistency.items()),
        "inclusion": _rows(paths.inclusion.items()),
    }


def _rows(found: Any) -> list[Any]:  # noqa: ANN401 -- spans and hashes, for JSON
    rows: list[tuple[Span, Sequence[Digest]]] = list(found)
    return [[*span, [node.hex() for node in nodes]] for span, nodes in rows]
