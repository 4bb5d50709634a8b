"""The trusted side of every check: who receives, and what it knows already."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from crypto.suite import SuiteId
from crypto.types import Digest
from protocol.bodies import StandingReleaseBody
from protocol.directory_view import DirectoryView, Terminal


class LogRoots(Protocol):
    """What this terminal knows of both logs: roots at sizes, verified."""

    def key_root(self, size: int) -> Digest | None:
        """Return the key log's root at ``size``, or None where it is not known."""

    def message_root(self, size: int) -> Digest | None:
        """Return the message log's root at ``size``, or None."""


@dataclass(frozen=True, slots=True)
class StandingRelease:
    """A standing release that was admitted before, with the post that signed it."""

    post: str
    body: StandingReleaseBody


@dataclass(frozen=True, slots=True)
class Receiver:
    """One terminal at one moment."""

    own: Terminal
    view: DirectoryView
    logs: LogRoots
    # H(record) -> the standing release that was admitted under that name, if any.
    standing: Callable[[Digest], StandingRelease | None]
    suites: frozenset[SuiteId]  # the root's: to seal with, or still to be opened (B16)
    archive: bool  # whether the root lists an archive key
    now: int  # witnessed time W, POSIX seconds
