"""Prekeys: what a terminal publishes, and one key for whoever wants to seal to it.

A manifest is taken when it holds under its terminal's current key, with its entry in
the key log in the same transaction.  It is handed out once that entry stands under a
published checkpoint, because only then can a sender see that it is the one that the
log names; until then its predecessor is.

A one-time key goes out once, marked in the transaction before its answer leaves, and
so many an hour to one post for one terminal.
Without one the epoch key of the day is given: the relay can make senders use it, and
can do no more (docs/threat-model.md).
"""

from collections.abc import Sequence
from typing import Final

from crypto.digest import H
from crypto.merkle import leaf_hash, node_hash, root_of
from crypto.sign import Usage
from crypto.suite import SUITES
from crypto.types import Digest, KeyId, PublicKey, Signature
from protocol.codec import decode
from protocol.directory_view import Terminal
from protocol.errors import BindingError, ProtocolError, RollbackError
from protocol.key_log_entry import ManifestNotice, notice_leaf
from protocol.manifest import (
    Manifest,
    PrekeyKind,
    check_shape,
    leaves_of,
    window,
)
from protocol.requests import Appended, Offer, Offers, Publish
from protocol.signed import SignatureLine, verify_one
from server.clock import Clock
from server.rate_limit import Buckets
from server.services.commit import Committer
from server.services.logs import Logs
from server.services.staging import Staging
from server.storage.interfaces import StoredManifest, StoredPrekey, Tables

ANY: Final = 1 << 62  # above every index of the key log


class PrekeyService:
    """Takes manifests and hands out keys."""

    def __init__(
        self, committer: Committer, logs: Logs, clock: Clock, hand_outs: Buckets
    ) -> None:
        self._committer = committer
        self._logs = logs
        self._clock = clock
        self._hand_outs = hand_outs  # one-time keys, by who asks and for whom

    async def publish(self, caller: Terminal, publish: Publish) -> Appended:
        """Store a manifest and name it in the key log; return when both are durable.

        Raises:
            VerificationError: not signed by the caller, or it contradicts itself.
            BindingError: of another terminal or mailbox (B14) or suite (B16), or
                keys that are not the manifest's.
            RollbackError: a number that is not above the last one's.
            MalformedError: not a manifest.
        """
        directory = self._committer.trees.directory
        line = SignatureLine(caller.key_id, publish.signature)
        verify_one(
            caller.key,
            line,
            publish.manifest,
            usage=Usage.PREKEYS,
            realm=directory.realm,
        )
        manifest = decode(publish.manifest, Manifest)
        check_shape(manifest)
        if (manifest.terminal, manifest.mailbox) != (caller.key_id, caller.mailbox):
            raise BindingError("B14")
        if manifest.suite is not directory.root.suite:
            raise BindingError("B16")
        name = H(publish.manifest)
        keys = stored_keys(name, manifest, publish.keys)

        async def job(tables: Tables, staging: Staging) -> int:
            last = await tables.prekeys.manifest(caller.key_id, ANY)
            if last is not None and last.name == name:
                return last.index  # asked again
            if last is not None and manifest.number <= last.number:
                raise RollbackError("a manifest that is not newer")
            notice = ManifestNotice(
                terminal=caller.key_id, number=manifest.number, manifest=name
            )
            index = staging.log_entry(notice_leaf(notice))
            await tables.prekeys.add_manifest(
                StoredManifest(
                    name=name,
                    terminal=caller.key_id,
                    number=manifest.number,
                    manifest=publish.manifest,
                    signature=publish.signature,
                    index=index,
                ),
                keys,
            )
            return index

        return Appended(index=await self._committer.perform(job))

    async def hand_out(
        self, caller: Terminal, terminals: Sequence[KeyId], *, epoch: bool = False
    ) -> Offers:
        """Return one key for each of ``terminals``, in order, or its id as missing.

        A post that asks too often for the same terminal's one-time keys gets its epoch
        key instead: it could use them up for everybody, and "cannot send" would be
        worse than a key that serves a day.

        Args:
            caller: who asks.
            terminals: whose keys.
            epoch: today's epoch keys, to be kept: no one-time key is spent.
        """

        async def job(tables: Tables, staging: Staging) -> Offers:
            offers: list[Offer] = []
            missing: list[KeyId] = []
            for terminal in terminals:
                once = not epoch and self._hand_outs.take(
                    (caller.post, terminal), self._clock.monotonic()
                )
                offer = await self._offer(tables, staging, terminal, once=once)
                if offer is None:
                    missing.append(terminal)
                else:
                    offers.append(offer)
            return Offers(offers=tuple(offers), missing=tuple(missing))

        return await self._committer.perform(job)

    async def _offer(
        self, tables: Tables, staging: Staging, terminal: KeyId, *, once: bool
    ) -> Offer | None:
        try:
            staging.directory.terminal(terminal, staging.now)
        except ProtocolError:
            return None
        published = self._logs.published_keys
        manifest = await tables.prekeys.manifest(terminal, published)
        if manifest is None:
            return None
        key = None
        if once:
            key = await tables.prekeys.take_one_time(manifest.name, staging.now)
        if key is None:
            key = await tables.prekeys.epoch_key(manifest.name, staging.now)
        if key is None:
            return None
        return Offer(
            manifest=manifest.manifest,
            signature=Signature(manifest.signature),
            index=key.index,
            key=key.key,
            path=key.path,
        )


def stored_keys(
    name: Digest, manifest: Manifest, keys: Sequence[PublicKey]
) -> list[StoredPrekey]:
    """Return the rows of a manifest's keys, each with its path to the root.

    Raises:
        BindingError: not the keys that the manifest's root commits to (B14), or a
            key that is not the suite's (B15).
    """
    length = SUITES[manifest.suite].kem_public_key
    if any(len(key) != length for key in keys):
        raise BindingError("B15")
    if len(keys) != manifest.n:
        raise BindingError("B14")
    leaves = leaves_of(manifest, keys)
    if root_of(leaves) != manifest.root:
        raise BindingError("B14")
    rows = []
    for index, (key, path) in enumerate(zip(keys, all_paths(leaves), strict=True)):
        when = window(manifest, index)
        rows.append(
            StoredPrekey(
                manifest=name,
                index=index,
                one_time=when.kind is PrekeyKind.ONE_TIME,
                valid_from=when.start,
                valid_until=when.until,
                key=key,
                path=path,
            )
        )
    return rows


def all_paths(leaves: Sequence[bytes]) -> list[tuple[Digest, ...]]:
    """Return the inclusion path of every leaf, each hash computed once.

    Pairing neighbours level by level, with the odd last one moved up, gives RFC
    6962's tree; a path is the neighbour at each level where there is one.
    """
    level = [leaf_hash(leaf) for leaf in leaves]
    paths: list[list[Digest]] = [[] for _ in leaves]
    height = 0
    while len(level) > 1:
        for index, path in enumerate(paths):
            neighbour = (index >> height) ^ 1
            if neighbour < len(level):
                path.append(level[neighbour])
        paired = [node_hash(*level[i : i + 2]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
        height += 1
    return [tuple(path) for path in paths]
