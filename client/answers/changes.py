"""What an operator's terminal answers to a change as it was typed: the bytes to sign.

The terminal knows the directory, so it finds whom is meant and where the change goes.
Nothing is signed or sent here; the bytes are shown next.
"""

from collections.abc import Mapping
from typing import Any

from client.answers.names import Answer, Arguments
from client.answers.proposals import state_of
from client.clock import Clock
from client.core.machine import Machine
from client.exits import AgentRefusal, Exit
from client.operator.changes import (
    ACTIONS,
    Whom,
    changed_details,
    changed_rights,
    find_holder,
    find_key,
    find_post,
    find_terminal,
    lift,
    revoked,
    rights_of,
)
from client.operator.effects import whom
from client.operator.showing import short_id
from crypto.sign import Usage
from crypto.types import KeyId
from protocol.codec import encode
from protocol.directory_entry import LaterChange
from protocol.directory_state import State
from protocol.label import Level
from protocol.policy import WEEK
from protocol.proposal import next_place, propose
from protocol.restriction import Restriction
from protocol.restrictions import spent_by
from protocol.signed import sign_document


class ChangeCommands:
    """Makes entries and restrictions of what was typed."""

    def __init__(self, machine: Machine, clock: Clock) -> None:
        self._machine = machine
        self._clock = clock

    @property
    def methods(self) -> Mapping[str, Answer]:
        """The methods by name."""
        return {
            "operator-office": self._office,
            "operator-change": self._change,
            "operator-terminal": self._terminal,
            "operator-restriction": self._restriction,
            "self-restriction": self._of_ourselves,
        }

    def _office(self, _: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Say what a signer has to know: the suite in force, and who is operator."""
        root = state_of(self._machine).root
        return {
            "suite": root.document.suite.value,
            "root": root.digest.hex(),
            "operators": [key.hex() for key in root.operators],
            "witnesses": {
                witness.name: witness.address
                for witness in root.document.witnesses.witnesses
            },
        }

    def _change(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        state, post = state_of(self._machine), arguments["post"]
        change = _typed(state, post, arguments)
        place = next_place(state, post, ACTIONS[type(change)])
        expires = self._clock.wall() + WEEK
        reason = arguments["reason"]
        return {
            "document": propose(place, change, expires=expires, reason=reason).hex()
        }

    def _terminal(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Return the key of a terminal, also of one that has ended."""
        record = find_post(state_of(self._machine), arguments["post"])
        typed = Whom(arguments.get("key"), arguments.get("terminal"))
        return {"key": find_terminal(record, typed).current.hex()}

    def _restriction(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Return a restriction to sign, and what its signer has left of the budget.

        Raises:
            AgentRefusal: the signer has used up the policy's number (RES-6).
        """
        state = state_of(self._machine)
        key, signer = _cut(state, arguments), KeyId(bytes.fromhex(arguments["signer"]))
        document = self._restricting(key, arguments)
        limit = state.root.document.policy.unconfirmed
        spent = len(spent_by(state, signer))
        if spent >= limit:
            parts = {"spent": spent, "limit": limit}
            raise AgentRefusal("operator.budget", Exit.REFUSED, parts)
        return {
            "document": document.hex(),
            "spent": spent,
            "limit": limit,
            "key": short_id(key),
            **whom(state, key),
        }

    def _of_ourselves(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Return a restriction of this terminal, signed by it."""
        identity = self._machine.identity
        state_of(self._machine)
        document = self._restricting(identity.terminal.id, arguments)
        signed = sign_document(
            document, [identity.terminal], usage=Usage.SUSPEND, realm=identity.realm
        )
        return {"signed": encode(signed).hex()}

    def _restricting(self, key: KeyId, arguments: Arguments) -> bytes:
        level = arguments.get("highest")
        return encode(
            Restriction(
                v=1,
                key=key,
                highest=None if level is None else Level(level),
                time=self._clock.wall(),
                reason=arguments["reason"],
            )
        )


def _typed(state: State, post: str, arguments: Arguments) -> LaterChange:
    record = find_post(state, post)
    named = Whom(
        *(arguments.get("key"), arguments.get("terminal"), arguments.get("member"))
    )
    holder = None if named.whole_post else find_holder(record, named)
    match arguments["action"]:
        case "rights":
            release = arguments.get("release")
            cleared, may = rights_of(
                Level(arguments["level"]),
                None if release is None else Level(release),
                eyes_only=arguments["eyes_only"],
                schemes=arguments["schemes"],
            )
            key = None if holder is None else holder.current
            return changed_rights(key, cleared, may)
        case "details":
            collectives = arguments.get("collectives")
            return changed_details(
                record.details,
                name_nl=arguments.get("name_nl"),
                name_en=arguments.get("name_en"),
                collectives=None if collectives is None else tuple(collectives),
            )
        case "lift":
            return lift(state, record, arguments["restrictions"])
        case _:
            return revoked(*(() if holder is None else (holder.current,)))


def _cut(state: State, arguments: Arguments) -> KeyId:
    """Return the key that is to be cut: a holder's, or the paper key for the post."""
    post, typed = arguments.get("post"), arguments.get("key")
    if post is None:
        return find_key(state, typed or "")
    record = find_post(state, post)
    named = Whom(typed, arguments.get("terminal"), arguments.get("member"))
    if named.whole_post:
        return record.recovery.id
    return find_holder(record, named).current
