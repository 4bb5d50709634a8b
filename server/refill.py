"""``koerier-relay refill``: a relay's logs again, from its witnesses and a mirror.

The relay has its keys and its root document, and lost its store or got an older one
back.  In this order, and nothing is written before all of it holds:

1. every witness of the root document says what it cosigned last, for both logs; each
   note must bear our own log's signature and that witness's cosignature
2. the largest of them is where the log ends; all the others must lie on its way
3. a mirror hands over the entries, which must give that root
4. root documents among them may name other witnesses: then these are asked too

So neither a mirror nor a witness is believed, and none can shorten the log unless all
that answer do.  A witness that does not answer could know of more; it is left out only
by name (``--without``), and never so many that a quorum of them could have cosigned.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp

from crypto.merkle import Frontier
from crypto.notekey import NoteAlgorithm
from crypto.types import Digest
from protocol.checkpoint import Checkpoint
from protocol.codec import decode
from protocol.cosignature import cosigned_at
from protocol.errors import ProtocolError
from protocol.key_log_entry import read_leaf, read_signed
from protocol.limits import MAX_NOTE
from protocol.mirror_page import MAX_BODY, Page
from protocol.requests import LogName
from protocol.root import LogKey, RootDocument
from protocol.root_chain import founding_root
from protocol.trusted_log import genuine_checkpoint
from protocol.trusted_root import TrustedRoot
from protocol.witness_policy import WitnessKey, cosigner
from server.services.checkpoints import log_key
from server.services.refill import Recovered

TIMEOUT: Final = 60.0  # seconds for one answer: a page of entries may be 2 MiB
MAX_CHANGES: Final = 8  # of witnesses on the way: each is asked anew
OK: Final = 200
NOT_FOUND: Final = 404


class RefillError(Exception):
    """The logs cannot be recovered like this; nothing was written."""


class ForkedError(RefillError):
    """Two genuine checkpoints of our log exclude each other: evidence, not a fault."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the witnesses are, and which of them are left out."""

    addresses: Mapping[str, str]  # by name, instead of the root document's
    without: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Last:
    """What one witness cosigned last for one log."""

    witness: WitnessKey
    checkpoint: Checkpoint


async def recover(
    first: bytes, root: TrustedRoot, sources: Sources
) -> Mapping[LogName, Recovered]:
    """Return both logs as the witnesses last saw them.

    Args:
        first: the key log's first leaf, from our own file.
        root: the root document in it.
        sources: the witnesses.

    Raises:
        RefillError: a witness is silent, or no mirror has the entries.
        ForkedError: our log signed histories that exclude each other.
    """
    document = root.document
    async with aiohttp.ClientSession() as http:
        for _ in range(MAX_CHANGES):
            asking = Asking(http, document, sources, root.former)
            keys = await asking.log(LogName.KEY)
            if not keys.leaves:
                raise RefillError("the witnesses have cosigned nothing yet")
            if keys.leaves[:1] != [first]:
                raise RefillError("the mirror's key log begins with another root")
            root = _newest(root, keys.leaves)
            newest, before = root.document, document
            if newest.witnesses == before.witnesses:
                messages = await asking.log(LogName.MESSAGE)
                return {LogName.KEY: keys, LogName.MESSAGE: messages}
            document = newest
    raise RefillError("the witnesses changed too often to be followed")


def _newest(root: TrustedRoot, leaves: Sequence[bytes]) -> TrustedRoot:
    pin = read_signed(read_leaf(leaves[0]).body).digest
    return founding_root(leaves, pin=pin, realm=root.realm)


class Asking:
    """The witnesses of one root document, asked for what they hold."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        root: RootDocument,
        sources: Sources,
        former: Collection[LogKey] = (),
    ) -> None:
        self._former = former  # what earlier root documents named of the logs
        self._http = http
        self._root = root
        self._sources = sources
        self._refuse_too_few()

    def _refuse_too_few(self) -> None:
        policy, out = self._root.witnesses, self._sources.without
        unknown = set(out) - {witness.name for witness in policy.witnesses}
        if unknown:
            raise RefillError("--without names a witness that the root does not")
        left_out = {one.organisation for one in policy.witnesses if one.name in out}
        if len(left_out) >= policy.quorum:
            raise RefillError("without a quorum of witnesses nobody knows the end")

    async def log(self, log: LogName) -> Recovered:
        """Return one log, whole and verified.

        Raises:
            RefillError: as :func:`recover`.
        """
        asked = [
            self._last(witness, log)
            for witness in self._root.witnesses.witnesses
            if witness.name not in self._sources.without
        ]
        found = [last for last in await asyncio.gather(*asked) if last is not None]
        target = max((one.checkpoint for one in found), key=_size, default=None)
        if target is None or target.size == 0:
            return Recovered(Frontier().root(), [])
        for witness in self._root.witnesses.witnesses:
            if witness.mirror and witness.name not in self._sources.without:
                leaves = await self._entries(witness, target)
                roots = _roots(leaves, {one.checkpoint.size for one in found})
                if roots.get(target.size) == target.root:
                    _require_one_history(found, roots)
                    return Recovered(target.root, leaves)
        raise RefillError(f"no mirror has the {log.name.lower()} log up to its end")

    async def _last(self, witness: WitnessKey, log: LogName) -> Last | None:
        """Return what the witness cosigned last; None: nothing yet."""
        key = log_key(self._root, log)
        status, note = await self._get(witness, f"/checkpoint/{key.origin}", MAX_NOTE)
        if status == NOT_FOUND:
            return None
        try:
            signed, checkpoint = genuine_checkpoint(note, key, self._former)
            ours = cosigner(witness, NoteAlgorithm.ML_DSA_44)
            if status == OK and cosigned_at(signed, checkpoint, ours) is not None:
                return Last(witness, checkpoint)
        except ProtocolError:
            pass  # the same as none
        raise RefillError(f"{witness.name}: not a checkpoint that it cosigned")

    async def _entries(self, mirror: WitnessKey, target: Checkpoint) -> list[bytes]:
        """Return what the mirror has of the log, at most up to ``target``."""
        leaves: list[bytes] = []
        while len(leaves) < target.size:
            path = f"/entries/{target.origin}/{len(leaves)}"
            status, body = await self._get(mirror, path, MAX_BODY)
            try:
                page = decode(body, Page, limit=MAX_BODY) if status == OK else None
            except ProtocolError:
                page = None
            if page is None or not page.entries or page.start != len(leaves):
                break  # it has no more: the root will tell
            leaves += page.entries
        return leaves[: target.size]

    async def _get(
        self, witness: WitnessKey, path: str, limit: int
    ) -> tuple[int, bytes]:
        address = self._sources.addresses.get(witness.name, witness.address)
        try:
            async with (
                asyncio.timeout(TIMEOUT),
                self._http.get(address.rstrip("/") + path) as response,
            ):
                body = b""
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > limit:
                        raise RefillError(f"{witness.name}: an answer without end")
                return response.status, body
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise RefillError(f"{witness.name}: does not answer") from None


def _size(checkpoint: Checkpoint) -> int:
    return checkpoint.size


def _roots(leaves: Sequence[bytes], sizes: Collection[int]) -> Mapping[int, Digest]:
    """Return the roots of the trees of these sizes, as far as the leaves go."""
    tree = Frontier()
    roots = {0: tree.root()}
    for leaf in leaves:
        tree = tree.append(leaf)
        if tree.size in sizes:
            roots[tree.size] = tree.root()
    return roots


def _require_one_history(found: Sequence[Last], roots: Mapping[int, Digest]) -> None:
    for last in found:
        if roots[last.checkpoint.size] != last.checkpoint.root:
            raise ForkedError(f"{last.witness.name}: cosigned another history")
