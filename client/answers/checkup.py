"""What an open terminal knows of its own health, as numbers: ``koerier doctor``.

Nothing is judged here; :mod:`client.doctor` does, from these and from the files.
"""

from typing import Any, Final

from client.answers.evidence import witnesses_of
from client.clock import Clock
from client.core.alarms import INTEGRITY, Alarm
from client.core.machine import Machine
from client.core.ports import Vault
from client.present import iso
from protocol.delivery import State
from protocol.policy import rule_for
from protocol.root import DAY
from protocol.root_end import ending, nearness

MANY: Final = 200  # open alarms that are counted


def checkup(machine: Machine, vault: Vault, clock: Clock) -> dict[str, Any]:
    """Return the facts of one terminal; what is not known yet is None."""
    beliefs = machine.beliefs
    facts: dict[str, Any] = {
        "online": machine.online,
        "enrolled": False,
        "prekeys": False,
        "directory": None,
        "behind": None,
        "age": None,
        "limit": None,
        "witnesses": 0,
        "quorum": beliefs.key_log.policy.quorum,
        "root": None,
        "keys": keys_of(machine, clock.wall()),
        "oldest": _oldest(vault, clock.wall()),
        **_alarms(vault),
    }
    if beliefs.directory is None:
        return facts
    view = beliefs.view()
    own = view.terminal(machine.identity.terminal.id)
    ceiling = rule_for(view.policy, view.policy.ceiling)
    root, time = beliefs.directory.root, beliefs.time(clock.wall())
    return {
        **facts,
        "root": {
            "version": root.document.version,
            "expires": iso(root.expires),
            "days": (root.expires - time) // DAY,
            "ending": ending(root, time).value,
        },
        "enrolled": own is not None and own.ended is None,
        "prekeys": own is not None and view.notice(own.key_id) is not None,
        "directory": iso(beliefs.witnessed),
        "behind": max(0, beliefs.witnessed - clock.wall()),
        "age": max(0, clock.wall() - beliefs.witnessed),
        "limit": ceiling.freshness,
        "witnesses": witnesses_of(beliefs.key_log.note, beliefs.key_log.policy),
    }


def keys_of(machine: Machine, now: int) -> dict[str, Any] | None:
    """Return when the first of our keys ends; None: we are not in the directory."""
    until, time = machine.key_ends.first_end(), machine.beliefs.time(now)
    if until is None:
        return None
    return {
        "until": iso(until),
        "days": (until - time) // DAY,
        "ending": nearness(until, time).value,
    }


def _oldest(vault: Vault, now: int) -> int | None:
    """Return for how many seconds the oldest message waits; None: nothing waits."""
    times = []
    for state in (State.COMPOSED, State.SEALED):
        for target in vault.waiting(state)[:1]:
            row = vault.record(target.name)
            if row is not None:
                times.append(row.at)
    return max(0, now - min(times)) if times else None


def _alarms(vault: Vault) -> dict[str, int]:
    standing = [Alarm(row.what) for row in vault.alarms(MANY, ended=False)]
    integrity = sum(alarm in INTEGRITY for alarm in standing)
    return {"integrity": integrity, "alarms": len(standing) - integrity}
