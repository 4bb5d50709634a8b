"""A desk with the commands of its agent, as the command line asks them."""

from typing import Any

import pytest

from client.answers.commands import Commands
from client.exits import AgentRefusal
from tests.support.desk import Desk


class Office:
    """Answers of one desk's agent; the desk carries out what the core wants."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.commands = Commands(desk.machine, desk.store, self, desk.spool)

    def wall(self) -> int:
        return self.desk.now

    def monotonic(self) -> float:
        return float(self.desk.now)

    def run(self, method: str, **arguments: Any) -> Any:  # noqa: ANN401 -- JSON
        answer, effects = self.commands.run(method, arguments)
        self.desk.effects.extend(effects)
        return answer

    def refused(self, method: str, **arguments: Any) -> AgentRefusal:  # noqa: ANN401 -- JSON
        with pytest.raises(AgentRefusal) as refused:
            self.run(method, **arguments)
        return refused.value
