"""What an operator's terminal does: propose, approve, reject, carry to the log.

An operator's key never comes here: the command that a person typed shows the bytes,
signs them, and hands over the signature.  What counts is looked at again all the same,
since a record with a signature that does not hold would only disappoint its readers.
"""

from collections.abc import Mapping
from typing import Any, Final

from client.answers.names import Answer, Arguments, short
from client.answers.proposals import ProposalCommands, state_of
from client.clock import Clock
from client.core.compose import Wish, action
from client.core.machine import Machine
from client.core.ports import Vault
from client.core.proposals import Proposal, Standing, counted
from client.exits import AgentRefusal, Exit
from client.home import HomeError
from client.operator.effects import require_next
from crypto.digest import H
from crypto.types import Digest, KeyId, Signature
from protocol.bodies import ApprovalBody, ProposalBody, RefusalBody, Subject
from protocol.codec import Message, decode, encode
from protocol.directory_entry import DirectoryEntry
from protocol.errors import BusyError, ProtocolError
from protocol.key_log_entry import LeafKind, read_leaf, read_signed
from protocol.label import Label, Level, Precedence
from protocol.policy import WEEK
from protocol.record_type import RecordType
from protocol.signed import SignatureLine

LABEL: Final = Level.DEP_V  # names and rights of people; over when the proposal is


class OperatorCommands:
    """``operator`` commands that change something, of one unlocked terminal."""

    def __init__(self, machine: Machine, vault: Vault, clock: Clock) -> None:
        self._machine = machine
        self._vault = vault
        self._clock = clock
        self._shown = ProposalCommands(machine, clock)

    @property
    def methods(self) -> Mapping[str, Answer]:
        """The methods by name."""
        return {
            **self._shown.methods,
            "operator-propose": self._propose,
            "operator-approve": self._approve,
            "operator-reject": self._reject,
            "operator-log": self._log,
        }

    def _propose(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Send a document with the signatures that it has, to the posts of others."""
        document = bytes.fromhex(arguments["document"])
        subject = Subject(arguments["subject"])
        now, state = self._clock.wall(), state_of(self._machine)
        lines = counted(state, document, subject, _lines(arguments["lines"]))
        first = _first(lines, frozenset(state.root.operators))
        until, reason = now + WEEK, arguments["reason"]
        if subject is Subject.DIRECTORY_ENTRY:
            entry = require_next(state, document, now)
            until, reason = entry.expires, entry.reason
        body = ProposalBody(
            subject=subject,
            document=document,
            until=until,
            reason=reason,
            signer=first.key,
            signature=first.signature,
        )
        to = self._posts(arguments.get("to") or [self._machine.identity.post])
        with self._vault.transaction():
            sent = self._machine.compose(
                self._wish(RecordType.PROPOSAL, body, to, until), now
            )
            for line in lines:
                if line is not first:
                    approval = _approval(sent.name, document, line)
                    wish = self._wish(RecordType.APPROVAL, approval, to, until)
                    self._machine.compose(wish, now)
        # A crash before the commit: nothing was proposed, and nobody was told so.
        return {"id": short(sent.name), "to": to, "online": self._machine.online}

    def _approve(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Send one operator's signature; with it the last one, carry the leaf too."""
        proposal = self._shown.find(arguments["id"])
        now, state = self._clock.wall(), state_of(self._machine)
        self._require_open(proposal, now)
        document, subject = proposal.body.document, proposal.body.subject
        line = _first(
            counted(state, document, subject, _lines([arguments["line"]])),
            frozenset(state.root.operators),
        )
        if line.key in proposal.signers:
            raise AgentRefusal("operator.own-proposal", Exit.REFUSED, {})
        body = _approval(proposal.name, document, line)
        to = self._posts(proposal.posts)
        wish = self._wish(RecordType.APPROVAL, body, to, proposal.body.until)
        with self._vault.transaction():
            self._machine.compose(wish, now)
            after = self._shown.find(proposal.name.hex())
            if self._machine.proposals.standing(after, now) is Standing.COMPLETE:
                self._machine.appending.add(after.leaf)
        # A crash before the commit: nothing was approved; behind it: it is carried.
        return {
            **self._shown.said(after),
            "document": H(document).hex(),
            "signed": encode(after.signed).hex(),
            "online": self._machine.online,
        }

    def _reject(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        proposal, now = self._shown.find(arguments["id"]), self._clock.wall()
        self._require_open(proposal, now)
        body = RefusalBody(target=proposal.name, reason=arguments["reason"])
        to = self._posts(proposal.posts)
        wish = self._wish(RecordType.REFUSAL, body, to, proposal.body.until)
        self._machine.compose(wish, now)
        return {"id": short(proposal.name), "to": to, "online": self._machine.online}

    def _log(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        """Carry a finished leaf to the relay, if it would count.

        Raises:
            AgentRefusal: it would not; the log stays free of it.
        """
        leaf = bytes.fromhex(arguments["leaf"])
        state_of(self._machine)
        directory = self._machine.beliefs.directory
        try:
            kind, signed = _kind_of(leaf)
            if kind is LeafKind.DIRECTORY and directory is not None:
                require_next(directory.state, signed, self._clock.wall())
            if directory is not None:
                directory.check(leaf)
        except HomeError as error:
            parts = {name: str(part) for name, part in error.parts.items()}
            raise AgentRefusal(error.code, Exit.REFUSED, parts) from None
        except BusyError:
            raise AgentRefusal("operator.budget-spent", Exit.REFUSED, {}) from None
        except ProtocolError:
            raise AgentRefusal("operator.counts-not", Exit.REFUSED, {}) from None
        name = self._machine.appending.add(leaf)
        return {"document": name.hex(), "online": self._machine.online}

    def _require_open(self, proposal: Proposal, now: int) -> None:
        """Return if more signatures are wanted, or refuse with the reason why not."""
        standing = self._machine.proposals.standing(proposal, now)
        if standing is Standing.OPEN:
            return
        state, entry = state_of(self._machine), proposal.entry
        if standing is Standing.STALE and entry is not None:
            require_next(state, proposal.body.document, now)
        if standing is Standing.REJECTED:
            post, reason = proposal.refusals[0]
            parts = {"post": post, "reason": reason}
            raise AgentRefusal("operator.rejected-by", Exit.REFUSED, parts)
        raise AgentRefusal(f"operator.{standing.value}", Exit.REFUSED, {})

    def _posts(self, posts: "list[str] | tuple[str, ...]") -> list[str]:
        """Return the posts where somebody else reads it: with another terminal.

        Raises:
            AgentRefusal: nowhere.
        """
        own, view = self._machine.identity.terminal.id, self._machine.beliefs.view()
        found = sorted(
            {
                post
                for post in posts
                if view.post(post) is None
                or any(t.key_id != own for t in view.terminals(post))
            }
        )
        if not found:
            raise AgentRefusal("operator.nobody-else", Exit.BAD_INPUT, {})
        return found

    def _wish(self, kind: RecordType, body: Message, to: list[str], until: int) -> Wish:
        label = Label(level=LABEL, until=until)
        return Wish(kind, body, action(to, Precedence.PRIORITY), label)


def _lines(given: list[list[str]]) -> list[SignatureLine]:
    return [
        SignatureLine(KeyId(bytes.fromhex(key)), Signature(bytes.fromhex(signature)))
        for key, signature in given
    ]


def _first(
    lines: tuple[SignatureLine, ...], operators: frozenset[KeyId]
) -> SignatureLine:
    """Return the operator's signature.

    Raises:
        AgentRefusal: no operator of the root document in force signed.
    """
    for line in lines:
        if line.key in operators:
            return line
    raise AgentRefusal("operator.not-operator", Exit.REFUSED, {})


def _approval(proposal: Digest, document: bytes, line: SignatureLine) -> ApprovalBody:
    return ApprovalBody(
        proposal=proposal,
        document=H(document),
        signer=line.key,
        signature=line.signature,
    )


def _kind_of(leaf: bytes) -> tuple[LeafKind, bytes]:
    entry = read_leaf(leaf)
    signed = read_signed(entry.body)
    if entry.kind is LeafKind.DIRECTORY:
        decode(signed.document, DirectoryEntry)
    return entry.kind, signed.document
