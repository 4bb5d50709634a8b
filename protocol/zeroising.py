"""Orders to destroy a vault: two operators give one, the terminal that it names obeys.

An order stands in the key log and, because a terminal that was suspended reads that no
more, on the witnesses' boards as well (:mod:`protocol.bulletins`).  It ends nothing by
itself: a key that must not count any more is restricted or revoked.

Source: docs/spec/root-and-directory.md, DIR-12.
"""

from dataclasses import replace

from crypto.sign import Usage
from crypto.types import KeyId
from protocol.codec import decode
from protocol.directory_rules import ZEROISE_OPERATORS
from protocol.directory_state import State
from protocol.errors import MalformedError
from protocol.restriction import ZeroiseOrder
from protocol.signed import Signed, require, signers
from protocol.trusted_root import TrustedRoot


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


def zeroise(state: State, order: ZeroiseOrder) -> State:
    """Return the state in which the terminal with this key is to destroy itself."""
    return replace(state, zeroised=state.zeroised | {order.key})
