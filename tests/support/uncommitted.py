"""Holding back what a relay would commit, from another process, on both engines."""

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.support.postgres import USER, Server


@contextmanager
def file_locked(file: Path) -> Iterator[None]:
    """Be the one writer of a relay's SQLite file: it waits, some seconds at most."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def leaves_locked(server: Server, database: str) -> Iterator[None]:
    """Let nobody add a leaf to a log in ``database``; all can be read."""
    where = ("-h", "127.0.0.1", "-p", str(server.port), "-U", USER, "-d", database)
    with subprocess.Popen(  # noqa: S603 -- PostgreSQL's own program
        [server.bin / "psql", *where, "-XAtq"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as psql:
        assert psql.stdin is not None
        assert psql.stdout is not None
        psql.stdin.write("BEGIN; LOCK TABLE leaves IN EXCLUSIVE MODE; SELECT 'held';\n")
        psql.stdin.flush()
        assert psql.stdout.readline() == "held\n"
        yield
        psql.communicate("ROLLBACK;\n")
