"""How a session ends: what ended it, and the one code that the peer is told."""

from collections.abc import Iterator

from aiohttp import WSCloseCode

from protocol.errors import ProtocolError


class EndedError(Exception):
    """The session is over; ``code`` is what the peer is told."""

    def __init__(self, code: WSCloseCode) -> None:
        super().__init__(code.name)
        self.code = code


async def raised(error: EndedError) -> None:
    """Raise it: a step that ends the session (:mod:`server.web.turns`)."""
    raise error


def code_of(group: BaseExceptionGroup[BaseException]) -> WSCloseCode:
    """Return how the session ended; raise the first thing that no peer can cause."""
    peers, ours = group.split((EndedError, ProtocolError, ConnectionError))
    for error in () if ours is None else _flat(ours):
        raise error
    for error in () if peers is None else _flat(peers):
        if isinstance(error, EndedError):
            return error.code
    return WSCloseCode.POLICY_VIOLATION


def _flat(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flat(error)
        else:
            yield error
