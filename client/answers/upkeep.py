"""What the agent answers about the terminal itself: members, position, consent.

Beside :class:`client.answers.commands.Commands`, which answers about messages.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from client.answers.checkup import checkup
from client.answers.names import Answer, Arguments
from client.clock import Clock
from client.core.machine import Machine
from client.exits import AgentRefusal, Exit
from client.home import Home, HomeError
from client.operator.addition import (
    Addition,
    consented,
    position_of,
    request_member,
)
from client.operator.rotation import (
    MEMBER_LIFE,
    TERMINAL_LIFE,
    Successor,
    ask_rotation,
)
from client.vault.backup import write_backup
from client.vault.check import faults_of
from client.vault.locked import Unlocked, holds
from client.vault.making import keep_member
from client.vault.next_keys import NextKeys
from client.vault.opening import VAULT_KEY, OpenVault, member_seed
from crypto.sign import SigningKey, key_id
from crypto.types import PublicKey, Secret
from protocol.codec import decode, encode
from protocol.directory_entry import Action
from protocol.errors import ChainError, FreshnessError, ProtocolError
from protocol.signed import Signed

SHORT_ID: Final = 12  # hexadecimal characters of a key id that people compare
KEY_LIFE: Final = 366 * 86_400  # seconds after the invitation's end


class Upkeep:
    """Answers for one unlocked terminal."""

    def __init__(
        self,
        home: Home,
        vault: OpenVault,
        machine: Machine,
        clock: Clock,
        following: NextKeys,
    ) -> None:
        self._home = home
        self._vault = vault
        self._machine = machine
        self._clock = clock
        self._following = following
        self._seated = vault.seat.name
        self._methods: Mapping[str, Answer] = MappingProxyType(
            {
                "members": self._members,
                "member-add": self._member_add,
                "member-request": self._member_request,
                "seat": self._seat,
                "rotate": self._rotate,
                "position": self._position,
                "consent": self._consent,
                "check": self._check,
                "checkup": self._checkup,
                "backup": self._backup,
            }
        )

    def knows(self, method: str) -> bool:
        """Tell whether ``method`` is one of ours."""
        return method in self._methods

    def run(self, method: str, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Return the answer.

        Raises:
            AgentRefusal: with the words' code and the exit status.
        """
        try:
            return self._methods[method](arguments)
        except HomeError as error:
            parts = {name: str(part) for name, part in error.parts.items()}
            raise AgentRefusal(error.code, error.status, parts) from None
        except FreshnessError:
            raise AgentRefusal("refused.directory-stale", Exit.REFUSED, {}) from None

    # --- members

    def _members(self, _: Arguments) -> Any:  # noqa: ANN401 -- JSON
        beliefs = self._machine.beliefs
        view = None if beliefs.directory is None else beliefs.view()
        suite = self._machine.identity.terminal.suite
        found = []
        for name, public in self._vault.database.rows(
            "SELECT name, public FROM member ORDER BY name"
        ):
            own = key_id(suite, PublicKey(public))
            member = None if view is None else view.member(own)
            found.append(
                {
                    "name": name,
                    "key": own.hex()[:SHORT_ID],
                    "enrolled": member is not None and member.ended is None,
                    "seated": name == self._seated,
                }
            )
        return found

    def _member_add(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Keep the keys of a new member; who has a way in is not replaced."""
        name, database = arguments["name"], self._vault.database
        if holds((self._home.keys / VAULT_KEY).read_bytes(), name):
            raise HomeError("member.there", name=name)
        with database.transaction():
            keep_member(
                database,
                name,
                bytes.fromhex(arguments["public"]),
                bytes.fromhex(arguments["box"]),
            )
        return {"name": name}

    def _member_request(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Return a member's request, for the place that an operator invited to."""
        identity = self._machine.identity
        try:
            addition = decode(bytes.fromhex(arguments["addition"]), Addition)
        except (ProtocolError, ValueError):
            raise _no_addition() from None
        if (addition.action, addition.position.post) != (
            Action.ADD_MEMBER,
            identity.post,
        ):
            raise _no_addition()
        name, key = self._key_of(arguments)
        until = addition.until + KEY_LIFE
        asked = request_member(addition, key, name, realm=identity.realm, until=until)
        return {"document": encode(asked).hex()}

    def _key_of(self, arguments: Arguments) -> tuple[str, SigningKey]:
        """Return the member whose own key the caller's passphrase opened."""
        opened = self._opened(arguments)
        seed = member_seed(self._vault.database, opened)
        suite = self._machine.identity.terminal.suite
        return opened.who, SigningKey.from_seed(suite, seed)

    def _opened(self, arguments: Arguments) -> Unlocked:
        own = Secret(bytes.fromhex(arguments["own"]))
        return Unlocked(self._vault.key, arguments["name"], own)

    def _seat(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Let a member sit down: what follows is signed by them."""
        name, key = self._key_of(arguments)
        seed = self._following.member(self._opened(arguments))
        following = None if seed is None else SigningKey.from_seed(key.suite, seed)
        self._machine.take_seat(key, self._clock.wall(), following)
        self._seated = name
        return {"name": name}

    def _rotate(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Draw keys to follow ours, and ask for the entry that brings them."""
        identity, pairs = self._machine.identity, []
        if arguments["terminal"]:
            new = self._following.draw_terminal(identity.terminal.suite)
            identity.next_terminal = new
            pairs.append(Successor(identity.terminal, new, TERMINAL_LIFE))
        if arguments["own"]:
            name, old = self._key_of(arguments)
            new = self._following.draw_member(old.suite, self._opened(arguments))
            if name == self._seated:
                identity.next_member = new
            pairs.append(Successor(old, new, MEMBER_LIFE))
        now, entropy = self._clock.wall(), self._following.entropy
        try:
            found = ask_rotation(self._machine, pairs, now, entropy)
        except ChainError:
            raise AgentRefusal("terminal.not-rotating", Exit.REFUSED, {}) from None
        return {"document": encode(found).hex()}

    # --- the directory

    def _position(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        directory = self._machine.beliefs.directory
        if directory is None:
            raise FreshnessError("nothing was synchronised yet")
        post = arguments.get("post") or self._machine.identity.post
        try:
            found = position_of(directory.state, post)
        except ChainError:
            raise HomeError("terminal.no-post", post=post) from None
        return {"document": encode(found).hex()}

    def _consent(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        identity = self._machine.identity
        try:
            proposed = decode(bytes.fromhex(arguments["proposal"]), Signed)
            signed = consented(
                proposed, identity.terminal, identity.post, realm=identity.realm
            )
        except (ProtocolError, ValueError):
            raise AgentRefusal("terminal.no-consent", Exit.REFUSED, {}) from None
        return {"document": encode(signed).hex()}

    # --- the vault

    def _checkup(self, _: Arguments) -> Any:  # noqa: ANN401 -- JSON
        return checkup(self._machine, self._vault.store, self._clock)

    def _check(self, _: Arguments) -> Any:  # noqa: ANN401 -- JSON
        return {"faults": faults_of(self._vault.database)}

    def _backup(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        out = Path(arguments["file"])
        size = write_backup(self._home, self._vault, out)
        return {"file": str(out), "bytes": size}


def _no_addition() -> AgentRefusal:
    return AgentRefusal("terminal.no-addition", Exit.REFUSED, {})
