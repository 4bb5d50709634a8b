"""The log of the process: JSON lines on stderr, without names and without content.

An event is a fixed word with numbers::

    log = logbook()
    log.info("committed", submissions=12, entries=1)

What may stand in a line is decided here and not where it is written: numbers, and
strings from our own code.  Bytes (keys, names, envelopes) are refused, and of an
exception only its type and where it was raised is kept, because a library's text may
quote what a peer sent.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

MAX_TEXT: Final = 200  # characters of one value

Event = MutableMapping[str, Any]


def configure(level: int = logging.INFO) -> None:
    """Send our log, and the libraries' warnings, to stderr as JSON lines."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            harmless,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)


def logbook() -> structlog.typing.FilteringBoundLogger:
    """Return the log."""
    made: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return made


def harmless(_logger: object, _method: str, event: Event) -> Event:
    """Keep what may be written: the processor through which every line goes."""
    error = event.pop("exc_info", None)
    for name, value in event.items():
        if not isinstance(value, bool | int | float | str):
            event[name] = f"<{type(value).__name__}>"
        elif isinstance(value, str):
            event[name] = value[:MAX_TEXT]
    if isinstance(error, BaseException):
        event["error"] = _where(error)
    return event


def _where(error: BaseException) -> str:
    """Return the error's type and the line of ours that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    last = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + last


class _Libraries(logging.Handler):
    """What libraries log: who and how bad, and never their text."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        logbook().warning(
            "library", library=record.name, level_name=record.levelname, exc_info=error
        )
