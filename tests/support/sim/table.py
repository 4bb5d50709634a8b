"""Which rows of the delivery table a world takes, counted as it takes them.

The table is :data:`protocol.delivery.EDGES`, which the specification prints; a row is
taken when the core of some terminal moved a delivery along it.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from protocol import delivery


def row(before: delivery.State, event: type[delivery.Event], to: delivery.State) -> str:
    """Return a row as a campaign counts it."""
    return f"{before.name} -{event.__name__}-> {to.name}"


ROWS = frozenset(
    row(before, event, to)
    for before, events in delivery.EDGES.items()
    for event, to in events.items()
)


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count rows, in every core of this process, until the block ends."""
    taken: Counter[str] = Counter()
    step = delivery.step

    def noting(one: delivery.Delivery, event: delivery.Event) -> delivery.Step:
        found = step(one, event)
        if found[0].state is not one.state:
            taken[row(one.state, type(event), found[0].state)] += 1
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "step", noting)
        yield taken
