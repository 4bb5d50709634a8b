"""No bytes from outside do anything but count, or be refused by a typed error."""

from collections.abc import Callable
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from crypto.sign import Realm, Usage
from protocol.codec import Message, decode, encode
from protocol.directory_entry import (
    CHANGES,
    Action,
    DirectoryEntry,
    Revocation,
)
from protocol.errors import MalformedError, ProtocolError
from protocol.key_log_entry import (
    KeyLogEntry,
    LeafKind,
    ManifestNotice,
    read_leaf,
    read_signed,
    signed_leaf,
)
from protocol.manifest import Manifest, SignedManifest
from protocol.restriction import Restriction, ZeroiseOrder
from protocol.root import Extension, RootDocument
from protocol.root_chain import founding_root
from protocol.signed import Signed, sign_document
from tests.support.ministry import Ministry, ministry, sign_root

TYPES: tuple[type[Message], ...] = (
    KeyLogEntry,
    Signed,
    ManifestNotice,
    RootDocument,
    Extension,
    DirectoryEntry,
    Restriction,
    ZeroiseOrder,
    Manifest,
    *dict.fromkeys(CHANGES.values()),
)


@cache
def hague() -> Ministry:
    return ministry()


@cache
def leaves() -> tuple[bytes, ...]:
    """Return one leaf of each kind, each of which would count next."""
    here = hague()
    bern = here.posts["bern"]
    extension = Extension(v=1, extends=here.directory.root.digest, reason="crisis")
    order = ZeroiseOrder(
        v=1, key=bern.terminal.key.id, nonce=bytes(32), time=here.now, reason="lost"
    )
    destroy = sign_document(
        encode(order), here.pair, usage=Usage.ZEROISE, realm=here.realm
    )
    signed = sign_root(encode(extension), here.holders, here.realm)
    return (
        here.notice(bern.terminal, 2),
        here.restriction(bern.member.id, by=bern.member),
        here.entry("bern", Action.REVOKE, Revocation(keys=(bern.member.id,))),
        signed_leaf(LeafKind.EXTENSION, signed),
        signed_leaf(LeafKind.ZEROISE, destroy),
    )


Mutator = Callable[[bytes], bytes]


@st.composite
def mutators(draw: st.DrawFn) -> Mutator:
    """Flip, cut, insert or repeat at a place that need not be the same each time."""
    place = draw(st.integers(0, 1 << 20))
    what = draw(st.binary(min_size=1, max_size=5))
    kind = draw(st.sampled_from(["replace", "cut", "insert", "repeat"]))

    def mutate(data: bytes) -> bytes:
        at = place % (len(data) + 1)
        return {
            "replace": data[:at] + what + data[at + len(what) :],
            "cut": data[:at],
            "insert": data[:at] + what + data[at:],
            "repeat": data[:at] + data[at // 2 :],
        }[kind]

    return mutate


@given(data=st.binary(max_size=200), of=st.sampled_from(TYPES))
def test_random_bytes_are_malformed_or_have_one_form(
    data: bytes, of: type[Message]
) -> None:
    try:
        message = decode(data, of)
    except MalformedError:
        return
    assert encode(message) == data


@given(which=st.integers(0, 4), mutate=mutators())
def test_a_changed_leaf_counts_for_nothing(which: int, mutate: Mutator) -> None:
    leaf = leaves()[which]
    assert hague().directory.check(leaf).index == len(hague().leaves)
    changed = mutate(leaf)
    try:
        adopted = hague().directory.check(changed)
    except ProtocolError:
        return
    # What is unsigned in a leaf: a notice, and who else signed.
    assert changed == leaf or adopted.kind is LeafKind.MANIFEST or _same(leaf, changed)


def _same(leaf: bytes, changed: bytes) -> bool:
    first, second = read_leaf(leaf), read_leaf(changed)
    documents = {read_signed(entry.body).document for entry in (first, second)}
    return first.kind is second.kind and len(documents) == 1


@given(mutate=mutators())
def test_a_changed_root_founds_nothing(mutate: Mutator) -> None:
    leaf = hague().leaves[0]
    pin = hague().directory.root.digest
    changed = mutate(leaf)
    try:
        root = founding_root([changed], pin=pin, realm=Realm.DEMO)
    except ProtocolError:
        return
    assert root.digest == pin


@given(mutate=mutators())
def test_a_changed_entry_never_becomes_another_error(mutate: Mutator) -> None:
    """Past the signatures, as if two operators had signed nonsense."""
    here = hague()
    entry = decode(read_signed(read_leaf(leaves()[2]).body).document, DirectoryEntry)
    changed = mutate(encode(entry))
    signed = sign_document(changed, here.pair, usage=Usage.DIR, realm=here.realm)
    try:
        here.directory.check(signed_leaf(LeafKind.DIRECTORY, signed))
    except ProtocolError:
        return


@given(mutate=mutators())
def test_a_changed_manifest_is_never_adopted(mutate: Mutator) -> None:
    here = hague()
    terminal = here.posts["bern"].terminal
    assert terminal.manifest is not None
    manifest, signature = terminal.manifest
    changed = mutate(manifest)
    try:
        book = here.book.adopt(
            terminal.key.id, SignedManifest(changed, signature), here.view()
        )
    except ProtocolError:
        return
    assert book is here.book
    assert changed == manifest
