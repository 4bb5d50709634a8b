"""What stopped an envelope: the cause behind the one error that is shown."""

import pytest

from client.core.sealing import UnreadableError
from protocol.errors import BindingError
from tests.support.posts import Station


def stopped_by(victim: Station, envelope: bytes) -> str:
    """Return the broken binding, or the name of the error that stopped it."""
    with pytest.raises(UnreadableError, match=r"\Aunreadable\Z") as caught:
        victim.open_bytes(envelope)
    cause = caught.value.__cause__
    return cause.binding if isinstance(cause, BindingError) else type(cause).__name__
