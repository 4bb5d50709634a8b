"""Orders to destroy a vault: two operators give one, the terminal that it names obeys.

An order stands in the key log and, because a terminal that was suspended reads that no
more, on the witnesses' boards as well (:mod:`protocol.bulletins`).  It ends nothing by
itself: a key that must not count any more is restricted or revoked.

Source: docs/spec/root-and-directory.md, DIR-12.
"""

from dataclasses import replace
from typing import Final

from crypto.sign import Usage
from crypto.types import KeyId
from protocol.codec import decode
from protocol.directory_rules import ZEROISE_OPERATORS
from protocol.directory_state import State
from protocol.errors import ExpiredError, MalformedError
from protocol.policy import WEEK
from protocol.restriction import ZeroiseOrder
from protocol.signed import Signed, require, signers
from protocol.trusted_root import TrustedRoot

OPEN: Final = WEEK  # seconds from an order's time for it to be signed and logged


def is_order(signed: Signed) -> bool:
    """Tell whether the document has the form of an order; nothing is believed yet.

    It only says which usage its signatures must have: an order that was signed as a
    restriction is neither.
    """
    try:
        decode(signed.document, ZeroiseOrder)
    except MalformedError:
        return False
    return True


def zeroise_order(
    root: TrustedRoot, signed: Signed
) -> tuple[ZeroiseOrder, frozenset[KeyId]]:
    """Return the order and the operators who gave it: two or more.

    Raises:
        MalformedError: not an order.
        VerificationError: a signature fails.
        ThresholdError: fewer than two operators.
    """
    who = signers(signed, root.operators, usage=Usage.ZEROISE, realm=root.realm)
    require(who, permitted=root.operators.keys(), required=ZEROISE_OPERATORS)
    return decode(signed.document, ZeroiseOrder), who


def closes(order: ZeroiseOrder) -> int:
    """Return when tools sign an order no more, and relays log it no more."""
    return order.time + OPEN


def require_timely(order: ZeroiseOrder, now: int) -> None:
    """Return if the order may still be approved and logged.

    Who reads it in the log or on a board does not ask: it never lapses there.

    Raises:
        ExpiredError: propose again.
    """
    if now >= closes(order):
        raise ExpiredError("an order")


def zeroise(state: State, order: ZeroiseOrder) -> State:
    """Return the state in which the terminal with this key is to destroy itself."""
    return replace(state, zeroised=state.zeroised | {order.key})
