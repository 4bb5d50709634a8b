"""Whether the member at the desk may be shown a record: asked each time.

The terminal received it under the terminal's clearance; a member's may be lower, and
may have changed since (docs/spec/labels.md, LBL-10).
"""

from client.core.identity import Identity
from protocol.decision import may_show
from protocol.directory_view import DirectoryView
from protocol.errors import PolicyError, Reason
from protocol.record import Record


def require_shown(
    record: Record, who: Identity, view: DirectoryView, *, now: int
) -> None:
    """Return if the member who unlocked this terminal may see ``record``.

    Args:
        record: what is to be shown, printed or acknowledged.
        who: the terminal and its member.
        view: the directory as it is effective now.
        now: witnessed time, POSIX seconds.

    Raises:
        PolicyError: the first rule against it, with the member's post.
    """
    member = None if who.member is None else view.member(who.member.id)
    if member is None:
        raise PolicyError(Reason.MEMBER_NOT_ACTIVE, post=who.post)
    for refusal in may_show(member, record.label, view.policy, now=now):
        raise PolicyError(refusal.reason, post=refusal.post)
