"""Who may speak for whom, from docs/spec/root-and-directory.md alone.

As much of the directory as evidence needs: keys, whose they are, and where they end.
A leaf that does not hold is passed over, as the chapter says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature

from tests.second.plain_cbor import Plain, Refused, read
from tests.second.plain_crypto import composite_verify, h, key_id, t
from tests.second.plain_envelope import as_bytes, as_list, as_map, demand

ROOT, DIRECTORY, RESTRICTION = 1, 3, 4
ENROL, RE_ENROL, ADD_TERMINAL, ADD_MEMBER, ROTATE, REVOKE = 1, 2, 3, 4, 5, 9


@dataclass
class Key:
    post: str
    suite: int
    public: bytes
    name: str  # of a member; "": a terminal
    ends: int | None = None  # position of the entry that ended it


@dataclass
class Directory:
    realm: str
    root: dict[int, Plain]
    root_name: bytes
    chain: list[bytes]
    keys: dict[bytes, Key] = field(default_factory=dict)
    heads: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    papers: dict[str, bytes] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)

    def operators(self) -> dict[bytes, tuple[int, bytes]]:
        return _named(self.root[12])


def _named(keys: Plain) -> dict[bytes, tuple[int, bytes]]:
    found = {}
    for one in as_list(keys):
        suite, public = as_list(one, 2)
        assert isinstance(suite, int)
        found[key_id(suite, as_bytes(public))] = suite, as_bytes(public)
    return found


def signed(
    body: bytes, known: dict[bytes, tuple[int, bytes]], context: str
) -> tuple[bytes, set[bytes]]:
    carrier = as_map(read(body))
    document, who = as_bytes(carrier[0]), set()
    for line in as_list(carrier[1]):
        name, signature = map(as_bytes, as_list(line, 2))
        if name in known:
            composite_verify(*known[name], signature, context, document)
            who.add(name)
    return document, who


def replayed(leaves: Sequence[bytes], realm: str) -> Directory:
    """Replay a key log from its first leaf, which must be a root document."""
    kind, body = _leaf(leaves[0])
    demand(kind == ROOT, "a root document first (EVID-7)")
    raw = as_bytes(as_map(read(body))[0])
    document = as_map(read(raw))
    demand(document[1] == 1 and document[2] == bytes(32), "version 1 (ROOT-7)")
    demand(document[4] == realm, "our realm (ROOT-12)")
    _, who = signed(body, _named(document[9]), f"{realm}/v1/root")
    demand(len(who) >= _number(document[10]), "its own threshold")
    directory = Directory(realm, document, h(raw), [h(raw)])
    for position, leaf in enumerate(leaves[1:], start=1):
        try:
            _adopt(directory, leaf, position)
        except (Refused, InvalidSignature, KeyError, AssertionError):
            directory.refused.append(position)
    return directory


def _leaf(leaf: bytes) -> tuple[Plain, bytes]:
    entry = as_map(read(leaf))
    return entry[0], as_bytes(entry[1])


def _adopt(directory: Directory, leaf: bytes, position: int) -> None:
    kind, body = _leaf(leaf)
    if kind == ROOT:
        _follow(directory, body)
    elif kind == RESTRICTION:
        _restrict(directory, body, position)
    elif kind == DIRECTORY:
        _entry(directory, body, position)


def _follow(directory: Directory, body: bytes) -> None:
    before, context = directory.root, f"{directory.realm}/v1/root"
    raw, who = signed(body, _named(before[9]), context)
    demand(len(who) >= _number(before[10]), "the threshold of the old (ROOT-8)")
    after = as_map(read(raw))
    demand(after[1] == _number(before[1]) + 1, "the next version")
    demand(after[2] == directory.root_name and after[4] == directory.realm, "its prev")
    _, who = signed(body, _named(after[9]), context)
    demand(len(who) >= _number(after[10]), "the threshold of the new")
    directory.root, directory.root_name = after, h(raw)
    directory.chain.append(h(raw))


def _restrict(directory: Directory, body: bytes, position: int) -> None:
    document, who = signed(body, directory.operators(), f"{directory.realm}/v1/suspend")
    demand(bool(who), "an operator (RES-1)")
    restriction = as_map(read(document))
    if 2 not in restriction:
        _end(directory.keys[as_bytes(restriction[1])], position)


def _end(key: Key, position: int) -> None:
    if key.ends is None:
        key.ends = position


def _entry(directory: Directory, body: bytes, position: int) -> None:
    known = directory.operators()
    current = {n: (k.suite, k.public) for n, k in directory.keys.items()}
    document, who = signed(body, known | current, f"{directory.realm}/v1/dir")
    entry = as_map(read(document))
    post = entry[3]
    assert isinstance(post, str)
    version, head = directory.heads.get(post, (0, bytes(32)))
    demand(entry[1] == directory.root_name, "made under this root (DIR-1)")
    demand(entry[4] == version + 1 and entry[5] == head, "the next of its post (B24)")
    change, action = as_map(read(as_bytes(entry[8]))), _number(entry[2])
    going = {as_bytes(one) for one in as_list(change.get(0, []))} if action == 9 else {}
    own = bool(going) and set(going) <= who
    demand(own or len(who & known.keys()) >= 2, "two operators (section 4)")
    brought = list(_brought(action, change, post, who))
    for key, proof in brought:
        _proven(directory, key, proof, (post, action, head))
    if action == RE_ENROL or (action == REVOKE and not going):
        going = {name for name, key in directory.keys.items() if key.post == post}
    if action == ROTATE:
        going = {as_bytes(as_map(one)[0]) for one in as_list(change[0])}
    for name in going:
        _end(directory.keys[name], position)
    for key, _ in brought:
        if key.name != "(paper)":
            directory.keys[key_id(key.suite, key.public)] = key
    directory.heads[post] = version + 1, h(document)


def _brought(
    action: int, change: dict[int, Plain], post: str, who: set[bytes]
) -> list[tuple[Key, Plain]]:
    terminals: list[Plain] = []
    members: list[Plain] = []
    found: list[tuple[Key, Plain]] = []
    if action in {ENROL, RE_ENROL}:
        paper = as_map(change[2])
        found.append((_key(post, paper[0], "(paper)"), paper[1]))
        terminals, members = as_list(change.get(3, [])), as_list(change.get(4, []))
    if action == ADD_TERMINAL:
        terminals = as_list(change[0])
    if action == ADD_MEMBER:
        members = as_list(change[0])
    found += [(_key(post, one[1], ""), one[5]) for one in map(as_map, terminals)]
    found += [(_key(post, one[0], str(one[1])), one[5]) for one in map(as_map, members)]
    if action == ROTATE:
        for one in map(as_map, as_list(change[0])):
            demand(as_bytes(one[0]) in who, "each old key (section 4)")
            found.append((_key(post, one[1], ""), one[3]))
    return found


def _key(post: str, key: Plain, name: str) -> Key:
    suite, public = as_list(key, 2)
    return Key(post, _number(suite), as_bytes(public), name)


def _proven(
    directory: Directory, key: Key, proof: Plain, where: tuple[str, int, bytes]
) -> None:
    """The proof of possession (B23)."""
    post, action, head = where
    nonce, signature = (as_bytes(as_map(proof)[index]) for index in (0, 1))
    said = t(
        *(b"koerier/v1/possession", key.public, post.encode(), bytes([action])),
        *(nonce, head),
    )
    context = f"{directory.realm}/v1/possession"
    composite_verify(key.suite, key.public, signature, context, said)


def _number(value: Plain) -> int:
    assert isinstance(value, int)
    return value
