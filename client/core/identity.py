"""Who this terminal is: its keys, and the one member who has unlocked it."""

from dataclasses import dataclass

from crypto.sign import Realm, SigningKey


@dataclass(slots=True)
class Identity:
    """Keys of an unlocked terminal.

    ``member`` changes when another member sits down (:meth:`Machine.take_seat`), so
    that every part of the core speaks of the same person; nothing else changes.
    """

    realm: Realm  # of the root that this terminal was founded with
    post: str
    terminal: SigningKey
    member: SigningKey | None  # None: nobody is at the desk; machine records only

    @property
    def signer(self) -> bytes:
        """The member's key id; nothing while nobody is at the desk."""
        return b"" if self.member is None else self.member.id
