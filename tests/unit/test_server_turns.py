"""The steps of a session: one at a time each, none forgotten, all ended together."""

import asyncio
import gc
from typing import NoReturn

import pytest

from server.web.turns import Turns


class OverError(Exception):
    """The session's own end."""


async def settled() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_asked_for_while_it_runs_is_done_once_more_and_alone() -> None:
    turns, go_on = Turns(), asyncio.Event()
    runs: list[str] = []

    async def step() -> None:
        runs.append("begins")
        await go_on.wait()
        runs.append("ends")

    async def session() -> NoReturn:
        turns.ask(step)
        await settled()
        for _ in range(3):
            turns.ask(step)
        await settled()
        assert runs == ["begins"]
        go_on.set()
        await settled()
        assert runs == ["begins", "ends"] * 2
        turns.ask(step)  # nothing of it ran on
        await settled()
        raise OverError

    with pytest.raises(BaseExceptionGroup) as ended:
        async with turns:
            await session()
    assert ended.group_contains(OverError)
    assert runs == ["begins", "ends"] * 3


async def test_a_step_that_fails_ends_the_reading_and_all_others() -> None:
    turns = Turns()
    ended: list[str] = []

    async def hanging() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("step")

    async def failing() -> None:
        # As a commit's callback would, before the group could hear of the end.
        asyncio.get_running_loop().call_soon(turns.ask, failing_too)
        raise OverError

    async def failing_too() -> None:
        raise AssertionError("nothing begins after the end")

    async def too_late() -> None:
        raise AssertionError("nor is it asked for")

    async def session() -> NoReturn:
        turns.ask(hanging)
        await settled()
        turns.ask(failing)
        try:
            await asyncio.Event().wait()
        finally:
            turns.ask(too_late)  # now the group would refuse it by an error
            ended.append("reading")
        raise AssertionError("it was not ended")

    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: ended.append(str(context["message"]))
    )
    with pytest.raises(BaseExceptionGroup) as error:
        async with turns:
            await session()
    assert error.group_contains(OverError)
    assert not error.group_contains(RuntimeError)
    assert sorted(ended) == ["reading", "step"]


async def test_nothing_begins_before_a_session_or_after_it() -> None:
    turns = Turns()

    async def step() -> None:
        raise AssertionError("no session is open")

    async def session() -> NoReturn:
        raise OverError

    turns.ask(step)
    with pytest.raises(BaseExceptionGroup):
        async with turns:
            await session()
    turns.ask(step)
    turns.start(step)
    await settled()


async def test_what_was_asked_for_as_the_session_ended_does_not_begin() -> None:
    """Nor does it leave a coroutine behind that nobody awaited."""
    turns = Turns()

    async def step() -> None:
        raise AssertionError("the session is over")

    async def session() -> NoReturn:
        turns.ask(step)
        turns.start(step)
        raise OverError

    with pytest.raises(BaseExceptionGroup) as error:
        async with turns:
            await session()
    assert error.group_contains(OverError)
    assert not error.group_contains(AssertionError)
    gc.collect()  # a warning is an error
    await settled()
