"""What an open terminal answers to an auditor's commands."""

import base64
from pathlib import Path
from typing import Any

import pytest

from client.answers.auditing import AuditAnswers
from client.answers.names import short
from client.audit.asking import brought, entries_of
from client.audit.paths import proofs
from client.core.evidence import Wanted
from client.core.witnesses import EVIDENCE
from client.exits import AgentRefusal, Exit
from client.vault.making import PIN
from protocol.codec import encode
from protocol.errors import FreshnessError
from protocol.evidence.check import verify_bundle
from protocol.requests import LogName
from protocol.tlog_proof import read_proof, write_proof
from tests.support.desk import Desk, pair
from tests.support.evidence import settle
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry
from tests.support.monitored import Shown


class Office:
    """Bern, after a message of TFC that was read there."""

    def __init__(self, hague: Ministry) -> None:
        self.bern, self.tfc = pair(hague, FakeRelay(hague))
        self.bern.store.put(PIN, hague.directory.root.digest)
        self.name = self.tfc.write("bern", "Voor de auditor.").name
        settle(self.bern, self.tfc)
        (row,) = self.bern.inbox()
        self.bern.machine.read(row, self.bern.now)
        settle(self.bern, self.tfc)

    def ask(self, method: str, **arguments: Any) -> Any:  # noqa: ANN401 -- JSON
        return AuditAnswers(self.bern.machine, self.bern.store).methods[method](
            arguments
        )

    def refused(self, method: str, **arguments: Any) -> AgentRefusal:  # noqa: ANN401
        with pytest.raises(AgentRefusal) as refused:
            self.ask(method, **arguments)
        return refused.value

    @property
    def id(self) -> str:
        return short(self.name)

    async def paths(self) -> dict[str, Any]:
        asked = self.ask("audit-wanted", id=self.id)
        wanted = Wanted(
            tuple((a, b) for a, b in asked["consistency"]),
            tuple((a, b) for a, b in asked["inclusion"]),
        )
        source = Shown(self.bern.relay)
        return brought(await proofs(source, LogName.MESSAGE, wanted))


@pytest.fixture
def office(hague: Ministry) -> Office:
    return Office(hague)


async def test_evidence_is_verified_and_written(
    office: Office, hague: Ministry, tmp_path: Path
) -> None:
    out = tmp_path / "out.evidence"
    paths = await office.paths()
    answer = office.ask("audit-evidence", id=office.id, file=str(out), **paths)
    pin = hague.directory.root.digest
    found = verify_bundle(out.read_bytes(), pin, hague.realm)
    assert found.record.name == office.name
    assert (answer["receipts"], answer["bytes"]) == (2, out.stat().st_size)
    assert out.stat().st_mode & 0o077 == 0


async def test_false_paths_write_nothing(office: Office, tmp_path: Path) -> None:
    out = tmp_path / "out.evidence"
    paths = await office.paths()
    false = [[old, new, [bytes(32).hex()]] for old, new, _ in paths["consistency"]]
    refused = office.refused(
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
    answer = office.ask("audit-prove", id=office.id, **await office.paths())
    assert answer["proof"].startswith("c2sp.org/tlog-proof@v1\n")
    leaves = office.bern.relay.logs[LogName.MESSAGE].leaves
    assert bytes.fromhex(answer["leaf"]) == leaves[answer["index"]]


async def test_what_is_not_logged_is_refused_with_its_reason(office: Office) -> None:
    fresh = office.bern.write("tfc", "Nieuw.")
    refused = office.refused("audit-wanted", id=short(fresh.name))
    assert (refused.code, refused.exit_code) == (
        "audit.evidence-not-logged",
        Exit.REFUSED,
    )


async def test_status_names_each_witness(office: Office) -> None:
    told = office.ask("audit-status")
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
        return office.ask("audit-entries", start=start)

    leaves = office.bern.relay.logs[LogName.KEY].leaves
    assert entries_of(ask) == tuple(leaves)
    assert pages == len(leaves)
    first = office.ask("audit-entries", start=0)["entries"]
    assert [base64.b64decode(one) for one in first] == leaves[:1]


async def test_nothing_is_known_before_the_first_synchronisation(
    hague: Ministry, relay: FakeRelay
) -> None:
    bern = Desk(hague, hague.posts["bern"], relay)
    with pytest.raises(FreshnessError):
        AuditAnswers(bern.machine, bern.store).methods["audit-status"]({})


async def test_a_proof_that_does_not_count_any_more_is_made_anew(
    office: Office,
) -> None:
    """As after a change of witnesses: the last checkpoint takes its place."""
    row = office.bern.store.record(office.name)
    assert row is not None
    assert row.proof is not None
    proof = read_proof(row.proof)
    alone = b"".join(proof.note.splitlines(keepends=True)[:-1])  # one witness less
    office.bern.store.set_proof(row.name, write_proof(proof.index, proof.path, alone))
    paths = await office.paths()
    answer = office.ask("audit-prove", id=office.id, **paths)
    assert answer["size"] == office.bern.machine.beliefs.message_log.size
    false = [[index, size, [bytes(32).hex()]] for index, size, _ in paths["inclusion"]]
    refused = office.refused(
        "audit-prove", id=office.id, consistency=[], inclusion=false
    )
    assert refused.code == "audit.evidence-unproven"


async def test_kept_notes_are_shown(office: Office) -> None:
    assert office.ask("audit-status")["evidence"] == []
    office.bern.store.put(EVIDENCE, encode((b"one\n", b"two\n")))
    assert office.ask("audit-status")["evidence"] == ["one\n", "two\n"]
