"""The writer's thread: one thing after another, and the loop hears of it."""

import asyncio
import threading

import pytest

from server.storage.worker import Worker


async def test_things_are_done_in_order_in_one_thread_of_its_own() -> None:
    worker = Worker("test")
    done: list[int] = []

    def note(number: int) -> int:
        done.append(number)
        return threading.get_ident()

    threads = await asyncio.gather(
        *(worker.do(lambda n=number: note(n)) for number in range(20))  # type: ignore[misc]
    )
    assert done == list(range(20))
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()
    worker.close()


async def test_what_it_raises_is_raised_where_it_is_awaited() -> None:
    worker = Worker("test")

    def broken() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        await worker.do(broken)
    assert await worker.do(lambda: 1) == 1
    worker.close()


async def test_who_no_longer_waits_does_not_stop_it() -> None:
    worker = Worker("test")
    goes_on = threading.Event()
    gone = worker.do(goes_on.wait)
    gone.cancel()
    goes_on.set()
    assert await worker.do(lambda: 1) == 1
    worker.close()


def test_it_ends_though_the_loop_has() -> None:
    goes_on = threading.Event()

    async def left() -> Worker:
        worker = Worker("test")
        worker.do(goes_on.wait)
        return worker

    worker = asyncio.run(left())
    goes_on.set()
    worker.close()
