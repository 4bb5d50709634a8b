"""Check an evidence bundle from docs/spec/evidence.md alone.

Nothing of the packages is imported: a reader of the specification should be able to
write this file.
"""

from typing import NamedTuple

from cryptography.exceptions import InvalidSignature

from tests.second.plain_cbor import Plain, Refused, read
from tests.second.plain_crypto import composite_verify, h, t
from tests.second.plain_directory import Directory, Key, replayed
from tests.second.plain_envelope import as_bytes, as_list, as_map, demand
from tests.second.plain_log import Shown, consistent, included, mth, note, proof

PAGE = 1024
KINDS = {1: "delivered", 2: "read", 3: "acknowledged", 4: "refused"}


class Found(NamedTuple):
    """A record that was signed and witnessed."""

    name: bytes
    record: dict[int, Plain]
    terminal: bytes
    member: bytes | None
    place: int  # of its leaf
    shown: Shown


class Told(NamedTuple):
    kind: str
    post: str
    witnessed: int


class Log(NamedTuple):
    """The key log: who, the root at each size, and the earlier root documents."""

    directory: Directory
    roots: list[bytes]
    earlier: list[tuple[dict[int, Plain], int]]  # and until when each one counts


def check(data: bytes, pin: bytes, realm: str) -> tuple[Found, list[Told]]:
    bundle = as_map(read(data))
    demand(set(bundle) <= set(range(5)) and bundle[0] == 1, "a bundle of v1")
    demand(4 not in bundle or bool(bundle[4]), "an empty list is left out")
    log = _key_log(bundle, pin, realm)
    record = _sealing(bundle[3], log)
    told: list[Told] = []
    last, seen = -1, set()
    for one in as_list(bundle.get(4, [])):
        carrier = _sealing(one, log)
        demand(carrier.place > last and carrier.name not in seen, "in order (EVID-3)")
        last = carrier.place
        seen.add(carrier.name)
        said = _said(carrier, record)
        demand(bool(said), "it says something that counts (EVID-6)")
        told += said
    return record, told


def _key_log(bundle: dict[int, Plain], pin: bytes, realm: str) -> Log:
    pages = [as_list(read(as_bytes(page))) for page in as_list(bundle[1])]
    demand(all(len(page) == PAGE for page in pages[:-1]), "full pages (EVID-3)")
    demand(0 < len(pages[-1]) <= PAGE, "the last page")
    leaves = [as_bytes(leaf) for page in pages for leaf in page]
    hashes = [h(b"\x00" + leaf) for leaf in leaves]
    roots = [mth(hashes[:size]) for size in range(len(leaves) + 1)]
    before = (0, 0)
    earlier: list[tuple[dict[int, Plain], int]] = []
    for raw in as_list(bundle[2]):
        size = int(as_bytes(raw).split(b"\n")[1])
        demand(before[0] <= size <= len(leaves), "ascending (EVID-3)")
        governing = replayed(leaves[:size], realm).root
        last = replayed(leaves[: before[0]] or leaves[:1], realm).root
        if last[1] != governing[1]:
            earlier.append((last, before[1]))
        shown = note(as_bytes(raw), governing[14], governing[16])
        demand(size > before[0] or shown.time > before[1], "ascending (EVID-3)")
        demand(shown.root == roots[size], "the tree's root (EVID-8)")
        before = size, shown.time
    demand(before[0] == len(leaves), "all leaves (EVID-8)")
    directory = replayed(leaves, realm)
    demand(pin in directory.chain, "the hash on paper (EVID-7)")
    return Log(directory, roots, earlier)


def _sealing(value: Plain, log: Log) -> Found:
    sealing = as_map(value)
    demand(set(sealing) <= set(range(4)), "fields of a sealing")
    raw_record, raw_slip, lines = as_list(read(as_bytes(sealing[0])), 3)
    signed = as_list(lines)
    demand(len(signed) in {1, 2}, "one or two signatures")
    documents = (as_bytes(raw_slip), as_bytes(raw_record))
    who: list[tuple[bytes, Key]] = []
    for line, usage, document in zip(
        signed, ("record", "release"), documents, strict=False
    ):
        name, signature = map(as_bytes, as_list(line, 2))
        demand(name in log.directory.keys, "a key of the directory")
        key = log.directory.keys[name]
        context = f"{log.directory.realm}/v1/{usage}"
        composite_verify(key.suite, key.public, signature, context, document)
        who.append((name, key))
    record, slip = as_map(read(as_bytes(raw_record))), as_map(read(as_bytes(raw_slip)))
    demand(slip[2] == h(as_bytes(raw_record)), "slip.rec (B5)")
    demand(slip[1] == record[2], "one message id (B4)")
    demand(slip[3] == who[0][0] and who[0][1].name == "", "slip.key (B6)")
    demand(all(key.post == record[3] for _, key in who), "record.from (B6, B7)")
    demand(record.get(4, []) == [name for name, _ in who[1:]], "by (B7)")
    index, path, raw = proof(as_bytes(sealing[2]))
    shown = _judged(raw, log)
    commitment = h(t(b"koerier/v1/leaf", as_bytes(slip[5]), h(as_bytes(raw_slip))))
    leaf = b"\x01" + commitment + as_bytes(sealing[1])
    demand(included(leaf, index, shown.size, path) == shown.root, "the leaf (B18)")
    keys, key_root, messages, message_root = as_list(slip[6], 4)
    assert isinstance(keys, int)
    assert isinstance(messages, int)
    demand(keys < len(log.roots) and log.roots[keys] == key_root, "the key log (B19)")
    way = [as_bytes(one) for one in as_list(sealing.get(3, []))]
    demand(3 not in sealing or bool(way), "an empty list is left out")
    old = messages, as_bytes(message_root)
    consistent(old, (shown.size, shown.root), way)
    member = who[1][0] if len(who) > 1 else None
    return Found(h(as_bytes(raw_record)), record, who[0][0], member, index, shown)


def _judged(raw: bytes, log: Log) -> Shown:
    """The note under the root document whose witnesses made it (EVID-7)."""
    for root, until in reversed(log.earlier):
        try:
            shown = note(raw, root[15], root[16])
        except (Refused, InvalidSignature):
            continue
        if shown.time <= until:
            return shown
    return note(raw, log.directory.root[15], log.directory.root[16])


def _said(carrier: Found, about: Found) -> list[Told]:
    """The statements that count (B21)."""
    posts = [as_map(one)[0] for one in as_list(about.record[6])]
    blobs = [as_map(one)[0] for one in as_list(about.record.get(12, []))]
    found = []
    for one in map(as_map, as_list(carrier.record.get(13, []))):
        kind = one[0]
        assert isinstance(kind, int)
        if KINDS[kind] in {"read", "acknowledged"} and carrier.member is None:
            continue
        named = (one[1], one[2]) == (about.name, about.record[2])
        listed = all(blob in blobs for blob in as_list(one.get(5, [])))
        if named and listed and carrier.record[3] in posts:
            post = str(carrier.record[3])
            found.append(Told(KINDS[kind], post, carrier.shown.time))
    return found
