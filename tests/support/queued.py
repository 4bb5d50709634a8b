"""A store with very many messages that nobody fetched, made without a relay."""

from typing import Final

from crypto.digest import H
from crypto.types import Digest, KeyId, Mailbox, MessageId, PrekeyId
from protocol.envelope import Wrap
from protocol.leaf import message_leaf
from protocol.requests import LogName
from server.services.log_tree import LogTree
from server.storage.interfaces import (
    Amount,
    Store,
    StoredDelivery,
    StoredEnvelope,
    Tables,
)

CHUNK: Final = 2_000
BODY: Final = bytes(200)
POST: Final = "lima"  # that deposited


async def queue(store: Store, mailbox: Mailbox, count: int) -> None:
    """Owe ``mailbox`` so many envelopes; the message log is empty before."""
    tree = LogTree()
    for start in range(0, count, CHUNK):
        tree = await _add(store, mailbox, tree, min(CHUNK, count - start))


async def _add(store: Store, mailbox: Mailbox, tree: LogTree, count: int) -> LogTree:
    places = range(tree.size, tree.size + count)
    leaves = [message_leaf(H(b"slip %d" % place), H(BODY)) for place in places]
    grown, tiles = tree.grown(leaves)

    async def work(tables: Tables) -> None:
        await tables.envelopes.add(
            [_envelope(place) for place in places],
            [_delivery(mailbox, place) for place in places],
        )
        size = len(BODY) + 4
        change = {(POST, mailbox): Amount(count, count * size)}
        await tables.envelopes.count(change)
        await tables.logs.add_leaves(LogName.MESSAGE, tree.size, leaves)
        await tables.logs.put_tiles(LogName.MESSAGE, tiles)
        await tables.logs.grow(LogName.MESSAGE, tree.size, grown.size, grown.root())

    await store.write(work)
    return grown


def _envelope(place: int) -> StoredEnvelope:
    return StoredEnvelope(
        index=place,
        name=Digest(H(b"envelope %d" % place)),
        message_id=MessageId(place.to_bytes(16, "big")),
        body_hash=H(BODY),
        sender=KeyId(b"s" * 32),
        suite=1,
        received=1_000 + place // 100,
        body=BODY,
    )


def _delivery(mailbox: Mailbox, place: int) -> StoredDelivery:
    return StoredDelivery(
        mailbox=mailbox,
        cursor=place + 1,
        index=place,
        lane=2,
        wrap=Wrap(mailbox, PrekeyId(place.to_bytes(16, "big")), b"wrap"),
        post=POST,
        size=len(BODY) + 4,
    )
