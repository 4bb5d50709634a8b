"""Changes that an operator types: rights, details, lifts and ends.

Whom a change is about is typed as people call it, a terminal's number, a member's name
or the beginning of a key id, and looked up in the directory that this terminal adopted;
without one, the whole key id says it.  What comes out is shown from its bytes before it
is signed (:mod:`client.operator.showing`, :mod:`client.operator.effects`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from client.home import HomeError
from client.operator.addition import Position
from crypto.types import Digest, KeyId
from protocol.directory_entry import (
    Action,
    Change,
    ChangedDetails,
    ChangedRights,
    Details,
    Lift,
    Revocation,
    Rights,
)
from protocol.directory_state import Holder, PostRecord, State
from protocol.label import Caveat, Clearance, Level
from protocol.proposal import Place
from protocol.restrictions import cuts, post_cuts

ACTIONS: Final[dict[type[Change], Action]] = {
    ChangedRights: Action.SET_RIGHTS,
    ChangedDetails: Action.SET_DETAILS,
    Lift: Action.LIFT,
    Revocation: Action.REVOKE,
}
KEY_ID_HEX: Final = 64  # characters of a whole key id


@dataclass(frozen=True, slots=True)
class Whom:
    """Whose key is meant, as typed; nothing set: the whole post."""

    key: str | None = None  # beginning of a key id, hexadecimal
    terminal: int | None = None  # its number
    member: str | None = None  # the name

    @property
    def one(self) -> bool:
        """Whether one holder is meant, by one of the three."""
        return (
            sum(part is not None for part in (self.key, self.terminal, self.member))
            == 1
        )

    @property
    def whole_post(self) -> bool:
        """Whether nobody is named."""
        return self == Whom()


def place_at(where: Position, change: Change) -> Place:
    """Return the place of a typed change at a position that a terminal wrote."""
    return Place(
        root=where.root,
        post=where.post,
        action=ACTIONS[type(change)],
        version=where.version,
        prev=where.prev,
    )


def typed_key(typed: str) -> KeyId:
    """Return the key id that was typed whole.

    Raises:
        HomeError: not 64 hexadecimal characters.
    """
    try:
        if len(typed) == KEY_ID_HEX:
            return KeyId(bytes.fromhex(typed))
    except ValueError:
        pass
    raise HomeError("operator.whole-key", key=typed)


def find_post(state: State, post: str) -> PostRecord:
    """Return the post.

    Raises:
        HomeError: the directory does not have it.
    """
    record = state.posts.get(post)
    if record is None:
        raise HomeError("operator.no-post", post=post)
    return record


def find_holder(record: PostRecord, whom: Whom) -> Holder:
    """Return the one live holder of the post that is meant.

    Raises:
        HomeError: nobody, or more than one.
    """
    found = [holder for holder in record.live() if _meant(holder, whom)]
    if len(found) != 1:
        code = "operator.nobody" if not found else "operator.several"
        raise HomeError(code, post=record.post)
    return found[0]


def find_terminal(record: PostRecord, whom: Whom) -> Holder:
    """Return the one terminal of the post that is meant, ended or not.

    Raises:
        HomeError: none, or more than one.
    """
    found = [
        holder
        for holder in record.holders
        if holder.mailbox is not None and _meant(holder, whom)
    ]
    if len(found) != 1:
        code = "operator.nobody" if not found else "operator.several"
        raise HomeError(code, post=record.post)
    return found[0]


def find_key(state: State, typed: str) -> KeyId:
    """Return the one current key of any post that begins as ``typed``.

    Raises:
        HomeError: none, or more than one.
    """
    found = {
        holder.current
        for record in state.posts.values()
        for holder in record.live()
        if holder.current.hex().startswith(typed.lower())
    }
    if len(found) != 1:
        code = "operator.nobody" if not found else "operator.several"
        raise HomeError(code, post="")
    return found.pop()


def rights_of(
    level: Level, release: Level | None, *, eyes_only: bool, schemes: Iterable[str]
) -> tuple[Clearance, Level | None]:
    """Return a clearance and the highest level to release, as typed."""
    caveats = (Caveat.NLD_EYES_ONLY,) if eyes_only else ()
    held = tuple(sorted(set(schemes)))
    return Clearance(level=level, caveats=caveats, schemes=held), release


def changed_rights(
    key: KeyId | None, cleared: Clearance, release: Level | None
) -> ChangedRights:
    """Return new rights of one holder, or of the whole post."""
    rights = Rights(key=key, clearance=cleared, may_release=release)
    return ChangedRights(rights=(rights,))


def changed_details(
    before: Details | None,
    *,
    name_nl: str | None,
    name_en: str | None,
    collectives: tuple[str, ...] | None,
) -> ChangedDetails:
    """Return new details: what is not typed stays.

    Raises:
        HomeError: it is not known what stays.
    """
    if before is None:
        if name_nl is None or name_en is None or collectives is None:
            raise HomeError("operator.all-details")
        before = Details(name_nl=name_nl, name_en=name_en)
    changed = {
        "name_nl": name_nl,
        "name_en": name_en,
        "collectives": None if collectives is None else tuple(sorted(set(collectives))),
    }
    new = {name: value for name, value in changed.items() if value is not None}
    return ChangedDetails(details=structs.replace(before, **new))


def standing(state: State, record: PostRecord) -> list[Digest]:
    """Return the restrictions that stand against the post and its live holders."""
    found = {cut.digest for cut in post_cuts(state, record)}
    for holder in record.live():
        found |= {cut.digest for cut in cuts(state, record, holder)}
    return sorted(found)


def lift(state: State, record: PostRecord, typed: Iterable[str]) -> Lift:
    """Return the lift of the restrictions that were typed, or of all that stand.

    Raises:
        HomeError: none stands, or one that was typed does not.
    """
    stand = standing(state, record)
    wanted = []
    for beginning in typed:
        fit = [name for name in stand if name.hex().startswith(beginning.lower())]
        if len(fit) != 1:
            raise HomeError("operator.no-restriction", post=record.post)
        wanted += fit
    ends = tuple(sorted({*wanted})) or tuple(stand)
    if not ends:
        raise HomeError("operator.no-restriction", post=record.post)
    return Lift(ends=ends)


def typed_restrictions(typed: Iterable[str]) -> Lift:
    """Return the lift of restrictions that were typed whole.

    Raises:
        HomeError: none, or not 64 hexadecimal characters.
    """
    ends = {Digest(typed_key(one)) for one in typed}
    if not ends:
        raise HomeError("operator.whole-key", key="")
    return Lift(ends=tuple(sorted(ends)))


def revoked(*keys: KeyId) -> Revocation:
    """Return the end of these keys; of the whole post without any."""
    return Revocation(keys=keys)


def _meant(holder: Holder, whom: Whom) -> bool:
    if whom.terminal is not None:
        return holder.mailbox is not None and holder.number == whom.terminal
    if whom.member is not None:
        return holder.mailbox is None and holder.name == whom.member
    key = (whom.key or "").lower()
    return bool(key) and holder.current.hex().startswith(key)
