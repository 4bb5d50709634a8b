"""Proofs that an auditor computes itself, from the tiles of a log.

Which tiles a proof needs follows from sizes alone; they are fetched, and the proof is
computed from them.  It is believed only when it leads to a trusted root (LOG-27).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from client.audit.source import CHECKPOINT, Source, SourceError
from client.core.evidence import Paths, Span, Wanted
from crypto.errors import ProofError
from crypto.merkle import NodeSource, consistency_path, inclusion_path
from crypto.types import ZERO_DIGEST, Digest
from protocol.checkpoint import parse_checkpoint
from protocol.errors import ProtocolError
from protocol.note import parse_note
from protocol.requests import LogName
from protocol.tiles import HEIGHT, WIDTH, Tile, node_source, tile_holding

HASH: Final = 32  # bytes


async def proofs(source: Source, log: LogName, wanted: Wanted) -> Paths:
    """Return the paths that were asked for.

    Raises:
        SourceError: the log is not there, or not as large as asked.
    """
    empty = [span for span in wanted.consistency if span[0] in {0, span[1]}]
    steps = [span for span in wanted.consistency if span not in empty]
    found: dict[Span, Sequence[Digest]] = dict.fromkeys(empty, ())
    if not steps and not wanted.inclusion:
        return Paths(found, {})
    size = await shown_size(source, log)
    for span in steps:
        found[span] = await path(source, log, size, _between(span))
    return Paths(
        found,
        {span: await path(source, log, size, _to(span)) for span in wanted.inclusion},
    )


def _between(span: Span) -> Callable[[NodeSource], tuple[Digest, ...]]:
    return lambda node: consistency_path(*span, node)


def _to(span: Span) -> Callable[[NodeSource], tuple[Digest, ...]]:
    return lambda node: inclusion_path(*span, node)


async def shown_size(source: Source, log: LogName) -> int:
    """Return the size that the log says it has; nothing of it is believed.

    Raises:
        SourceError: it shows no checkpoint.
    """
    try:
        note = parse_note(await source.get(log, CHECKPOINT))
        return parse_checkpoint(note.text).size
    except ProtocolError:
        raise SourceError("audit.no-checkpoint") from None


async def path(
    source: Source,
    log: LogName,
    size: int,
    compute: Callable[[NodeSource], tuple[Digest, ...]],
) -> tuple[Digest, ...]:
    """Return what ``compute`` makes of the log's nodes.

    Args:
        source: the log's files.
        log: which.
        size: of the tree that the source has tiles of.
        compute: a path of this tree, or of a smaller one.

    Raises:
        SourceError: tiles are missing or short.
    """
    needed: set[tuple[int, int]] = set()

    def noted(level: int, index: int) -> Digest:
        needed.add(tile_holding(level, index))
        return ZERO_DIGEST

    compute(noted)
    tiles = await fetched(source, log, size, sorted(needed))
    try:
        return compute(node_source(tiles))
    except ProofError:
        raise SourceError("audit.tiles-odd") from None


async def fetched(
    source: Source, log: LogName, size: int, wanted: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], bytes]:
    """Return tiles by level and number, as wide as a tree of ``size`` has them."""
    found = {}
    for level, number in wanted:
        width = min((size >> HEIGHT * level) - number * WIDTH, WIDTH)
        if width > 0:
            tile = Tile(level, number, width)
            found[level, number] = await source.get(log, tile.path())
    return found
