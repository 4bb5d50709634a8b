"""The policy in a file that people write: TOML, only what differs from the default.

::

    ceiling = "Stg.C"
    epoch = 43200                     # seconds, as everywhere in the policy
    deadlines = [0, 7200, 3600, 600]

    [levels."Stg.C"]
    freshness = 7200
    second_member = 1

    [[equivalences]]                  # if given: instead of the default's table
    scheme = "EU"
    marking = "RESTREINT UE/EU RESTRICTED"
    level = "Dep.V"

What the numbers mean stands in docs/spec/labels.md section 6.  A name that the policy
does not have is refused: a misspelt safeguard must not be a missing one.
"""

import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import structs

from client.home import HomeError
from protocol.codec import decode, encode
from protocol.errors import MalformedError
from protocol.label import SHORT, Level
from protocol.policy import Equivalence, LevelRule, Policy

_LEVELS: Final = {word: level for level, word in SHORT.items()}
_AS_LEVEL: Final = frozenset({"ceiling", "standing"})


def read_policy(path: Path, default: Policy) -> Policy:
    """Return ``default`` with what the file changes.

    Raises:
        HomeError: not TOML, an unknown name, or a value that cannot be.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        policy = structs.replace(default, **_changes(table, default))
        return decode(encode(policy), Policy)  # types and bounds, as in a document
    except (
        UnicodeDecodeError,
        tomllib.TOMLDecodeError,
        MalformedError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        why = "" if isinstance(error, MalformedError) else str(error)
        raise HomeError("root.bad-policy", file=path, why=why or "?") from None


def _changes(table: dict[str, Any], default: Policy) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in table.items():
        if name == "levels":
            changes[name] = _levels(value, default)
        elif name == "equivalences":
            rows = [_row(Equivalence, row) for row in value]
            changes[name] = tuple(sorted(rows, key=lambda r: (r.scheme, r.marking)))
        elif name in _AS_LEVEL:
            changes[name] = _LEVELS[value]
        else:
            changes[name] = tuple(value) if isinstance(value, list) else value
    return changes


def _levels(table: dict[str, Any], default: Policy) -> tuple[LevelRule, ...]:
    rules = {rule.level: rule for rule in default.levels}
    for word, changed in table.items():
        level: Level = _LEVELS[word]
        rules[level] = structs.replace(rules[level], **changed)
    return tuple(rules.values())


def _row(of: type[Equivalence], row: dict[str, Any]) -> Equivalence:
    return of(**{**row, "level": _LEVELS[row["level"]]})


def policy_fields(policy: Policy) -> dict[str, Any]:
    """Return the policy's plain fields by name: all but its two tables."""
    return {
        field: getattr(policy, field)
        for field in msgspec.structs.asdict(policy)
        if field not in {"levels", "equivalences"}
    }
