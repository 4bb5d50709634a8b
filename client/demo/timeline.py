"""The timeline and the matrix of the demonstration, as text for a person."""

from typing import Any, Final

from client.demo.scenes import STATES, News
from client.words import Words

GAP: Final = "  "
CLOCK: Final = slice(11, 19)  # hh:mm:ss of an ISO 8601 time


def line_of(news: News, seconds: float, words: Words) -> str:
    """Return one line of the timeline."""
    size = words.say("demo.size", bytes=news.size) if news.state == "sealed" else ""
    return words.say(
        "demo.timeline",
        seconds=seconds,
        sender=news.sender,
        post=news.post,
        precedence=news.precedence,
        state=words.say(f"state.{news.state}"),
        size=size,
    ).rstrip()


def matrix_of(message: dict[str, Any], words: Words) -> str:
    """Return who has a message and since when: a row per addressee.

    Args:
        message: as ``koerier receipts --json`` prints it.
        words: the language.
    """
    head = [message["id"], *(words.say(f"state.{state}") for state in STATES)]
    rows = [
        [
            target["post"],
            *(_clock(target["states"][state], words) for state in STATES),
        ]
        for target in message["to"]
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        GAP.join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in (head, *rows)
    )


def _clock(time: str | None, words: Words) -> str:
    return words.say("state.not-yet") if time is None else time[CLOCK]
