"""What a terminal answers about messages: every method, and what refuses one.

Beside :class:`client.answers.upkeep.Upkeep`, which answers about the terminal itself.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from client.answers.attachments import AttachmentCommands
from client.answers.auditing import AuditAnswers
from client.answers.bundles import BundleCommands
from client.answers.changes import ChangeCommands
from client.answers.checkup import keys_of
from client.answers.directory import DirectoryCommands
from client.answers.exposure import ExposureCommands
from client.answers.following import FollowingCommands
from client.answers.names import Answer, Arguments
from client.answers.operators import OperatorCommands
from client.answers.oversight import OversightCommands
from client.answers.proposals import refused
from client.answers.reading import ReadingCommands
from client.answers.writing import WritingCommands
from client.clock import Clock
from client.core.machine import Machine
from client.core.ports import Vault
from client.core.questions import Effect
from client.exits import AgentRefusal, Exit
from client.home import HomeError
from client.operator.voice import said
from client.vault.database import DiskError
from client.vault.making import VOICE
from client.vault.spool import Spool
from protocol.delivery import State
from protocol.errors import FreshnessError, MalformedError, PolicyError


class Commands:
    """Answers for one unlocked terminal."""

    def __init__(
        self, machine: Machine, vault: Vault, clock: Clock, spool: Spool
    ) -> None:
        self._machine = machine
        self._vault = vault
        self._clock = clock
        self._methods: Mapping[str, Answer] = MappingProxyType(
            {
                "status": self._status,
                **WritingCommands(machine, clock, spool).methods,
                **ReadingCommands(machine, vault, clock, spool).methods,
                **FollowingCommands(machine, vault).methods,
                **BundleCommands(machine, vault, clock).methods,
                **OversightCommands(machine, vault, clock).methods,
                **OperatorCommands(machine, vault, clock).methods,
                **ChangeCommands(machine, clock).methods,
                **DirectoryCommands(machine, vault, clock).methods,
                **ExposureCommands(machine, vault).methods,
                **AttachmentCommands(machine, vault, clock, spool).methods,
                **AuditAnswers(machine, vault).methods,
            }
        )

    def run(self, method: str, arguments: Arguments) -> tuple[Any, list[Effect]]:
        """Return the answer, and what the core wants done because of it.

        Raises:
            AgentRefusal: with the words' code and the exit status.
        """
        if method not in self._methods:
            raise AgentRefusal("agent.bad-input", Exit.BAD_INPUT, {"what": method})
        try:
            answer = self._methods[method](arguments)
        except PolicyError as error:
            raise AgentRefusal(
                f"refused.{error.reason.value}",
                Exit.REFUSED,
                {"post": error.post or ", ".join(arguments.get("to", ()))},
            ) from None
        except HomeError as error:
            raise refused(error) from None
        except MalformedError:
            parts = {"what": f"{method}: text"}
            raise AgentRefusal("agent.bad-input", Exit.BAD_INPUT, parts) from None
        except FreshnessError:
            raise AgentRefusal("refused.directory-stale", Exit.REFUSED, {}) from None
        return answer, self._pumped()

    def _pumped(self) -> list[Effect]:
        """Return what can be done now; a disk that is full undoes no answer."""
        try:
            return self._machine.pump(self._clock.wall())
        except (DiskError, OSError):
            return []  # the next pump does it

    def _status(self, _: Arguments) -> Any:  # noqa: ANN401 -- JSON
        beliefs = self._machine.beliefs
        identity = self._machine.identity
        directory = beliefs.directory
        view = None if directory is None else beliefs.view()
        own = None if view is None else view.terminal(identity.terminal.id)
        heard = self._vault.get(VOICE)
        waiting = sum(
            len(self._vault.waiting(state)) for state in (State.COMPOSED, State.SEALED)
        )
        reachable = own is not None and view is not None and view.notice(own.key_id)
        return {
            "post": identity.post,
            "terminal": None if own is None else own.number,
            "enrolled": own is not None,
            "request": None if heard is None else said(heard),
            "reachable": bool(reachable),
            "online": self._machine.online,
            "entries": beliefs.key_log.size,
            "log": beliefs.message_log.size,
            "waiting": waiting,
            "keys": keys_of(self._machine, self._clock.wall()),
        }
