"""Who this terminal is: its keys, and the one member who has unlocked it."""

from dataclasses import dataclass

from crypto.sign import Realm, SigningKey


@dataclass(slots=True)
class Identity:
    """Keys of an unlocked terminal.

    ``member`` changes when another member sits down (:meth:`Machine.take_seat`), so
    that every part of the core speaks of the same person.  A key that was drawn to
    follow another waits beside it, and takes its place when the directory says so
    (:mod:`client.core.rotation`); nothing else changes.
    """

    realm: Realm  # of the root that this terminal was founded with
    post: str
    terminal: SigningKey
    member: SigningKey | None  # None: nobody is at the desk; machine records only
    next_terminal: SigningKey | None = None  # drawn, not in the directory yet
    next_member: SigningKey | None = None

    def shaking_hands(self, failures: int) -> SigningKey:
        """Return the key to open a session with.

        A relay that adopted our rotation before we did knows the next key only, and
        shows us the entry in no other session: so every second attempt takes it.
        """
        if self.next_terminal is None or failures % 2 or not failures:
            return self.terminal
        return self.next_terminal

    @property
    def signer(self) -> bytes:
        """The member's key id; nothing while nobody is at the desk."""
        return b"" if self.member is None else self.member.id
