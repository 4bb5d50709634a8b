"""Who this terminal is: its keys, and the one member who has unlocked it."""

from dataclasses import dataclass

from crypto.sign import Realm, SigningKey


@dataclass(frozen=True, slots=True)
class Identity:
    """Keys of an unlocked terminal."""

    realm: Realm  # of the root that this terminal was founded with
    post: str
    terminal: SigningKey
    member: SigningKey | None  # None: nobody is at the desk; machine records only
