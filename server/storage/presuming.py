"""Deposits are taken to be new: nobody asks whether their names are known.

Nearly all are, and the unique name of a row says so where one is not.  Then nothing of
the transaction is written, and it runs again and asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from crypto.types import Digest
from server.storage.envelopes import EnvelopeTables
from server.storage.executor import Executor
from server.storage.sql_tables import SqlTables, tables_of

CAREFUL: Final = 64  # transactions that ask what is known, after one that had to


class NewEnvelopes(EnvelopeTables):
    """Envelopes of which none is taken to be stored."""

    async def known(self, _names: Sequence[Digest]) -> Mapping[Digest, int]:
        """Return none."""
        return {}


def presuming(executor: Executor) -> SqlTables:
    """Return the tables over one connection, for a transaction of new deposits."""
    return replace(tables_of(executor), envelopes=NewEnvelopes(executor))


class Presumption:
    """Whether the next transaction may presume it.

    After one that was wrong some ask, so that somebody who deposits the same thing
    again and again costs the others little.
    """

    def __init__(self) -> None:
        self.careful = 0  # so many more ask

    def holds(self) -> bool:
        """Say whether the next one may; it counts as one."""
        if self.careful:
            self.careful -= 1
            return False
        return True

    def failed(self) -> None:
        """Note that one was wrong."""
        self.careful = CAREFUL
