"""Show what operators sign, from docs/spec/root-and-directory.md alone.

The very bytes to be signed are read and written out as lines for a person, after
the signatures over them have been verified.  A field that these lines do not know
is refused: an operator must not sign what was not shown.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from tests.second.plain_cbor import Plain, read
from tests.second.plain_crypto import composite_verify, key_id, t
from tests.second.plain_envelope import as_bytes, as_list, as_map, demand

ACTIONS = (  # numbered from 1, in the order of the table in section 4
    "ENROL",
    "RE_ENROL",
    "ADD_TERMINAL",
    "ADD_MEMBER",
    "ROTATE",
    "SET_RIGHTS",
    "SET_DETAILS",
    "LIFT",
    "REVOKE",
)
LEVELS = ("Ongerubriceerd", "Dep.V", "Stg.C", "Stg.G", "Stg.ZG")


class Where(NamedTuple):
    """What a proof of possession is bound to."""

    realm: str
    post: str
    action: int
    prev: bytes


def verified(
    carrier: bytes, operators: dict[bytes, tuple[int, bytes]], realm: str
) -> tuple[bytes, set[bytes]]:
    """Return the document and who signed it: operators by key id, suite, public."""
    signed = as_map(read(carrier))
    document = as_bytes(signed[0])
    who = set()
    for line in as_list(signed[1]):
        name, signature = map(as_bytes, as_list(line, 2))
        if name in operators:
            suite, public = operators[name]
            composite_verify(suite, public, signature, f"{realm}/v1/dir", document)
            who.add(name)
    return document, who


def rendered(document: bytes, realm: str) -> list[str]:
    entry = as_map(read(document))
    demand(set(entry) == set(range(9)) and entry[0] == 1, "an entry of v1")
    number, post = entry[2], entry[3]
    assert isinstance(number, int)
    demand(1 <= number <= len(ACTIONS), "a known action")
    action = ACTIONS[number - 1]
    lines = [
        f"{action} {_text(post)}, version {_text(entry[4])} after {_short(entry[5])}",
        f"under root {_short(entry[1])}, open until {_day(entry[6])}",
        f"reason: {_text(entry[7])}",
    ]
    change = as_map(read(as_bytes(entry[8])))
    where = Where(realm, _text(post), number, as_bytes(entry[5]))
    return lines + _change(action, change, where)


def _change(action: str, change: dict[int, Plain], where: Where) -> list[str]:
    if action in {"ENROL", "RE_ENROL"}:
        return _enrolment(change, where)
    if action == "SET_DETAILS":
        return _names(change[0])
    if action == "REVOKE" and 0 not in change:
        return ["ends the post and all its keys"]
    shown: dict[str, Callable[[Plain], str]] = {
        "ADD_TERMINAL": lambda one: _terminal(one, where),
        "ADD_MEMBER": lambda one: _member(one, where),
        "ROTATE": lambda one: _rotation(one, where),
        "SET_RIGHTS": _rights,
        "LIFT": lambda one: f"ends restriction {_short(one)}",
        "REVOKE": lambda one: f"ends key {_short(one)}",
    }
    line = shown[action]
    demand(set(change) == {0}, "one list")
    return [line(one) for one in as_list(change[0])]


def _names(value: Plain) -> list[str]:
    names = as_map(value)
    collectives = [_text(one) for one in as_list(names.get(2, []))]
    reached = ", ".join(collectives) or "no collective address"
    return [f"named {_text(names[0])} / {_text(names[1])}, reached by {reached}"]


def _rotation(value: Plain, where: Where) -> str:
    new = as_map(value)
    key = _proven(new[1], new[3], where)
    return f"key {_short(new[0])} becomes {key}, until {_day(new[2])}"


def _rights(value: Plain) -> str:
    new = as_map(value)
    whose = f"key {_short(new[0])}" if 0 in new else "the post"
    releases = f", releases {_level(new[2])}" if 2 in new else ""
    return f"{whose} is cleared for {_clearance(new[1])}{releases}"


def _enrolment(change: dict[int, Plain], where: Where) -> list[str]:
    recovery = as_map(change[2])
    lines = [
        *_names(change[0]),
        f"cleared for {_clearance(change[1])}",
        f"paper key {_proven(recovery[0], recovery[1], where)}",
    ]
    lines += [_terminal(one, where) for one in as_list(change.get(3, []))]
    lines += [_member(one, where) for one in as_list(change.get(4, []))]
    ended = as_list(change.get(5, []))
    return lines + [f"ends restriction {_short(one)}" for one in ended]


def _terminal(value: Plain, where: Where) -> str:
    new = as_map(value)
    return (
        f"terminal {_text(new[0])}: key {_proven(new[1], new[5], where)}, mailbox "
        f"{_short(new[2])}, {_clearance(new[3])}, until {_day(new[4])}"
    )


def _member(value: Plain, where: Where) -> str:
    new = as_map(value)
    releases = f"releases {_level(new[3])}" if 3 in new else "releases nothing"
    return (
        f"member {_text(new[1])}: key {_proven(new[0], new[5], where)}, "
        f"{_clearance(new[2])}, {releases}, until {_day(new[4])}"
    )


def _proven(key: Plain, proof: Plain, where: Where) -> str:
    """Verify the proof of possession (B23), and name the key."""
    suite, public = as_list(key, 2)
    assert isinstance(suite, int)
    nonce, signature = (as_bytes(as_map(proof)[index]) for index in (0, 1))
    message = t(
        b"koerier/v1/possession",
        as_bytes(public),
        where.post.encode(),
        bytes([where.action]),
        nonce,
        where.prev,
    )
    context = f"{where.realm}/v1/possession"
    composite_verify(suite, as_bytes(public), signature, context, message)
    return _short(key_id(suite, as_bytes(public)))


def _clearance(value: Plain) -> str:
    fields = as_map(value)
    caveats = [f"caveat {_text(one)}" for one in as_list(fields.get(1, []))]
    schemes = [_text(one) for one in as_list(fields.get(2, []))]
    return " ".join([_level(fields[0]), *caveats, *schemes])


def _level(value: Plain) -> str:
    assert isinstance(value, int)
    return LEVELS[value]


def _text(value: Plain) -> str:
    demand(isinstance(value, int | str), "a text or a number")
    return str(value)


def _short(value: Plain) -> str:
    return as_bytes(value).hex()[:16]


def _day(value: Plain) -> str:
    assert isinstance(value, int)
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d")
