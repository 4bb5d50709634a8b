"""Who is connected, so that what is new goes out at once.

Only hints pass here: a session that is woken looks in the store what it owes.  A
lost hint costs a delay, never a message.  All of it lives in memory, on one node.
"""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from crypto.types import KeyId, Mailbox


class Connected(Protocol):
    """A session of an authenticated terminal."""

    @property
    def terminal(self) -> KeyId:
        """The key id that it proved."""

    @property
    def mailbox(self) -> Mailbox:
        """Where its envelopes are."""

    def wake(self) -> None:
        """Say that something new may be owed."""

    def grown(self) -> None:
        """Say that checkpoints were published."""

    def nacked(self) -> None:
        """Say that a nack has come, or that deposits were not fetched."""

    def end(self, *, going: bool = False) -> None:
        """Close the session: refused, or (``going``) because the relay stops.

        One that is going answers first what it has taken.
        """


class Presence:
    """The sessions of this node, one for each terminal."""

    def __init__(self) -> None:
        self._by_mailbox: dict[Mailbox, Connected] = {}
        self._by_terminal: dict[KeyId, Connected] = {}
        self._closing = False
        self._gone = asyncio.Event()  # closed, and the last session has left

    def __len__(self) -> int:
        return len(self._by_terminal)

    def terminals(self) -> tuple[KeyId, ...]:
        """Return who is connected."""
        return tuple(self._by_terminal)

    def join(self, session: Connected) -> None:
        """Add a session; an older one of the same terminal ends.

        After :meth:`close` the new one ends at once.

        The newer one is the one that works: after a cut the older may hang for as
        long as a timeout, and its answers go nowhere.
        """
        older = self._by_terminal.get(session.terminal)
        if older is not None:
            older.end()
        self._by_terminal[session.terminal] = session
        self._by_mailbox[session.mailbox] = session
        if self._closing:
            session.end(going=True)

    def close(self) -> None:
        """End every session, those to come too: the relay stops."""
        self._closing = True
        for session in tuple(self._by_terminal.values()):
            session.end(going=True)
        self._look()

    async def gone(self) -> None:
        """Return when the last session has left, after :meth:`close`."""
        await self._gone.wait()

    def _look(self) -> None:
        if self._closing and not self._by_terminal:
            self._gone.set()

    def leave(self, session: Connected) -> None:
        """Take a session out; one that was replaced changes nothing."""
        if self._by_terminal.get(session.terminal) is session:
            del self._by_terminal[session.terminal]
        if self._by_mailbox.get(session.mailbox) is session:
            del self._by_mailbox[session.mailbox]
        self._look()

    def wake(self, mailboxes: Iterable[Mailbox]) -> None:
        """Tell the sessions of these mailboxes that something is owed."""
        for mailbox in mailboxes:
            session = self._by_mailbox.get(mailbox)
            if session is not None:
                session.wake()

    def grown(self) -> None:
        """Tell all sessions that checkpoints were published."""
        for session in tuple(self._by_terminal.values()):
            session.grown()

    def nacked(self, terminals: Iterable[KeyId]) -> None:
        """Tell these terminals to look at what became of their deposits."""
        for terminal in terminals:
            session = self._by_terminal.get(terminal)
            if session is not None:
                session.nacked()

    def end(self, terminals: Iterable[KeyId]) -> None:
        """Close the sessions of terminals that may no longer have one."""
        for terminal in terminals:
            session = self._by_terminal.get(terminal)
            if session is not None:
                session.end()
