"""Who must sign what: the table that the specification prints.

One row per action: how many distinct operators over identical bytes at least (a
root document may ask more, never fewer), and who else.  Widening what somebody may
read or say never takes fewer than two operators; only the safe direction is open to
fewer: a restriction (:mod:`protocol.restriction`) and a post that revokes itself.

Source: docs/spec/root-and-directory.md section 4 (a test compares the tables).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from protocol.directory_entry import Action

ZEROISE_OPERATORS: Final = 2  # for an order to destroy a vault


@dataclass(frozen=True, slots=True)
class Rule:
    """One action's row."""

    operators: int
    possession: bool  # each new key proves itself (B23)
    also: str  # who else signs, in the specification's words


RULES: Final[Mapping[Action, Rule]] = MappingProxyType(
    {
        Action.ENROL: Rule(2, possession=True, also="nobody"),
        Action.RE_ENROL: Rule(2, possession=True, also="nobody"),
        Action.ADD_TERMINAL: Rule(
            2,
            possession=True,
            also="beside a live terminal: a live terminal or the paper key of the "
            "post, else usable a while after it was witnessed (policy: 24 h)",
        ),
        Action.ADD_MEMBER: Rule(2, possession=True, also="nobody"),
        Action.ROTATE: Rule(2, possession=True, also="each old key"),
        Action.SET_RIGHTS: Rule(2, possession=False, also="nobody"),
        Action.SET_DETAILS: Rule(2, possession=False, also="nobody"),
        Action.LIFT: Rule(2, possession=False, also="nobody"),
        Action.REVOKE: Rule(
            2,
            possession=False,
            also="instead of operators: every key that it ends",
        ),
    }
)
