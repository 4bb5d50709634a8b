"""Does the vault hold what it says?  Every page, and every name against its bytes.

The cipher authenticates each page, so a flipped bit shows itself when it is read;
what is compared here shows a fault of ours as well, and a copy that was put together
from two.
"""

from collections.abc import Iterator

from client.core.rows import OUT
from client.vault.database import Database, VaultError
from crypto.digest import H
from protocol.codec import decode
from protocol.errors import MalformedError
from protocol.limits import MAX_RECORD
from protocol.record import Record

MAX_FAULTS = 100  # that many are told; one is enough to act


def faults_of(database: Database) -> list[str]:
    """Return what is wrong, a line each: no content and no names, only hashes."""
    found: list[str] = []
    for fault in _faults(database):
        found.append(fault)
        if len(found) == MAX_FAULTS:
            break
    return found


def _faults(database: Database) -> Iterator[str]:
    try:
        database.check()
        yield from _records(database)
        yield from _deposits(database)
        yield from _entries(database)
    except VaultError:
        yield "vault.db: a page or an index is damaged"


def _records(database: Database) -> Iterator[str]:
    query = "SELECT name, id, way, post, document, refused FROM record"
    for name, id_, way, post, document, refused in database.each(query):
        label = f"record {name.hex()}"
        if H(document) != name:
            yield f"{label}: its bytes have another hash"
            continue
        try:
            record = decode(document, Record, limit=MAX_RECORD)
        except MalformedError:
            yield f"{label}: its bytes are no record"
            continue
        if (record.id, record.sender) != (id_, post):
            yield f"{label}: it is filed under another number or post"
        if way == OUT and refused is not None:
            yield f"{label}: written here and refused"


def _deposits(database: Database) -> Iterator[str]:
    query = (
        "SELECT envelope, sealed, record.name FROM deposit"
        " LEFT JOIN record ON record.name = deposit.name"
    )
    for envelope, sealed, record in database.each(query):
        if sealed is not None and H(sealed) != envelope:
            yield f"envelope {envelope.hex()}: its bytes have another hash"
        if record is None:
            yield f"envelope {envelope.hex()}: its record is gone"
    query = (
        "SELECT DISTINCT target.name FROM target"
        " LEFT JOIN record ON record.name = target.name WHERE record.name IS NULL"
    )
    for (name,) in database.each(query):
        yield f"record {name.hex()}: it is to be sent and is gone"


def _entries(database: Database) -> Iterator[str]:
    row = database.row("SELECT count(*), coalesce(max(position) + 1, 0) FROM entry")
    if row is not None and row[0] != row[1]:
        yield "key log: positions are missing"
