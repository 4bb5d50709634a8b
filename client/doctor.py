"""What is wrong with a terminal, and what to do about it: findings from facts.

Each finding has a grade and a code whose sentence in the catalogues ends in one thing
to do.  Files are looked at here; what is inside the vault comes from the agent, or
from the vault opened for a moment (:mod:`client.answers.checkup`).
"""

import asyncio
import enum
import shutil
import ssl
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from client.home import Home, HomeError
from client.net.connecting import pinned
from client.operator.rootfile import read_root
from client.vault.opening import DATABASE, VAULT_KEY
from crypto.types import Digest
from protocol.root_end import Ending

MIB: Final = 1024 * 1024
ROOM_LOW, ROOM_NONE = 1024 * MIB, 100 * MIB  # bytes free
DAY: Final = 86_400
BEHIND: Final = 60  # seconds that a clock may be behind the witnesses
PATIENCE: Final = 5.0  # seconds for the relay to answer a connection
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Grade(enum.StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    ALARM = "alarm"  # somebody is not who they should be


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, and what was found."""

    check: str
    grade: Grade
    code: str  # of client/locale, section "doctor"
    parts: dict[str, object] = field(default_factory=dict)


def of_files(home: Home) -> Iterator[Finding]:
    """Yield what the files of a home show, without opening any vault."""
    try:
        home.config()
    except HomeError as error:
        yield Finding("home", Grade.FAIL, error.code, dict(error.parts))
        return
    yield Finding("home", Grade.OK, "doctor.home", {"path": str(home.path)})
    yield _permissions(home)
    missing = [
        path
        for path in (home.keys / VAULT_KEY, home.data / DATABASE)
        if not path.exists()
    ]
    if missing:
        yield Finding("vault", Grade.FAIL, "doctor.no-vault", {"path": str(missing[0])})
    else:
        yield Finding("vault", Grade.OK, "doctor.vault")
    yield _room(shutil.disk_usage(home.path).free)


def _permissions(home: Home) -> Finding:
    """Look for a folder or key that others on this machine could read."""
    kept = [home.path, home.keys, home.data, *home.keys.glob("*"), *home.data.glob("*")]
    for path in kept:
        if path.exists() and path.stat().st_mode & OTHERS:
            parts: dict[str, object] = {"path": str(path)}
            return Finding("permissions", Grade.FAIL, "doctor.permissions-open", parts)
    return Finding("permissions", Grade.OK, "doctor.permissions")


def _room(free: int) -> Finding:
    parts: dict[str, object] = {"free": free // MIB}
    if free < ROOM_NONE:
        return Finding("disk", Grade.FAIL, "doctor.disk-full", parts)
    if free < ROOM_LOW:
        return Finding("disk", Grade.WARN, "doctor.disk-low", parts)
    return Finding("disk", Grade.OK, "doctor.disk", parts)


def of_relay(home: Home) -> Finding:
    """Connect to the relay once, as far as TLS and its pin."""
    relay = read_root(home.root_file).document.relay
    chosen = home.config().relay
    address = urlsplit(f"wss://{chosen}" if chosen else relay.addresses[0])
    where = address.hostname or "", address.port or 443
    try:
        asyncio.run(_connect(where, Digest(relay.tls_pin)))
    except ssl.SSLError:
        return Finding("relay", Grade.ALARM, "doctor.relay-not-ours")
    except (OSError, TimeoutError):
        return Finding("relay", Grade.FAIL, "doctor.relay-away")
    return Finding("relay", Grade.OK, "doctor.relay-there")


async def _connect(where: tuple[str, int], pin: Digest) -> None:
    async with asyncio.timeout(PATIENCE):
        _, writer = await asyncio.open_connection(
            *where, ssl=pinned(pin), server_hostname=""
        )
        writer.close()


def of_facts(facts: dict[str, Any]) -> Iterator[Finding]:
    """Yield what an open terminal's facts show."""
    if facts["enrolled"]:
        yield Finding("enrolment", Grade.OK, "doctor.enrolled")
    else:
        yield Finding("enrolment", Grade.FAIL, "doctor.not-enrolled")
    yield _directory(facts)
    if facts["root"] is not None:
        yield _root(facts["root"])
    if facts["keys"] is not None:
        yield _keys(facts["keys"])
    yield _clock(facts)
    if facts["prekeys"]:
        yield Finding("prekeys", Grade.OK, "doctor.prekeys")
    else:
        yield Finding("prekeys", Grade.FAIL, "doctor.prekeys-none")
    yield _witnesses(facts["witnesses"], facts["quorum"])
    yield _outbox(facts["oldest"])
    yield _alarms(facts["integrity"], facts["alarms"])


def _directory(facts: dict[str, Any]) -> Finding:
    if facts["directory"] is None:
        return Finding("directory", Grade.FAIL, "doctor.directory-none")
    parts: dict[str, object] = {"hours": facts["age"] // 3600}
    if facts["age"] > facts["limit"]:
        return Finding("directory", Grade.WARN, "doctor.directory-old", parts)
    return Finding("directory", Grade.OK, "doctor.directory", parts)


def _keys(keys: dict[str, Any]) -> Finding:
    near = Ending(keys["ending"])
    grade = Grade.OK if near is Ending.FAR else Grade.WARN
    if near is Ending.OVER:
        grade = Grade.FAIL
    parts = {"days": max(0, keys["days"])}
    return Finding("keys", grade, f"doctor.keys-{near}", parts)


def _root(root: dict[str, Any]) -> Finding:
    near = Ending(root["ending"])
    grade = Grade.OK if near is Ending.FAR else Grade.WARN
    if near is Ending.OVER:
        grade = Grade.FAIL
    parts = {"version": root["version"], "days": max(0, root["days"])}
    return Finding("root", grade, f"doctor.root-{near}", parts)


def _clock(facts: dict[str, Any]) -> Finding:
    behind = facts["behind"] or 0
    if behind > BEHIND:
        parts: dict[str, object] = {"minutes": behind // 60}
        return Finding("clock", Grade.FAIL, "doctor.clock-behind", parts)
    if facts["online"] and facts["age"] is not None and facts["age"] > facts["limit"]:
        return Finding("clock", Grade.WARN, "doctor.clock-ahead")
    return Finding("clock", Grade.OK, "doctor.clock")


def _witnesses(count: int, quorum: int) -> Finding:
    parts: dict[str, object] = {"count": count, "quorum": quorum}
    if count < quorum:
        return Finding("witnesses", Grade.FAIL, "doctor.witnesses-few", parts)
    return Finding("witnesses", Grade.OK, "doctor.witnesses", parts)


def _outbox(oldest: int | None) -> Finding:
    if oldest is None:
        return Finding("outbox", Grade.OK, "doctor.outbox-empty")
    parts: dict[str, object] = {"hours": oldest // 3600}
    if oldest > DAY:
        return Finding("outbox", Grade.WARN, "doctor.outbox-old", parts)
    return Finding("outbox", Grade.OK, "doctor.outbox", parts)


def _alarms(integrity: int, others: int) -> Finding:
    parts: dict[str, object] = {"count": integrity or others}
    if integrity:
        return Finding("alarms", Grade.ALARM, "doctor.alarms-integrity", parts)
    if others:
        return Finding("alarms", Grade.WARN, "doctor.alarms", parts)
    return Finding("alarms", Grade.OK, "doctor.alarms-none")
