"""All tables of a store over one connection."""

from dataclasses import dataclass

from server.storage.blobs import BlobTables
from server.storage.envelopes import EnvelopeTables
from server.storage.erasure import ErasureTables
from server.storage.executor import Executor
from server.storage.logs import LogTables
from server.storage.meta import MetaTable
from server.storage.prekeys import PrekeyTables


@dataclass(frozen=True, slots=True)
class SqlTables:
    """What one transaction can reach."""

    envelopes: EnvelopeTables
    erasure: ErasureTables
    logs: LogTables
    prekeys: PrekeyTables
    meta: MetaTable
    blobs: BlobTables


def tables_of(executor: Executor) -> SqlTables:
    """Return the tables over one connection."""
    return SqlTables(
        envelopes=EnvelopeTables(executor),
        erasure=ErasureTables(executor),
        logs=LogTables(executor),
        prekeys=PrekeyTables(executor),
        meta=MetaTable(executor),
        blobs=BlobTables(executor),
    )
