"""Keys that were drawn to follow others and wait for their entry in the directory.

    keys/terminal-next.key   the terminal's next seed, boxed under the vault key
    member.next.NAME         in the database: a member's next seed, under their own key

A key is kept before anybody is asked to enrol it; asked again, the same one serves
until it is there.  When the directory has it, it takes the place of the old one,
which is gone then.  Which of two is in use the directory decides, so a crash between
the two steps of that changes nothing: the next start takes them.
"""

from collections.abc import Callable
from typing import Final

from client.files import sync_folder, write_atomic
from client.home import Home, HomeError
from client.vault.database import Database
from client.vault.locked import Unlocked
from client.vault.making import draw_signing_key, keep_member, keep_terminal
from client.vault.opening import MEMBER_BOX
from crypto.entropy import Entropy
from crypto.errors import OpenError
from crypto.recordbox import open_box, seal_box
from crypto.sign import SigningKey
from crypto.suite import SuiteId
from crypto.types import PublicKey, Secret
from protocol.codec import Message, decode, encode
from protocol.fields import V1

TERMINAL_NEXT: Final = "terminal-next.key"
_BOX: Final = b"terminal-next"
_NEXT: Final = "member.next."


class _Waiting(Message):
    """A member's next key."""

    v: V1
    public: bytes
    box: bytes


class NextKeys:
    """The keys of one unlocked home that wait."""

    def __init__(
        self, home: Home, key: Secret, database: Database, entropy: Entropy
    ) -> None:
        self._path = home.keys / TERMINAL_NEXT
        self._home = home
        self._key = key
        self._database = database
        self.entropy = entropy

    # --- the terminal's

    def terminal(self) -> Secret | None:
        """Return the seed of the terminal's next key, if one was drawn.

        Raises:
            HomeError: the file is damaged.
        """
        if not self._path.exists():
            return None
        try:
            return Secret(open_box(self._key, _BOX, b"", self._path.read_bytes()))
        except OpenError:
            raise HomeError("vault.hurt", file=self._path) from None

    def draw_terminal(self, suite: SuiteId) -> SigningKey:
        """Return the terminal's next key; durable when this returns."""
        seed = self.terminal()
        if seed is not None:
            return SigningKey.from_seed(suite, seed)
        seed, key = draw_signing_key(suite, self.entropy)
        box = seal_box(self._key, _BOX, b"", seed.reveal(), self.entropy)
        write_atomic(self._path, box)
        # A crash here: nobody was asked yet, and the next request takes this key.
        return key

    def settle_terminal(self) -> None:
        """Put the next key in the place of the old one: the directory has it."""
        seed = self.terminal()
        if seed is None:
            return
        keep_terminal(self._home, self._key, seed, self.entropy)
        # A crash here: both files hold the same key, and the next start removes one.
        self._path.unlink()
        sync_folder(self._home.keys)

    # --- a member's

    def member(self, opened: Unlocked) -> Secret | None:
        """Return the seed of a member's next key, if one was drawn.

        Raises:
            HomeError: it is not under this member's key.
        """
        waiting = self._waiting(opened.who)
        if waiting is None or opened.own is None:
            return None
        try:
            name = opened.who.encode()
            return Secret(open_box(opened.own, MEMBER_BOX, name, waiting.box))
        except OpenError:
            raise HomeError("vault.no-member", name=opened.who) from None

    def draw_member(self, suite: SuiteId, opened: Unlocked) -> SigningKey:
        """Return a member's next key; durable when this returns.

        Raises:
            HomeError: the member has no key of their own here.
        """
        seed = self.member(opened)
        if seed is not None:
            return SigningKey.from_seed(suite, seed)
        if opened.own is None:
            raise HomeError("vault.no-member", name=opened.who)
        seed, key = draw_signing_key(suite, self.entropy)
        name = opened.who.encode()
        box = seal_box(opened.own, MEMBER_BOX, name, seed.reveal(), self.entropy)
        waiting = encode(_Waiting(v=1, public=key.public, box=box))
        with self._database.transaction():
            self._database.put(_NEXT + opened.who, waiting)
        return key

    def settle_members(self, enrolled: Callable[[PublicKey], bool]) -> None:
        """Put the next keys that are enrolled in the place of the old ones.

        Nobody's passphrase is needed: the box stays under the member's own key.
        """
        for name, waiting in self._members():
            if not enrolled(PublicKey(waiting.public)):
                continue
            with self._database.transaction():
                keep_member(self._database, name, waiting.public, waiting.box)
                self._database.run("DELETE FROM meta WHERE name = ?", _NEXT + name)

    def _members(self) -> list[tuple[str, _Waiting]]:
        rows = self._database.rows(
            "SELECT name, value FROM meta WHERE name LIKE ?", _NEXT + "%"
        )
        return [(name[len(_NEXT) :], decode(value, _Waiting)) for name, value in rows]

    def _waiting(self, name: str) -> _Waiting | None:
        return dict(self._members()).get(name)
