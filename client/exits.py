"""How a command ends: its exit status, and a refusal that carries one."""

import enum
from typing import Any


class Exit(enum.IntEnum):
    """What a script may rely on, the same for every command."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    REFUSED = 3  # by policy
    QUEUED = 4  # the relay is not reachable
    LOCKED = 5
    INTEGRITY = 6  # an alarm: a log, a key or a stream is not what it was


class AgentRefusal(Exception):  # noqa: N818 -- an answer of the agent, not a fault
    """The agent says no; ``code`` is a word's code, ``exit_code`` the status."""

    def __init__(self, code: str, exit_code: int, parts: dict[str, Any]) -> None:
        super().__init__(code)
        self.code = code
        self.exit_code = exit_code
        self.parts = parts
