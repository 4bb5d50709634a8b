"""Which terminals may have a record, by the directory and policy of today.

Asked when it is composed, where the first rule that is broken refuses it, and again
whenever it is sealed: what an addressee lost since holds up that addressee, what the
message or this terminal lost holds up all.
"""

from dataclasses import replace

from client.core.releasing import unreleased
from client.core.station import Station
from protocol.decision import Decision, draft_of, may_send
from protocol.directory_view import Terminal
from protocol.errors import PolicyError, Reason
from protocol.record import Record


class Addressees:
    """Asks the policy (:func:`protocol.decision.may_send`) for this terminal."""

    def __init__(self, station: Station) -> None:
        self._identity = station.identity
        self._beliefs = station.beliefs

    def receivers(self, record: Record) -> tuple[Terminal, ...]:
        """Return every terminal to seal to.

        Raises:
            PolicyError: the first rule that is broken, for whom.
        """
        decision = self._decision(record)
        for refusal in decision.refusals:
            raise PolicyError(
                refusal.reason, post=refusal.post, retired=refusal.retired
            )
        return decision.terminals

    def may_have(self, record: Record) -> tuple[Terminal, ...]:
        """Return the terminals that may have a waiting record.

        Raises:
            PolicyError: the message, or this terminal, may not go at all any more.
        """
        decision = self._decision(record)
        for refusal in decision.refusals:
            if refusal.post in {None, self._identity.post}:
                raise PolicyError(
                    refusal.reason, post=refusal.post, retired=refusal.retired
                )
        return decision.terminals

    def _decision(self, record: Record) -> Decision:
        view = self._beliefs.view()
        own = view.terminal(self._identity.terminal.id)
        if own is None or own.ended is not None:
            raise PolicyError(Reason.NOT_ACTIVE)
        if any(view.member(key) is None for key in record.by):
            # No receiver could verify it; it waits for the member's enrolment.
            raise PolicyError(Reason.MEMBER_NOT_ACTIVE, post=record.sender)
        draft, archive = draft_of(record), bool(view.root.archive)
        decision = may_send(draft, own, view, now=record.ts, archive=archive)
        also = unreleased(record, draft.body, view)
        return replace(decision, refusals=(*decision.refusals, *also))
