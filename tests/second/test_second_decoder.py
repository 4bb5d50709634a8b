"""Somebody else's reading of the specification agrees with ours.

`tests/second` shares no line with the packages: it opens what they seal, finds the
same record, and refuses what they refuse.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from msgspec import structs

from crypto.suite import SuiteId
from crypto.types import MessageId
from protocol.codec import decode, encode
from protocol.envelope import parse_envelope
from protocol.errors import MalformedError
from tests.second.plain_cbor import Refused, read
from tests.second.plain_envelope import Known, open_envelope
from tests.support.forge import Parts, forge
from tests.support.posts import Cast, cast_of, record_of, seal_to, seeded

HERE = Path(__file__).parent
GOLDEN = sorted((HERE.parent / "golden").glob("*-s?.json"))


def table(rows: dict[str, list[str]]) -> dict[bytes, tuple[str, bytes]]:
    return {
        bytes.fromhex(key): (post, bytes.fromhex(public))
        for key, (post, public) in rows.items()
    }


def test_the_second_decoder_shares_nothing_with_the_packages() -> None:
    for path in HERE.glob("plain_*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        imports = [line for line in lines if line.startswith(("from ", "import "))]
        for line in imports:
            assert line.split()[1].split(".")[0] not in {
                "crypto",
                "protocol",
                "client",
                "server",
                "cbor2",
            }


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_it_opens_the_golden_envelopes(path: Path) -> None:
    told = json.loads(path.read_text(encoding="ascii"))
    known = Known(
        realm=told["realm"],
        suite=told["suite"],
        post=told["post"],
        key=bytes.fromhex(told["key"]),
        mailbox=bytes.fromhex(told["mailbox"]),
        prekeys={
            bytes.fromhex(kid): bytes.fromhex(seed)
            for kid, seed in told["prekeys"].items()
        },
        terminals=table(told["terminals"]),
        members=table(told["members"]),
    )
    found = open_envelope(path.with_suffix(".cbor").read_bytes(), known)
    assert found.name.hex() == told["name"]
    assert found.leaf.hex() == told["leaf"]
    assert found.seq == told["seq"]
    assert found.record == read(bytes.fromhex(told["record"]))


@pytest.fixture(params=list(SuiteId), ids=lambda suite: suite.name)
def cast(request: pytest.FixtureRequest) -> Cast:
    return cast_of(request.param)


def bern(cast: Cast) -> Known:
    draw = seeded("bern/1")  # the draws of tests.support.posts.station, in order
    signature_seed = 64 if cast.directory.suite is SuiteId.S1 else 89
    for size in (signature_seed, signature_seed, 16):
        draw(size)
    return Known(
        realm="koerier-demo",
        suite=int(cast.directory.suite),
        post="bern",
        key=cast.bern.key.id,
        mailbox=cast.bern.terminal.mailbox,
        prekeys={cast.bern.kid: draw(32)},
        terminals={
            found.key_id: (found.post, found.key.public)
            for found in cast.directory.found.values()
        },
        members={
            found.key_id: (found.post, found.key.public)
            for found in cast.directory.members.values()
        },
    )


def test_it_opens_what_is_sealed_now(cast: Cast) -> None:
    record = record_of(cast.tfc, "bern", "oslo")
    sealed = seal_to(cast.tfc, record, cast.bern, cast.oslo)
    split = parse_envelope(sealed.envelope).split(cast.bern.terminal.mailbox)
    found = open_envelope(split, bern(cast))
    assert found.name == sealed.name
    assert found.record == read(encode(record))
    assert found.leaf == b"\x01" + sealed.commitment + sealed.body
    assert (found.stream, found.seq, found.prev) == tuple(cast.bern.at().place)


def lies(cast: Cast) -> Iterator[tuple[str, Parts]]:
    """Yield one lie per binding that a receiver checks by itself."""
    record = record_of(cast.tfc, "bern")
    honest = forge(cast.tfc, record, cast.bern.at())
    yield "B1", forge(cast.tfc, record_of(cast.tfc, "oslo"), cast.bern.at())
    yield (
        "B2",
        forge(
            cast.tfc,
            record,
            cast.bern.at(),
            change=lambda slip: structs.replace(slip, slots=(b"s" * 32,)),
        ),
    )
    other = MessageId(b"o" * 16)
    moved = forge(cast.tfc, structs.replace(record, id=other), cast.bern.at())
    yield "B4", replace(moved, inner=honest.inner)
    yield (
        "B5",
        forge(
            cast.tfc,
            record,
            cast.bern.at(),
            change=lambda slip: structs.replace(slip, rec=b"r" * 32),
        ),
    )
    yield (
        "B6",
        forge(cast.oslo, record, cast.bern.at(), release=[honest.inner.sigs[1]]),
    )
    yield "B7", forge(cast.tfc, record, cast.bern.at(), release=[])
    yield (
        "B8",
        forge(
            cast.tfc,
            record,
            cast.bern.at(),
            change=lambda slip: structs.replace(slip, kc=slip.kc[::-1]),
        ),
    )


def test_it_refuses_what_the_packages_refuse(cast: Cast) -> None:
    refused = []
    for binding, parts in lies(cast):
        with pytest.raises((Refused, InvalidSignature, InvalidTag), match=binding):
            open_envelope(parts.sealed(), bern(cast))
        refused.append(binding)
    assert refused == ["B1", "B2", "B4", "B5", "B6", "B7", "B8"]


WORKED = [
    "a10001",
    "a2000101626869",
    "83014200ff62c3a9",
    "3903e7",
    "1bffffffffffffffff",
]
WRONG = ["1801", "a20100000 1".replace(" ", ""), "a200010002", "9f01ff", "c001", "f6"]


@pytest.mark.parametrize("spelled", WORKED)
def test_both_readers_read_the_same(spelled: str) -> None:
    data = bytes.fromhex(spelled)
    assert cbor2.dumps(read(data), canonical=True) == data


@pytest.mark.parametrize("spelled", WRONG)
def test_both_readers_refuse_the_same(spelled: str) -> None:
    data = bytes.fromhex(spelled)
    with pytest.raises(Refused):
        read(data)
    with pytest.raises(MalformedError):
        decode(data, object)
