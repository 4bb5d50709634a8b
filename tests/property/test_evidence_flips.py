"""Changing any byte of an evidence bundle makes it prove nothing."""

import json
from pathlib import Path

import pytest

from crypto.sign import Realm
from crypto.types import Digest
from protocol.evidence.check import verify_bundle
from protocol.evidence.findings import EvidenceError
from tests.support.campaign import Campaign
from tests.support.fields import boundaries

GOLDEN = Path(__file__).parents[1] / "golden"
STRIPE = 4_096  # bytes of the file that one round changes


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["s1", "s2"])
def test_any_changed_byte_is_refused(campaign: Campaign, name: str) -> None:
    """Boundaries of fields and every n-th byte; deep: every byte there is."""
    told = json.loads((GOLDEN / f"{name}.evidence.json").read_text(encoding="utf-8"))
    data = (GOLDEN / f"{name}.evidence").read_bytes()
    pin, realm = Digest(bytes.fromhex(told["pin"])), Realm(told["realm"].encode())
    verify_bundle(data, pin, realm)
    step = campaign.pick(quick=512, ci=32, deep=1)
    nth = campaign.pick(quick=1 if name == "s1" else 8, ci=1, deep=1)
    places = sorted({*boundaries(data), *range(0, len(data), step)})[::nth]
    stripes = -(-len(data) // STRIPE)
    for number, chance in campaign.rounds(quick=stripes, ci=stripes, deep=stripes):
        for place in places:
            if place // STRIPE != number:
                continue
            changed = bytearray(data)
            changed[place] ^= chance.randrange(1, 256)
            with pytest.raises(EvidenceError):
                verify_bundle(bytes(changed), pin, realm)
