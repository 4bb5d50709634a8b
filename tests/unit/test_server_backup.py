"""Backups: one state of a relay at work, checked, and never taken for the present."""

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from protocol.requests import LogName
from server.backup import backup
from server.config import ConfigError
from server.storage.interfaces import StoreBrokenError
from server.storage.opening import check_store
from tests.support.ministry import ministry
from tests.support.relay import own, running, submit_to
from tests.support.virtual_relay import relay_in

STORE = "relay.sqlite"


async def test_a_backup_of_a_relay_at_work_is_one_state(tmp_path: Path) -> None:
    async with relay_in(tmp_path) as relay:
        await relay.deposit("tfc", "bern")

        async def work() -> None:
            for _ in range(30):
                await relay.deposit("tfc", "bern")

        async with asyncio.TaskGroup() as group:
            group.create_task(work())
            made = [
                await asyncio.to_thread(backup, STORE, tmp_path, tmp_path / f"{n}.copy")
                for n in range(5)
            ]
        await relay.deposit()
    assert len(made) == 5
    for number in range(5):
        assert await check_store(f"{number}.copy", tmp_path) == []
    # Each is whole without a log beside it, and for its owner only.
    left = modes(tmp_path, "*.copy*")
    assert left == {f"{number}.copy": 0o600 for number in range(5)}


def modes(folder: Path, pattern: str) -> dict[str, int]:
    return {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.glob(pattern)
    }


async def test_a_restored_backup_is_a_past_and_signs_nothing(tmp_path: Path) -> None:
    people = ministry()
    copy = tmp_path / "copy"
    async with running(tmp_path, people) as relay:
        services = relay.parts.relay
        bern = services.directory.terminal(
            own(relay, "bern").key.id, services.clock.wall()
        )
        box = own(relay, "tfc").mailbox
        await services.mailbox.submit(bern, 2, submit_to(box, name="a"))
        await relay.published(LogName.MESSAGE, 1)
        made = backup(STORE, tmp_path, copy)
        assert made["logs"] == {"1": len(people.leaves), "2": 1}
        await services.mailbox.submit(bern, 2, submit_to(box, name="b"))
        await relay.published(LogName.MESSAGE, 2)
        life = services.incarnation
    for path in tmp_path.glob("relay.sqlite*"):  # noqa: ASYNC240 -- once, and short
        path.unlink()
    copy.rename(tmp_path / STORE)
    async with running(tmp_path, people) as relay:
        assert relay.parts.relay.incarnation != life  # terminals deposit again
        while not relay.parts.checkpoints.behind:  # noqa: ASYNC110 -- no event says so
            await asyncio.sleep(0.01)
        assert relay.parts.relay.logs.published(LogName.MESSAGE) == 1


def test_what_does_not_agree_is_no_backup(tmp_path: Path) -> None:
    async def run() -> None:
        async with relay_in(tmp_path) as relay:
            await relay.deposit()

    asyncio.run(run())
    with closing(sqlite3.connect(tmp_path / STORE)) as connection:
        connection.execute("UPDATE heads SET size = 9 WHERE log = 2")
        connection.commit()
    with pytest.raises(StoreBrokenError, match="message log"):
        backup(STORE, tmp_path, tmp_path / "copy")
    assert not list(tmp_path.glob("copy*"))


def test_a_backup_replaces_nothing_and_needs_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreBrokenError, match="not there"):
        backup(STORE, tmp_path, tmp_path / "copy")
    (tmp_path / STORE).write_bytes(b"not a database" * 100)
    with pytest.raises(StoreBrokenError, match="DatabaseError"):
        backup(STORE, tmp_path, tmp_path / "copy")
    (tmp_path / "copy").touch()
    with pytest.raises(ConfigError, match="already"):
        backup(STORE, tmp_path, tmp_path / "copy")
    with pytest.raises(ConfigError, match="pg_dump"):
        backup("postgresql://koerier@database/koerier", tmp_path, tmp_path / "other")
