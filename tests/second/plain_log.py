"""Trees, notes and proofs a second time, from docs/spec/log.md and RFC 6962 alone."""

import base64
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.second.plain_cbor import Plain, Refused
from tests.second.plain_crypto import h
from tests.second.plain_envelope import as_bytes, as_list, as_map, demand


class Shown(NamedTuple):
    """A checkpoint that a quorum saw."""

    size: int
    root: bytes
    time: int
    signatures: int


def node(left: bytes, right: bytes) -> bytes:
    return h(b"\x01" + left + right)


def mth(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, over the hashes of leaves."""
    if len(hashes) < 2:
        return hashes[0] if hashes else h(b"")
    k = _split(len(hashes))
    return node(mth(hashes[:k]), mth(hashes[k:]))


def _split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def included(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion path leads to; PATH of section 2.1.1."""
    left = list(path)

    def climb(m: int, n: int) -> bytes:
        if n == 1:
            return h(b"\x00" + leaf)
        k = _split(n)
        below = climb(m, k) if m < k else climb(m - k, n - k)
        demand(bool(left), "a path that is too short")
        other = left.pop(0)
        return node(below, other) if m < k else node(other, below)

    demand(0 <= index < size, "a leaf of the tree")
    root = climb(index, size)
    demand(not left, "a path that is too long")
    return root


def consistent(
    old: tuple[int, bytes], new: tuple[int, bytes], proof: list[bytes]
) -> None:
    """SUBPROOF of section 2.1.2, read backwards."""
    (m, old_root), (n, new_root) = old, new
    left = list(proof)
    if m in {0, n}:
        start = h(b"") if m == 0 else new_root
        demand(not left and old_root == start, "a proof of nothing is empty")
        return

    def climb(m: int, n: int, whole: bool) -> tuple[bytes, bytes]:  # noqa: FBT001
        if m == n and whole:
            return old_root, old_root
        demand(bool(left), "a proof that is too short")
        if m == n:
            one = left.pop(0)
            return one, one
        k = _split(n)
        if m <= k:
            before, after = climb(m, k, whole)
            demand(bool(left), "a proof that is too short")
            return before, node(after, left.pop(0))
        before, after = climb(m - k, n - k, whole=False)
        demand(bool(left), "a proof that is too short")
        other = left.pop(0)
        return node(other, before), node(other, after)

    demand(m < n, "a tree does not shrink")
    found = climb(m, n, whole=True)
    demand(found == (old_root, new_root) and not left, "not of these trees")


def note(data: bytes, log: Plain, witnesses: Plain) -> Shown:
    """Read a note of which every line is by a known key (EVID-5)."""
    origin, public = as_list(log, 2)
    text, lines = _parts(data)
    head = text.decode().split("\n")
    demand(head[0] == origin and len(head) >= 4, "the origin (LOG-9)")
    size, root = int(head[1]), base64.b64decode(head[2], validate=True)
    demand(str(size) == head[1] and len(root) == 32, "one form (LOG-8)")
    policy = as_map(witnesses)
    times: dict[str, int] = {}
    mirror = False
    known: dict[tuple[str, bytes], tuple[bytes, bytes, dict[int, Plain]]] = {}
    known[_named(str(origin), 1, as_bytes(public))] = b"\x01", as_bytes(public), {}
    for one in as_list(policy[0]):
        witness = as_map(one)
        for number, field in ((4, 2), (6, 3)):
            key = as_bytes(witness[field])
            known[_named(str(witness[0]), number, key)] = bytes([number]), key, witness
    for name, hashed, signature in lines:
        demand((name, hashed) in known, "a line by nobody, or twice (EVID-5)")
        kind, key, witness = known.pop((name, hashed))
        if kind == b"\x01":
            Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
            continue
        time = int.from_bytes(signature[:8], "big")
        demand(0 < time < 2**40, "a time (LOG-10)")
        if kind == b"\x04":
            said = b"cosignature/v1\ntime %d\n" % time + text
            Ed25519PublicKey.from_public_bytes(key).verify(signature[8:], said)
            continue
        pq = mldsa.MLDSA44PublicKey.from_public_bytes(key)
        pq.verify(signature[8:], _cosigned(name, time, str(origin), size, root))
        organisation = str(witness[1])
        times[organisation] = max(time, times.get(organisation, 0))
        mirror = mirror or witness.get(5) == 1
    signed = all(kind != b"\x01" for kind, _, _ in known.values())
    quorum = policy[1]
    assert isinstance(quorum, int)
    demand(signed and mirror and len(times) >= quorum, "log, mirror and quorum")
    return Shown(size, root, sorted(times.values())[-quorum], len(lines))


def _cosigned(name: str, time: int, origin: str, size: int, root: bytes) -> bytes:
    return b"".join(
        (
            b"subtree/v1\n\x00",
            bytes([len(name)]) + name.encode() + time.to_bytes(8, "big"),
            bytes([len(origin)]) + origin.encode() + bytes(8),
            size.to_bytes(8, "big") + root,
        )
    )


def _named(name: str, kind: int, public: bytes) -> tuple[str, bytes]:
    whole = name.encode() + b"\n" + bytes([kind]) + public
    return name, hashlib.sha256(whole).digest()[:4]


def _parts(data: bytes) -> tuple[bytes, list[tuple[str, bytes, bytes]]]:
    text, gap, tail = data.rpartition(b"\n\n")
    demand(bool(gap) and tail.endswith(b"\n"), "text, empty line, lines")
    lines = []
    for line in tail[:-1].decode().split("\n"):
        dash, name, encoded = line.split(" ")
        blob = base64.b64decode(encoded, validate=True)
        demand(dash == "\u2014" and len(blob) > 4, "a line of a signature")
        demand(base64.b64encode(blob).decode() == encoded, "its one base64 (LOG-5)")
        lines.append((name, blob[:4], blob[4:]))
    return text + b"\n", lines


def proof(data: bytes) -> tuple[int, list[bytes], bytes]:
    """Read a tlog-proof: index, path, note."""
    head, gap, rest = data.partition(b"\n\n")
    first, index, *path = head.split(b"\n")
    demand(bool(gap) and first == b"c2sp.org/tlog-proof@v1", "a proof")
    word, _, number = index.partition(b" ")
    demand(word == b"index" and str(int(number)).encode() == number, "its index")
    hashes = [base64.b64decode(one, validate=True) for one in path]
    if [base64.b64encode(one) for one in hashes] != path:
        raise Refused("its one base64")
    return int(number), hashes, rest
