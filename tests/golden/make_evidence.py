"""Makes the golden evidence bundles of v1.  It was run once; its files are kept.

    python tests/golden/make_evidence.py S1 S2

It writes `s1.evidence`, and `s1.evidence.json`, which is what a stranger has on paper
and what is to be found.  Signatures draw their own randomness: the files are read by
tests, never made again, and a name that exists is refused.
"""

import json
import sys
from pathlib import Path

from crypto.suite import SuiteId
from tests.support.evidence import case
from tests.support.ministry import ministry

FOLDER = Path(__file__).parent


def main(names: list[str]) -> None:
    for name in names:
        known = case(ministry(SuiteId[name]))
        data = known.bundle(known.bern)
        found = known.findings(data)
        told = {
            "pin": known.pin.hex(),
            "realm": known.hague.realm.value.decode(),
            "record": found.record.name.hex(),
            "from": found.record.record.sender,
            "member": found.record.member.name if found.record.member else None,
            "index": found.record.index,
            "witnessed": found.record.witnessed,
            "receipts": [
                [one.statement.kind.name, one.signer.post, one.carrier.witnessed]
                for one in found.receipts
            ],
        }
        with (FOLDER / f"{name.lower()}.evidence").open("xb") as file:
            file.write(data)
        with (FOLDER / f"{name.lower()}.evidence.json").open("x") as text:
            text.write(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
