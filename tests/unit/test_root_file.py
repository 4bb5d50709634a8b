"""The file of root documents: one form for one version, one for more; and its end."""

import pytest
from msgspec import structs

from crypto.digest import H
from crypto.sign import Realm, Usage
from crypto.types import Digest
from protocol.codec import decode, encode
from protocol.errors import ChainError, MalformedError, RollbackError, ThresholdError
from protocol.key_log_entry import LeafKind, read_leaf, read_signed, signed_leaf
from protocol.root import DAY, EXTENSION, Extension
from protocol.root_end import Ending, ending
from protocol.root_file import RootFile, chain, read_roots, realm_in, write_roots
from protocol.signed import Signed, sign_document
from tests.support.ministry import Ministry, founded, sign_root

HAGUE = founded()
FIRST = HAGUE.leaves[0]
ROOT = HAGUE.directory.root


def second(ministry: Ministry = HAGUE, holders: int = 2) -> bytes:
    document = structs.replace(ROOT.document, version=2, prev=ROOT.digest)
    signed = sign_root(encode(document), ministry.holders[:holders], ministry.realm)
    return signed_leaf(LeafKind.ROOT, signed)


def extension(of: Digest = ROOT.digest) -> bytes:
    document = encode(Extension(v=1, extends=of, reason="nood"))
    signed = sign_document(
        document, HAGUE.holders[:2], usage=Usage.ROOT, realm=HAGUE.realm
    )
    return signed_leaf(LeafKind.EXTENSION, signed)


def test_one_version_is_its_carrier_and_more_are_leaves() -> None:
    alone = write_roots([FIRST])
    assert read_signed(alone).digest == ROOT.digest
    assert read_roots(alone) == (FIRST,)
    two = (FIRST, second())
    both = write_roots(two)
    assert read_roots(both) == two
    with pytest.raises(MalformedError):
        decode(encode(RootFile(v=1, leaves=(FIRST,))), RootFile)
    with pytest.raises(MalformedError):
        read_roots(b"x")
    assert realm_in(read_roots(both)) is Realm.DEMO


def test_a_chain_is_followed_and_nothing_in_it_is_skipped() -> None:
    roots = chain([FIRST, second()], realm=HAGUE.realm)
    assert [root.document.version for root in roots] == [1, 2]
    assert roots[1].past == {root.digest for root in roots}
    with pytest.raises(ThresholdError):
        chain([FIRST, second(holders=1)], realm=HAGUE.realm)
    with pytest.raises(RollbackError):
        chain([FIRST, FIRST], realm=HAGUE.realm)
    entry = signed_leaf(LeafKind.DIRECTORY, Signed(document=b"x", signatures=()))
    with pytest.raises(ChainError):
        chain([FIRST, entry], realm=HAGUE.realm)


def test_an_extension_stands_behind_what_it_extends() -> None:
    extended = chain([FIRST, extension()], realm=HAGUE.realm)[-1]
    assert extended.expires == ROOT.expires + EXTENSION
    after = chain([FIRST, extension(), second()], realm=HAGUE.realm)[-1]
    assert (after.document.version, after.extended) == (2, False)
    digest = H(read_signed(read_leaf(second()).body).document)
    assert chain([FIRST, second(), extension(digest)], realm=HAGUE.realm)[-1].extended
    with pytest.raises(ChainError):
        chain([FIRST, second(), extension()], realm=HAGUE.realm)


@pytest.mark.parametrize(
    ("left", "near"),
    [
        (91 * DAY, Ending.FAR),
        (90 * DAY + 1, Ending.FAR),
        (90 * DAY, Ending.QUARTER),
        (30 * DAY + 1, Ending.QUARTER),
        (30 * DAY, Ending.MONTH),
        (7 * DAY + 1, Ending.MONTH),
        (7 * DAY, Ending.WEEK),
        (1, Ending.WEEK),
        (0, Ending.OVER),
        (-1, Ending.OVER),
    ],
)
def test_people_are_told_three_times_before_the_end(left: int, near: Ending) -> None:
    assert ending(ROOT, ROOT.expires - left) is near
    extended = chain([FIRST, extension()], realm=HAGUE.realm)[-1]
    assert ending(extended, ROOT.expires + EXTENSION - left) is near
