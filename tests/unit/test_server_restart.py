"""A start costs the same whatever is queued: SQLite's own steps are counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from server.storage.opening import check_store, open_store
from tests.support.ministry import ministry
from tests.support.queued import queue
from tests.support.relay import submit_to, working
from tests.support.virtual_relay import Clock, Running

STEP = 50  # of SQLite's virtual machine: what a step of the count is


@contextmanager
def counted() -> Iterator[list[int]]:
    """Count the steps of every SQLite connection that is opened meanwhile."""
    steps = [0]

    def step() -> int:
        steps[0] += 1
        return 0

    def connect(connection: Any, _: object) -> None:  # noqa: ANN401 -- DBAPI's
        connection.set_progress_handler(step, STEP)

    event.listen(Engine, "connect", connect)
    try:
        yield steps
    finally:
        event.remove(Engine, "connect", connect)


async def steps_of_a_restart(folder: Path, count: int) -> dict[str, int]:
    """Return the steps of a start, a first deposit and a first fetch."""
    people = ministry()
    async with working(folder, people):
        pass  # the key log is there; the message log is empty
    store = await open_store("relay.sqlite", folder)
    mailbox = people.posts["tfc"].terminal.mailbox
    await queue(store, mailbox, count)
    await store.close()
    found = {}
    with counted() as steps:
        clock = Clock()
        async with working(folder, people, clock=clock) as parts:
            found["start"] = steps[0]
            relay = Running(parts, people, clock)
            stored = await parts.relay.mailbox.submit(
                relay.terminal("bern"), 2, submit_to(mailbox)
            )
            assert stored.index == count
            found["deposit"] = steps[0] - found["start"]
            before = steps[0]
            owed = await parts.relay.mailbox.owed(
                relay.terminal("tfc"), skip=(), lane=4, limit=64
            )
            assert len(owed) == 64
            found["fetch"] = steps[0] - before
    assert await check_store("relay.sqlite", folder) == []
    return found


async def test_a_restart_reads_as_much_of_many_as_of_few(tmp_path: Path) -> None:
    for name in ("few", "many"):
        (tmp_path / name).mkdir()
    few = await steps_of_a_restart(tmp_path / "few", 200)
    found = await steps_of_a_restart(tmp_path / "many", 20_000)
    for part, steps in found.items():
        assert steps <= 2 * few[part] + 20, (part, few, found)
    assert found["start"] > 0
