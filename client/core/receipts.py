"""Own receipts: statements that wait, gathered into the next record to each post."""

from client.core.compose import Composed, Wish, action, compose
from client.core.ports import Vault
from client.core.rows import RecordRow
from client.core.station import Station
from protocol.codec import decode, encode
from protocol.label import Precedence
from protocol.limits import MAX_RECEIPTS, MAX_RECORD
from protocol.machine_bodies import ReceiptBody
from protocol.receipt import Kind, Statement
from protocol.record import Record, Serial
from protocol.record_type import RecordType


def due(
    station: Station, post: str, serial: Serial, now: int
) -> tuple[Composed, list[int]]:
    """Return a record with the statements that wait for ``post``, and their numbers.

    At least one waits: the caller was told the post by ``owed_posts``.

    It goes in the lane of the most urgent record that it answers, so that a FLASH is
    not answered behind a queue.
    """
    vault = station.vault
    owed = vault.owed_receipts(post, MAX_RECEIPTS, station.identity.signer)
    statements = tuple(decode(statement, Statement) for _, statement, _ in owed)
    precedence = max(Precedence(each) for _, _, each in owed)
    wish = Wish(
        type=RecordType.RECEIPT,
        body=ReceiptBody(),
        to=action((post,), precedence),
        rcpts=statements,
    )
    composed = compose(wish, station.identity, serial, now=now, entropy=station.entropy)
    return composed, [number for number, _, _ in owed]


def owe_by_member(
    vault: Vault, row: RecordRow, kind: Kind, signer: bytes, now: int
) -> None:
    """Queue a member's receipt for a record that came in; only they will sign it."""
    record = decode(row.document, Record, limit=MAX_RECORD)
    statement = Statement(
        kind=kind, record=row.name, id=record.id, time=now, index=row.log_index
    )
    vault.owe_receipt(row.post, encode(statement), record.precedence, signer)
