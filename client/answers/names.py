"""How a message is named to people: by the first characters of its H(record).

As Git names commits: in hexadecimal, and enough of them must be given.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from client.core.ports import Vault
from client.core.rows import IN, OUT, RecordRow
from client.exits import AgentRefusal, Exit
from client.lists import PAGE
from client.present import name_of
from crypto.types import Digest
from protocol.record_type import RULES

ENOUGH: Final = 2  # messages that begin alike: which is meant is not known
LEAST: Final = 6  # characters a person must give: fewer hit a message by accident
_HEXADECIMAL: Final = re.compile("[0-9a-fA-F]*")
SHOWN_TYPES: Final = frozenset(t for t, rule in RULES.items() if rule.labelled)

Arguments = dict[str, Any]
Answer = Callable[[Arguments], Any]


def short(name: Digest) -> str:
    """Return as much of a name as a person sees."""
    return name_of(name)


def page(vault: Vault, way: int, arguments: Arguments) -> list[RecordRow]:
    """Return one list of messages, the newest first, or behind the one it names.

    Raises:
        AgentRefusal: ``older`` is no one message of this way.
    """
    older = arguments.get("older")
    last = None if older is None else find(vault, older, way).name
    return vault.messages.newest(way, PAGE, last)


def find(vault: Vault, prefix: str, *ways: int) -> RecordRow:
    """Return the one message whose name begins so, of these ways or of both.

    Raises:
        AgentRefusal: there is none, or more than one, or too little of it is given.
    """
    if len(prefix) < LEAST:
        raise AgentRefusal("agent.id-too-short", Exit.BAD_INPUT, {"least": LEAST})
    if not _HEXADECIMAL.fullmatch(prefix):
        raise AgentRefusal("agent.not-found", Exit.BAD_INPUT, {})
    both = ways or (IN, OUT)
    rows = [row for way in both for row in vault.messages.named(prefix, way, ENOUGH)]
    if not rows:
        raise AgentRefusal("agent.not-found", Exit.BAD_INPUT, {})
    if len(rows) > 1:
        raise AgentRefusal("agent.ambiguous", Exit.BAD_INPUT, {})
    return rows[0]
