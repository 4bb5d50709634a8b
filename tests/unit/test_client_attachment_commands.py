"""What the agent answers about attachments, over the real core in memory."""

from pathlib import Path

import pytest

from client.answers.attachments import as_json
from client.core.attached import Spooled
from client.exits import AgentRefusal, Exit
from client.vault.spool import seal_file
from crypto.suite import SuiteId
from protocol.receipt import Kind
from tests.support.desk import exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.keys import stretched
from tests.support.ministry import ministry
from tests.support.office import Office

SAMPLE = Path(__file__).parents[2] / "docs/samples/alert-opcw-2018.json"
WISH = {
    "to": ["tfc"],
    "info": [],
    "subject": "Foto's",
    "precedence": "ROUTINE",
    "level": "Dep.V",
    "until": "2031-01-31",
    "text": "Zie bijlage.",
}


class Sealing(Office):
    """An office that seals files, as `send --attach` does."""

    def sealed(self, name: str, content: bytes) -> Spooled:
        source = self.desk.spool.path("source")
        source.write_bytes(content)
        made = seal_file(
            self.desk.spool,
            source,
            suite=SuiteId.S1,
            name=name,
            media="image/png",
            entropy=self.desk.entropy,
            progress=lambda _: None,
        )
        source.unlink()
        return made


@pytest.fixture
def offices() -> tuple[Sealing, Sealing]:
    hague = ministry()
    bern, tfc = pair(hague, FakeRelay(hague))
    return Sealing(bern), Sealing(tfc)


def test_attachments_are_followed_on_both_sides(
    offices: tuple[Sealing, Sealing],
) -> None:
    bern, tfc = offices
    place = bern.run("spool")
    assert place == {"folder": str(bern.desk.spool.folder), "suite": 1}
    content = stretched("kaart", 40_000)
    files = [as_json(bern.sealed("kaart.png", content))]
    sent = bern.run("send", **WISH, attachments=files)["id"]
    (mine,) = bern.run("attachments", id=sent)
    assert (mine["name"], mine["size"], mine["complete"]) == (
        "kaart.png",
        40_000,
        False,
    )
    bern.desk.run()
    tfc.desk.fetch()  # the text, and the blob is on its way
    (line,) = tfc.run("inbox")
    assert (line["attachments"], line["complete"]) == (1, False)
    (coming,) = tfc.run("attachments", id=sent)
    assert (coming["here"], coming["complete"]) == (0, False)
    (locked,) = tfc.run("attach-open", id=sent)
    assert locked["path"] is None  # nothing to open before it was verified
    exchange(bern.desk, tfc.desk)
    (target,) = bern.run("receipts", id=sent)["to"]
    assert target["complete"] is True
    (opened,) = tfc.run("attach-open", id=sent)
    assert opened["suite"] == 1
    assert opened["key"] == files[0]["key"]
    assert opened["path"].startswith(str(tfc.desk.spool.folder))
    (shown,) = tfc.run("read", id=sent)["files"]
    assert (shown["complete"], shown["here"]) == (True, shown["total"])
    assert "key" not in shown  # a listing opens nothing


def test_to_open_an_attachment_is_to_have_read_the_message(
    offices: tuple[Sealing, Sealing],
) -> None:
    bern, tfc = offices
    files = [as_json(bern.sealed("kaart.png", b"x"))]
    sent = bern.run("send", **WISH, attachments=files)["id"]
    exchange(bern.desk, tfc.desk)
    tfc.run("attachments", id=sent)
    exchange(bern.desk, tfc.desk)
    name = bern.desk.store.records(1, 1)[0].name
    kinds = {receipt.kind for receipt in bern.desk.store.receipts(name)}
    assert Kind.READ not in kinds
    tfc.run("attach-open", id=sent)
    exchange(bern.desk, tfc.desk)
    kinds = {receipt.kind for receipt in bern.desk.store.receipts(name)}
    assert Kind.READ in kinds


def test_a_sealed_file_that_is_gone_sends_nothing(
    offices: tuple[Sealing, Sealing],
) -> None:
    bern, _ = offices
    made = bern.sealed("kaart.png", b"x")
    bern.desk.spool.drop(made.file)
    with pytest.raises(AgentRefusal) as refused:
        bern.run("send", **WISH, attachments=[as_json(made)])
    assert refused.value.code == "attach.not-sealed"
    assert refused.value.exit_code == Exit.FAILED
    assert bern.run("outbox") == []


def test_evidence_goes_with_a_report(offices: tuple[Sealing, Sealing]) -> None:
    bern, tfc = offices
    files = [as_json(bern.sealed("geheugen.img", b"bewijs" * 999))]
    sent = bern.run(
        "incident", report=SAMPLE.read_text(), to=["tfc"], attachments=files
    )["id"]
    exchange(bern.desk, tfc.desk)
    (line,) = tfc.run("inbox")
    assert (line["id"], line["attachments"]) == (sent, 1)
    (shown,) = tfc.run("attachments", id=sent)
    assert (shown["name"], shown["complete"]) == ("geheugen.img", True)
