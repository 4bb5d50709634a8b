"""A relay that lies: what it may do to deliveries, behind the real services.

It cannot open an envelope, so it can only keep back, repeat, turn round and exchange.
Each attack is one change of what a mailbox is said to be owed; the terminals are the
real ones, and must tell.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Protocol

from msgspec import structs

from crypto.types import Mailbox
from protocol.directory_view import Terminal
from server.services.mailbox import MailboxService
from server.storage.interfaces import Owed


class Attack(Protocol):
    """Changes what a terminal gets."""

    def owed(self, caller: Terminal, owed: Sequence[Owed]) -> Sequence[Owed]:
        """Return what is handed out instead of ``owed``."""


class HostileMailbox(MailboxService):
    """The real service, with a liar at the window."""

    def __init__(self, honest: MailboxService, attack: Attack) -> None:
        vars(self).update(vars(honest))
        self._attack = attack

    async def owed(
        self, caller: Terminal, *, skip: Collection[int], lane: int, limit: int
    ) -> Sequence[Owed]:
        found = await super().owed(caller, skip=skip, lane=lane, limit=limit)
        return self._attack.owed(caller, found)


class Withhold:
    """Never hands out the second message to this post, in whatever envelope."""

    def __init__(self, post: str) -> None:
        self._post = post
        self._seen: dict[bytes, None] = {}  # message ids, in the order they came

    def owed(self, caller: Terminal, owed: Sequence[Owed]) -> Sequence[Owed]:
        if caller.post != self._post:
            return owed
        self._seen.update((bytes(one.message_id), None) for one in owed)
        kept = list(self._seen)[1:2]
        return [one for one in owed if one.message_id not in kept]


class Reverse:
    """Hands out the last first."""

    def owed(self, caller: Terminal, owed: Sequence[Owed]) -> Sequence[Owed]:  # noqa: ARG002 -- its words
        return owed[::-1]


class Repeat:
    """Hands out each delivery a second time, under a cursor of its own."""

    def __init__(self) -> None:
        self._repeated: set[tuple[Mailbox, int]] = set()

    def owed(self, caller: Terminal, owed: Sequence[Owed]) -> Sequence[Owed]:
        more = []
        for one in owed:
            name = (caller.mailbox, one.delivery.index)
            if name not in self._repeated:
                self._repeated.add(name)
                cursor = one.delivery.cursor + (1 << 40)
                more.append(
                    replace(one, delivery=structs.replace(one.delivery, cursor=cursor))
                )
        return [*owed, *more]


class Exchange:
    """Puts the body of the message before into each envelope."""

    def __init__(self) -> None:
        self._body: dict[Mailbox, bytes] = {}

    def owed(self, caller: Terminal, owed: Sequence[Owed]) -> Sequence[Owed]:
        changed = []
        for one in owed:
            body = self._body.setdefault(caller.mailbox, one.body)
            changed.append(replace(one, body=body))
        return changed
