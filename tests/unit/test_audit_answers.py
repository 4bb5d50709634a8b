"""What an open terminal answers to an auditor's commands."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client.answers.names import short
from client.audit.asking import brought, entries_of
from client.audit.paths import proofs
from client.core.evidence import Wanted
from client.exits import Exit
from protocol.evidence.check import verify_bundle
from protocol.requests import LogName
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, beside, home_desk
from tests.support.ministry import Ministry
from tests.support.monitored import Shown


class Office:
    """Bern with a vault on disk, and TFC, after a message that was read."""

    def __init__(self, bern: HomeDesk, tfc: Desk) -> None:
        self.bern, self.tfc = bern, tfc
        self.name = tfc.write("bern", "Voor de auditor.").name
        tfc.run()
        for _ in range(2):
            exchange(bern, tfc)
        bern.ask("read", id=self.id)
        for _ in range(2):
            exchange(bern, tfc)

    @property
    def id(self) -> str:
        return short(self.name)

    async def paths(self) -> dict[str, Any]:
        asked = self.bern.ask("audit-wanted", id=self.id)
        wanted = Wanted(
            tuple((a, b) for a, b in asked["consistency"]),
            tuple((a, b) for a, b in asked["inclusion"]),
        )
        source = Shown(self.bern.relay)
        return brought(await proofs(source, LogName.MESSAGE, wanted))


@pytest.fixture
def office(hague: Ministry, tmp_path: Path) -> Iterator[Office]:
    with home_desk(hague, FakeRelay(hague), tmp_path / "bern") as bern:
        bern.connect()
        yield Office(bern, beside(bern, hague))


async def test_evidence_is_verified_and_written(
    office: Office, hague: Ministry, tmp_path: Path
) -> None:
    out = tmp_path / "out.evidence"
    paths = await office.paths()
    answer = office.bern.ask("audit-evidence", id=office.id, file=str(out), **paths)
    pin = hague.directory.root.digest
    found = verify_bundle(out.read_bytes(), pin, hague.realm)
    assert found.record.name == office.name
    assert (answer["receipts"], answer["bytes"]) == (2, out.stat().st_size)
    assert out.stat().st_mode & 0o077 == 0


async def test_false_paths_write_nothing(office: Office, tmp_path: Path) -> None:
    out = tmp_path / "out.evidence"
    paths = await office.paths()
    false = [[old, new, [bytes(32).hex()]] for old, new, _ in paths["consistency"]]
    refused = office.bern.refused(
        "audit-evidence",
        id=office.id,
        file=str(out),
        consistency=false,
        inclusion=paths["inclusion"],
    )
    assert (refused.code, refused.exit_code) == (
        "audit.evidence-unproven",
        Exit.INTEGRITY,
    )
    assert not out.exists()


async def test_a_proof_is_of_the_records_own_leaf(office: Office) -> None:
    answer = office.bern.ask("audit-prove", id=office.id, **await office.paths())
    assert answer["proof"].startswith("c2sp.org/tlog-proof@v1\n")
    leaves = office.bern.relay.logs[LogName.MESSAGE].leaves
    assert bytes.fromhex(answer["leaf"]) == leaves[answer["index"]]


async def test_what_is_not_logged_is_refused_with_its_reason(office: Office) -> None:
    fresh = office.bern.write("tfc", "Nieuw.")
    refused = office.bern.refused("audit-wanted", id=short(fresh.name))
    assert (refused.code, refused.exit_code) == (
        "audit.evidence-not-logged",
        Exit.REFUSED,
    )


async def test_status_names_each_witness(office: Office) -> None:
    told = office.bern.ask("audit-status")
    assert told["message"]["size"] == office.bern.relay.sizes[1]
    assert [w["cosigned"] is None for w in told["key"]["witnesses"]] == [
        False,
        False,
        True,
    ]


async def test_entries_come_page_by_page(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.answers.auditing.PAGE", 1)
    pages = 0

    def ask(start: int) -> Any:  # noqa: ANN401 -- JSON
        nonlocal pages
        pages += 1
        return office.bern.ask("audit-entries", start=start)

    leaves = office.bern.relay.logs[LogName.KEY].leaves
    assert entries_of(ask) == tuple(leaves)
    assert pages == len(leaves)
    first = office.bern.ask("audit-entries", start=0)["entries"]
    assert [base64.b64decode(one) for one in first] == leaves[:1]
