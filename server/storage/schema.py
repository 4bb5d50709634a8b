"""The schema's versions: alembic, packaged with the program.

``upgraded`` brings a database to this program's version, inside the caller's
transaction: both engines undo tables and rows alike, so that a program that is killed
at any statement leaves the version before, whole.  A database of a version that this
program does not know (a newer one) is refused.

What :mod:`server.storage.tables` says and what the migrations make are one thing, held
by tests/unit/test_server_migrations.py.
"""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, inspect, text

from server.storage.interfaces import StoreBrokenError

VERSION: Final = "alembic_version"  # the table with the one row


def config() -> Config:
    """Return alembic's configuration for the packaged migrations."""
    made = Config()
    folder = Path(__file__).with_name("migrations")
    made.set_main_option("script_location", str(folder).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made


def newest() -> str:
    """Return the version of this program."""
    return str(ScriptDirectory.from_config(config()).get_current_head())


def version(connection: Connection) -> str | None:
    """Return the version of a database; None before the first."""
    if not inspect(connection).has_table(VERSION):
        return None
    found = connection.scalar(text(f"SELECT version_num FROM {VERSION}"))  # noqa: S608 -- a constant
    return None if found is None else str(found)


def upgraded(connection: Connection, to: str = "head") -> None:
    """Bring the database to a version, in the transaction that is open.

    A crash before the caller's commit leaves the version before, with all its rows.

    Raises:
        StoreBrokenError: the database is of a version that this program lacks.
    """
    settings = config()
    settings.attributes["connection"] = connection
    try:
        command.upgrade(settings, to)
    except CommandError as error:
        raise StoreBrokenError("the database is of another schema") from error
