"""What an operator's terminal answers about proposals: their list, and their bytes.

What is shown of one is made from the bytes that the caller holds and would sign
(``operator-show``), not from the list: whoever signs asks about the bytes in hand.
"""

from collections.abc import Mapping
from typing import Any

from client.answers.names import Answer, Arguments, short
from client.clock import Clock
from client.core.machine import Machine
from client.core.proposals import Proposal, Standing
from client.exits import AgentRefusal, Exit
from client.home import HomeError
from client.operator.effects import effects, require_next
from client.operator.showing import sentences, short_id
from client.present import iso
from crypto.types import Digest
from protocol.bodies import Subject
from protocol.codec import encode
from protocol.directory_state import State
from protocol.errors import FreshnessError


class ProposalCommands:
    """``operator-list`` and what shows one proposal, of an unlocked terminal."""

    def __init__(self, machine: Machine, clock: Clock) -> None:
        self._machine = machine
        self._clock = clock

    @property
    def methods(self) -> Mapping[str, Answer]:
        """The methods by name."""
        return {
            "operator-list": self._list,
            "operator-proposal": self._proposal,
            "operator-show": self._show,
            "operator-leaf": self._leaf,
        }

    def find(self, beginning: str) -> Proposal:
        """Return the one proposal whose name begins so.

        Raises:
            AgentRefusal: none, or more than one.
        """
        found = self._machine.proposals.find(beginning)
        if len(found) != 1:
            code = "ambiguous" if found else "no-proposal"
            raise AgentRefusal(f"operator.{code}", Exit.BAD_INPUT, {"id": beginning})
        return found[0]

    def said(self, proposal: Proposal) -> Arguments:
        """Return how far a proposal is, and who signed or refused it."""
        proposals, now = self._machine.proposals, self._clock.wall()
        standing = proposals.standing(proposal, now)
        entry = proposal.entry
        return {
            "id": short(proposal.name),
            "name": proposal.name.hex(),
            "subject": proposal.body.subject.name.lower(),
            "action": None if entry is None else entry.action.name,
            "post": None if entry is None else entry.post,
            "from": proposal.record.sender,
            "to": [to.post for to in proposal.record.to],
            "at": iso(proposal.row.at),
            "until": iso(proposal.body.until),
            "reason": proposal.body.reason,
            "standing": standing.value,
            "operators": [short_id(k) for k in sorted(proposals.operators(proposal))],
            "signers": [short_id(k) for k in sorted(proposal.signers)],
            "needed": proposals.needed(proposal),
            "refusals": [
                {"post": post, "reason": reason} for post, reason in proposal.refusals
            ],
            **self._logged(proposal.digest, standing),
        }

    def _list(self, _: Arguments) -> Any:  # noqa: ANN401 -- JSON
        return [self.said(one) for one in reversed(self._machine.proposals.all())]

    def _proposal(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        proposal = self.find(arguments["id"])
        return {
            **self.said(proposal),
            "document": proposal.body.document.hex(),
            "signed": encode(proposal.signed).hex(),
            "signed_by": [key.hex() for key in proposal.signers],
        }

    def _show(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Say what the bytes are, and what they would change in what we adopted."""
        document = bytes.fromhex(arguments["document"])
        subject = Subject(arguments["subject"])
        lines = sentences(document, subject)
        state = state_of(self._machine)
        if arguments.get("past"):
            return {"sentences": lines}
        if subject is Subject.DIRECTORY_ENTRY:
            require_next(state, document, self._clock.wall())
        return {"sentences": [*lines, *effects(state, document, subject)]}

    def _leaf(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Say where a document stands that was to be logged."""
        name = Digest(bytes.fromhex(arguments["document"]))
        found = self._logged(name, None)
        return {**found, "online": self._machine.online}

    def _logged(self, digest: Digest, standing: Standing | None) -> Arguments:
        index = self._machine.beliefs.logged.get(digest)
        waiting = self._machine.appending.state(digest)
        if index is None:
            complete = standing is Standing.COMPLETE
            return {
                "index": None,
                "witnessed": None,
                "carrying": waiting or ("waiting" if complete else None),
            }
        witnessed = self._machine.beliefs.adopted[index][1]
        return {"index": index, "witnessed": iso(witnessed), "carrying": None}


def state_of(machine: Machine) -> State:
    """Return the directory that the terminal adopted.

    Raises:
        FreshnessError: nothing was synchronised yet.
    """
    directory = machine.beliefs.directory
    if directory is None:
        raise FreshnessError("nothing was synchronised yet")
    return directory.state


def refused(error: HomeError) -> AgentRefusal:
    """Return a refusal of the documents' makers as an agent's."""
    parts = {name: str(part) for name, part in error.parts.items()}
    return AgentRefusal(error.code, Exit.REFUSED, parts)
