"""``koerier-relay check``: does everything that is stored agree?

The invariants of the relay's promises, read from the database alone, in one
transaction; it runs beside a working relay and after every crash test:

1. the leaves of each log are consecutive, as many as its head says, and give its root
2. the tiles are those of the leaves
3. the published note speaks of a tree that this log had
4. envelope n has leaf n of the message log, with the hash of its body, and no leaf
   is without its envelope but those that came back from a mirror; only what nobody
   is owed any more has an erased body
5. every delivery has its envelope; the cursors of a mailbox are 1, 2, 3, ... with
   as many missing as were erased
6. what is outstanding for each pair of post and mailbox is what quotas count
7. every manifest's entry in the key log names it
8. the schema is this program's
9. the parts of every attachment are what is durable of it, and give its name

A fault is one line that names what is hurt, by number; nothing of the content.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, select

from crypto.digest import H
from crypto.merkle import EMPTY_ROOT
from crypto.types import Digest
from protocol.checkpoint import parse_checkpoint
from protocol.codec import decode
from protocol.errors import ProtocolError
from protocol.key_log_entry import LeafKind, ManifestNotice, read_leaf
from protocol.leaf import LEAF_SIZE
from protocol.note import parse_note
from protocol.requests import LogName
from server.services.log_tree import LogTree
from server.storage.check_blobs import blob_faults
from server.storage.meta import REFILLED, read_spans
from server.storage.schema import newest, version
from server.storage.tables import (
    deliveries,
    envelopes,
    heads,
    leaves,
    mailboxes,
    manifests,
    meta,
    outstanding,
    tiles,
)

PAGE: Final = 4_096  # leaves read at a time
BODIES: Final = 64  # envelopes read at a time: each may be megabytes


def faults_of(connection: Connection) -> list[str]:
    """Return one line for each fault, of the one state that ``connection`` sees."""
    faults = _integrity(connection)
    if version(connection) != newest():
        return [*faults, "the schema is not this program's: `migrate` comes first"]
    for log in LogName:
        faults += _log(connection, log)
    faults += _envelopes(connection)
    faults += _deliveries(connection)
    faults += _outstanding(connection)
    faults += blob_faults(connection)
    return faults + _manifests(connection)


def _integrity(connection: Connection) -> list[str]:
    if connection.dialect.name != "sqlite":
        return []  # PostgreSQL's own: data checksums, pg_amcheck
    said = connection.exec_driver_sql("PRAGMA integrity_check")
    return [f"database: {row[0]}" for row in said if row[0] != "ok"]


def _log(connection: Connection, log: LogName) -> list[str]:
    name = f"{log.name.lower()} log"
    head = (connection.execute(select(heads).where(heads.c.log == log))).one_or_none()
    if head is None:
        return [f"{name}: no head"]
    faults: list[str] = []
    tree, wanted = LogTree(), dict[tuple[int, int], bytes]()
    roots = {0: EMPTY_ROOT}
    for page in _pages(connection, select(leaves).where(leaves.c.log == log), PAGE):
        if [row.place for row in page] != list(range(tree.size, tree.size + len(page))):
            return [f"{name}: leaves are missing from {tree.size} on"]
        before = max(0, min(len(page), head.note_size - tree.size))
        for part in (page[:before], page[before:]):
            tree, grown = tree.grown([row.data for row in part])
            wanted.update(grown)
            roots[tree.size] = tree.root()
    if (tree.size, tree.root()) != (head.size, head.root):
        faults.append(f"{name}: {tree.size} leaves do not give the head of {head.size}")
    stored = connection.execute(select(tiles).where(tiles.c.log == log))
    if {(row.level, row.number): row.hashes for row in stored} != wanted:
        faults.append(f"{name}: the tiles are not those of the leaves")
    return faults + _note(name, head, roots)


def _note(
    name: str, head: Row[*tuple[Any, ...]], roots: dict[int, Digest]
) -> list[str]:
    if not head.note:
        return []
    try:
        checkpoint = parse_checkpoint(parse_note(head.note).text)
    except ProtocolError:
        return [f"{name}: the published note cannot be read"]
    if (checkpoint.size, checkpoint.root) != (
        head.note_size,
        roots.get(head.note_size),
    ):
        return [f"{name}: the published note is of another tree"]
    return []


def _pages(
    connection: Connection, wanted: Select[*tuple[Any, ...]], size: int
) -> Iterator[list[Row[*tuple[Any, ...]]]]:
    """Return rows with a ``place`` of the leaves, a page at a time, in order."""
    last = -1
    while True:
        found = connection.execute(
            wanted.where(leaves.c.place > last).order_by(leaves.c.place).limit(size)
        )
        page = list(found)
        if not page:
            return
        yield page
        last = page[-1].place


def _envelopes(connection: Connection) -> list[str]:
    message = leaves.c.log == LogName.MESSAGE
    joined = leaves.outerjoin(envelopes, envelopes.c.leaf == leaves.c.place)
    wanted = (
        select(leaves.c.place, leaves.c.data, envelopes.c.body, envelopes.c.body_hash)
        .select_from(joined)
        .where(message)
    )
    spans = connection.scalar(select(meta.c.value).where(meta.c.name == REFILLED))
    gone = [range(*span) for span in read_spans(spans)]
    faults = []
    for page in _pages(connection, wanted, BODIES):
        for row in page:
            if row.body_hash is None:
                if not any(row.place in span for span in gone):
                    faults.append(f"leaf {row.place}: no envelope")
            elif not _agrees(row):
                faults.append(f"envelope {row.place}: its leaf speaks of another body")
    logged = select(leaves.c.place).where(message)
    lost = connection.scalar(
        select(func.count())
        .select_from(envelopes)
        .where(envelopes.c.leaf.not_in(logged))
    )
    return faults + ([f"{lost} envelopes without a leaf"] if lost else [])


def _agrees(row: Row[*tuple[Any, ...]]) -> bool:
    return (
        len(row.data) == LEAF_SIZE
        and row.data.endswith(row.body_hash)
        and (row.body is None or H(row.body) == row.body_hash)
    )


def _deliveries(connection: Connection) -> list[str]:
    held = select(envelopes.c.leaf).where(envelopes.c.body.is_not(None))
    lost = connection.scalar(
        select(func.count())
        .select_from(deliveries)
        .where(deliveries.c.leaf.not_in(held))
    )
    faults = [f"{lost} deliveries without an envelope"] if lost else []
    gone = {row.mailbox: row for row in connection.execute(select(mailboxes))}
    rows = connection.execute(
        select(
            deliveries.c.mailbox,
            func.max(deliveries.c.cursor).label("last"),
            func.count().label("held"),
        ).group_by(deliveries.c.mailbox)
    )
    for row in rows:
        erased = gone.pop(row.mailbox, None)
        last = max(row.last, erased.cursor if erased else 0)
        if row.held + (erased.erased if erased else 0) != last:
            faults.append("a mailbox with a gap in its cursors")
    faults += [
        "an empty mailbox with a gap in its cursors"
        for row in gone.values()
        if row.erased != row.cursor
    ]
    return faults


def _outstanding(connection: Connection) -> list[str]:
    rows = connection.execute(
        select(
            deliveries.c.post,
            deliveries.c.mailbox,
            func.count().label("messages"),
            func.sum(deliveries.c.size).label("bytes"),
        )
        .where(deliveries.c.acknowledged.is_(None))
        .group_by(deliveries.c.post, deliveries.c.mailbox)
    )
    found = {(row.post, row.mailbox): (row.messages, int(row.bytes)) for row in rows}
    counted = {
        (row.post, row.mailbox): (row.messages, row.bytes)
        for row in connection.execute(select(outstanding))
        if (row.messages, row.bytes) != (0, 0)
    }
    return ["what is outstanding is not what was counted"] * (found != counted)


def _manifests(connection: Connection) -> list[str]:
    rows = connection.execute(
        select(manifests, leaves.c.data).outerjoin(
            leaves,
            (leaves.c.place == manifests.c.entry) & (leaves.c.log == LogName.KEY),
        )
    )
    return [
        f"manifest at entry {row.entry}: the key log does not name it"
        for row in rows
        if H(row.manifest) != row.name or not _names(row.data, row.name)
    ]


def _names(leaf: bytes | None, manifest: bytes) -> bool:
    try:
        entry = read_leaf(leaf or b"")
        notice = decode(entry.body, ManifestNotice)
    except ProtocolError:
        return False
    return entry.kind is LeafKind.MANIFEST and notice.manifest == manifest
