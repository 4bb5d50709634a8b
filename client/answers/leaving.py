"""A member leaves this terminal: their ways in are taken away, the archive stays.

The directory comes first: two operators end the member's key, and what the member
released is at its addressees by then.  Here goes what is left of them, the place at
the keyboard.  Everything that they wrote, read and acknowledged stays in the vault,
which is the post's and not theirs.
"""

from typing import Any, Final

from client.core.machine import Machine
from client.exits import AgentRefusal, Exit
from client.files import write_atomic
from client.home import Home, HomeError
from client.vault.locked import LastError, Unlocked, holds, without
from client.vault.next_keys import NextKeys
from client.vault.opening import VAULT_KEY, OpenVault, key_lock, member_seed
from crypto.sign import key_id
from crypto.types import KeyId, PublicKey
from protocol.codec import decode
from protocol.delivery import State
from protocol.directory_view import Member
from protocol.limits import MAX_RECORD
from protocol.record import Record
from protocol.record_type import RULES, RecordType

LEFT: Final = "member-left"  # the event
# A receipt under a key that has ended counts if its leaf was witnessed before the end.
_UNPROVEN: Final = frozenset({State.COMPOSED, State.SEALED, State.STORED})


class Leaving:
    """What is asked when somebody goes."""

    def __init__(
        self, home: Home, vault: OpenVault, machine: Machine, following: NextKeys
    ) -> None:
        self._home = home
        self._vault = vault
        self._machine = machine
        self._following = following

    def waiting(self, public: bytes) -> int:
        """Return how many records under this member's key are still on their way.

        While any is, the key is needed: what is sealed after its end is only evidence
        to whoever gets it.
        """
        keys = self._keys(public)
        found = set()
        for target in self._vault.store.open_targets():
            row = self._vault.store.record(target.name)
            if row is None:
                continue
            by = decode(row.document, Record, limit=MAX_RECORD).by
            needed = RULES[RecordType(row.type)].labelled
            if keys.intersection(by) and (needed or target.delivery.state in _UNPROVEN):
                found.add(target.name)
        return len(found) + sum(self._unsigned(key) for key in keys)

    def remove(self, name: str, by: Unlocked, seated: str, now: int) -> Any:  # noqa: ANN401 -- JSON
        """Take away a member's place; ``by`` is another member, who typed.

        Raises:
            HomeError: nobody of that name, or whoever would stay is not a member.
            AgentRefusal: the directory still has the member, or they sit here.
        """
        member_seed(self._vault.database, by)  # a member here, by their own key
        public = self._public(name)
        file = self._home.keys / VAULT_KEY
        if public is None and not holds(file.read_bytes(), name):
            raise HomeError("member.nobody", name=name)
        self._require(name, by, seated, public)
        with key_lock(self._home):
            try:
                left = without(file.read_bytes(), name)
            except LastError:
                raise HomeError("member.last") from None
            write_atomic(file, left)
        # A crash here: nobody gets in as them any more; the same again does the rest.
        unsigned = 0
        with self._vault.database.transaction():
            for key in () if public is None else self._keys(public):
                unsigned += self._unsigned(key)
                self._vault.database.run(
                    "DELETE FROM receipt_due WHERE signer = ?", key
                )
            self._vault.database.run("DELETE FROM member WHERE name = ?", name)
            self._following.forget_member(name)
            self._vault.store.add_event(now, LEFT, None, self._machine.identity.post)
        return {"name": name, "unsigned": unsigned}

    def _require(
        self, name: str, by: Unlocked, seated: str, public: bytes | None
    ) -> None:
        """Refuse where the post would lose somebody whom it still has or needs."""
        if by.who == name:
            raise HomeError("member.own-place")
        if seated == name:
            raise AgentRefusal("member.sits-here", Exit.REFUSED, {"name": name})
        if public is not None and _current(self._member(public)):
            raise AgentRefusal("member.still-enrolled", Exit.REFUSED, {"name": name})
        stays = self._public(by.who)
        if stays is None or not _current(self._member(stays)):
            raise AgentRefusal("member.not-enrolled", Exit.REFUSED, {"name": by.who})

    def _public(self, name: str) -> bytes | None:
        query = "SELECT public FROM member WHERE name = ?"
        found = self._vault.database.row(query, name)
        return None if found is None else bytes(found[0])

    def _member(self, public: bytes) -> Member | None:
        beliefs, suite = self._machine.beliefs, self._machine.identity.terminal.suite
        return beliefs.view().member(key_id(suite, PublicKey(public)))

    def _keys(self, public: bytes) -> frozenset[KeyId]:
        own = key_id(self._machine.identity.terminal.suite, PublicKey(public))
        known = None
        if self._machine.beliefs.directory is not None:
            known = self._member(public)
        return frozenset({own, *(() if known is None else known.lineage)})

    def _unsigned(self, key: KeyId) -> int:
        query = "SELECT COUNT(*) FROM receipt_due WHERE signer = ?"
        found = self._vault.database.row(query, key)
        return 0 if found is None else int(found[0])


def _current(member: Member | None) -> bool:
    return member is not None and member.ended is None
