"""Somebody else's verifier of evidence, from the specification alone."""

import json
from binascii import Error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from msgspec import structs

from protocol.evidence.bundle import Bundle, read_bundle, write_bundle, write_pages
from tests.second.plain_cbor import Refused
from tests.second.plain_evidence import check
from tests.support.campaign import Campaign
from tests.support.fields import boundaries
from tests.support.keys import flipped

GOLDEN = Path(__file__).parents[1] / "golden"
# A second program refuses in its own ways; none of them is acceptance.
NO = (Refused, InvalidSignature, Error, ValueError, KeyError, AssertionError, TypeError)


def golden(name: str) -> tuple[bytes, dict[str, Any]]:
    told = json.loads((GOLDEN / f"{name}.evidence.json").read_text(encoding="utf-8"))
    return (GOLDEN / f"{name}.evidence").read_bytes(), told


@pytest.mark.parametrize("name", ["s1", "s2"])
def test_it_finds_what_we_find(name: str) -> None:
    data, told = golden(name)
    record, receipts = check(data, bytes.fromhex(told["pin"]), told["realm"])
    assert record.name.hex() == told["record"]
    assert record.record[3] == told["from"]
    assert (record.place, record.shown.time) == (told["index"], told["witnessed"])
    assert record.member is not None
    assert [[one.kind.upper(), one.post, one.witnessed] for one in receipts] == told[
        "receipts"
    ]


def proof_of_another(bundle: Bundle) -> Bundle:
    other = bundle.receipts[0].proof
    return structs.replace(bundle, record=structs.replace(bundle.record, proof=other))


ALTERED: dict[str, Callable[[Bundle], Bundle]] = {
    "receipts exchanged": lambda bundle: structs.replace(
        bundle, receipts=bundle.receipts[::-1]
    ),
    "a receipt twice": lambda bundle: structs.replace(
        bundle, receipts=(*bundle.receipts, bundle.receipts[-1])
    ),
    "a record that is no receipt": lambda bundle: structs.replace(
        bundle, receipts=(bundle.record,)
    ),
    "no key log": lambda bundle: structs.replace(bundle, pages=write_pages([b"x"])),
    "another's proof": proof_of_another,
    "another's record": lambda bundle: structs.replace(
        bundle, record=bundle.receipts[0]
    ),
    "a note twice": lambda bundle: structs.replace(
        bundle, notes=(*bundle.notes, bundle.notes[-1])
    ),
}


@pytest.mark.parametrize("name", ALTERED)
def test_it_refuses_what_we_refuse(name: str) -> None:
    data, told = golden("s1")
    altered = write_bundle(ALTERED[name](read_bundle(data)))
    with pytest.raises(NO):
        check(altered, bytes.fromhex(told["pin"]), told["realm"])


def test_it_needs_the_paper_and_the_realm() -> None:
    data, told = golden("s1")
    for pin, realm in ((bytes(32), told["realm"]), (told["pin"], "koerier")):
        with pytest.raises(NO):
            check(data, pin if isinstance(pin, bytes) else bytes.fromhex(pin), realm)


@pytest.mark.campaign
def test_any_changed_byte_is_refused(campaign: Campaign) -> None:
    data, told = golden("s1")
    pin = bytes.fromhex(told["pin"])
    step = campaign.pick(quick=512, ci=32, deep=1)
    nth = campaign.pick(quick=4, ci=1, deep=1)
    for place in sorted({*boundaries(data), *range(0, len(data), step)})[::nth]:
        with pytest.raises(NO):
            check(flipped(data, place), pin, told["realm"])
