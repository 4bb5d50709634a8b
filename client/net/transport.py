"""What carries a session's messages to the relay, whichever way they travel."""

from collections.abc import Sequence
from typing import Final, Protocol

DAY_KEY: Final = "Koerier-Day-Key"  # header: the relay's day key that is known here
QUIET: Final = 10.0  # seconds for each step before the session is open


class LinkError(Exception):
    """The connection could not be made or has ended; ``alarm`` says if that is odd.

    A relay that is not the one of the root document is an alarm: the wrong pin, or a
    challenge that its key did not sign.  A cut is none.
    """

    def __init__(self, *, alarm: bool) -> None:
        super().__init__("not the relay of the root document" if alarm else "cut")
        self.alarm = alarm


class NotCarriedError(LinkError):
    """Something on the way lets this kind of connection not pass."""

    def __init__(self) -> None:
        super().__init__(alarm=False)


class Transport(Protocol):
    """One connection: first the handshake's messages, then cells."""

    @property
    def at_once(self) -> int:
        """How many cells one ``send`` may carry."""

    async def receive(self, limit: float | None) -> bytes:
        """Return the next message.

        Args:
            limit: seconds; None: for as long as the connection shows life.

        Raises:
            LinkError: the connection has ended, or ``limit`` seconds have passed.
        """

    async def send(self, messages: Sequence[bytes]) -> None:
        """Send messages in this order; return when more may be sealed.

        Raises:
            LinkError: the connection has ended.
        """
