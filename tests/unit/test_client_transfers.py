"""The shell of attachments: what it acknowledges, refuses and believes."""

from pathlib import Path

import pytest

from client.core.attached import blob_size
from client.core.attachments import Demand
from client.vault.spool import seal_file
from crypto.stream import AttachmentNames
from crypto.suite import SuiteId
from crypto.types import Digest, Secret
from protocol.line.effects import ObjectAbandoned, ObjectComplete
from protocol.line.frames import Kind
from protocol.line.outbound import UNCONFIRMED
from tests.support.keys import drawn, stretched
from tests.support.transferring import Scene

PLAIN = stretched("plain", 300_000)
NAME = Digest(bytes(32))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "spool")


def sealed(tmp_path: Path, scene: Scene) -> tuple[bytes, Demand]:
    source = tmp_path / "plain"
    source.write_bytes(PLAIN)
    made = seal_file(
        scene.spool,
        source,
        suite=SuiteId.S2,
        name="plain",
        media="a/b",
        entropy=drawn("sealed"),
        progress=lambda _: None,
    )
    blob = scene.spool.path(made.file).read_bytes()
    scene.spool.drop(made.file)
    line = made.line
    names = AttachmentNames(line.blob, line.length, line.digest)
    suites = (SuiteId.S1, SuiteId.S2)  # sealed before the root changed its suite
    return blob, Demand(suites, Secret(line.key), names)


def test_a_blob_that_came_is_opened_under_the_suite_it_was_sealed_under(
    scene: Scene, tmp_path: Path
) -> None:
    blob, demand = sealed(tmp_path, scene)
    assert len(blob) == blob_size(len(PLAIN))
    row = scene.to_fetch(blob, demand, NAME)
    scene.connect()
    scene.run()
    assert scene.told.believed == [row.file]
    assert scene.spool.path(row.file).read_bytes() == blob


@pytest.mark.parametrize("change", ["last byte", "first chunk", "other key", "cut"])
def test_what_is_not_as_signed_is_doubted_and_nothing_of_it_stays(
    scene: Scene, tmp_path: Path, change: str
) -> None:
    blob, demand = sealed(tmp_path, scene)
    match change:
        case "last byte":
            blob = blob[:-1] + bytes([blob[-1] ^ 1])
        case "first chunk":
            blob = blob[:60] + bytes([blob[60] ^ 1]) + blob[61:]
        case "other key":
            demand = Demand(demand.suites, Secret(bytes(32)), demand.names)
        case _:
            blob = blob[: 56 + 16_400]
    row = scene.to_fetch(blob, demand, NAME)
    scene.connect()
    scene.run()
    assert scene.told.doubted == [row.file]
    assert scene.told.believed == []
    assert not scene.spool.path(row.file).exists()


def test_nothing_unwished_or_of_another_length_is_taken(
    scene: Scene, tmp_path: Path
) -> None:
    blob, demand = sealed(tmp_path, scene)
    row = scene.to_fetch(blob, demand, NAME)
    scene.connect()
    scene.relay.out[row.blob[:16]] = blob
    scene.told.rows.clear()
    scene.run()
    assert scene.relay.sent == 0
    assert scene.told.believed == []


def test_bytes_are_acknowledged_after_they_were_synced(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob, demand = sealed(tmp_path, scene)
    row = scene.to_fetch(blob, demand, NAME)
    synced = [0]
    real = scene.spool.sync

    def sync(file: str) -> None:
        real(file)
        synced.append(scene.spool.size(file))

    monkeypatch.setattr(scene.spool, "sync", sync)
    scene.connect()
    while row.file not in scene.told.believed:
        scene.step()
        scene.work()
        for out in scene.ends.relay._outbound._objects.values():  # noqa: SLF001 -- looked into
            assert out.durable <= synced[-1]
            assert out.at_hand - out.durable <= UNCONFIRMED
    assert synced[-1] == len(blob)


def test_a_part_longer_than_the_blob_is_begun_anew(
    scene: Scene, tmp_path: Path
) -> None:
    blob, demand = sealed(tmp_path, scene)
    row = scene.to_fetch(blob, demand, NAME)
    scene.spool.write(row.file, 0, blob + b"and more")
    scene.connect()
    scene.run()
    assert scene.told.believed == [row.file]


def test_a_whole_blob_whose_opening_a_crash_prevented_is_not_sent_again(
    scene: Scene, tmp_path: Path
) -> None:
    blob, demand = sealed(tmp_path, scene)
    row = scene.to_fetch(blob, demand, NAME)
    scene.spool.write(row.file, 0, blob)
    scene.connect()
    scene.run()
    assert scene.told.believed == [row.file]
    assert scene.relay.sent == 0


def test_a_blob_that_is_being_opened_is_not_taken_again(
    scene: Scene, tmp_path: Path
) -> None:
    blob, demand = sealed(tmp_path, scene)
    row = scene.to_fetch(blob, demand, NAME)
    scene.spool.write(row.file, 0, blob)
    scene.connect()
    for _ in range(20):
        scene.step()
    assert len(scene.jobs) == 1
    scene.cut()
    scene.connect()
    for _ in range(20):
        scene.step()
    assert len(scene.jobs) == 1
    scene.work()
    assert scene.told.believed == [row.file]


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_full_disk_refuses_and_says_so(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    blob, demand = sealed(tmp_path, scene)
    row = scene.to_fetch(blob, demand, NAME)
    if when == "before":
        monkeypatch.setattr(scene.spool, "has_room", lambda _: False)
    else:

        def full(*_: object) -> None:
            raise OSError(28, "no room")

        monkeypatch.setattr(scene.spool, "write", full)
    scene.connect()
    scene.run()
    assert scene.told.full == [row.file]
    assert scene.told.believed == scene.told.doubted == []


def test_an_upload_that_the_relay_refuses_is_told(scene: Scene) -> None:
    short = scene.to_send(PLAIN)
    scene.relay.refusing = True
    scene.connect()
    scene.run()
    assert scene.told.not_taken_ == [short]


def test_an_upload_whose_file_is_gone_is_given_up(scene: Scene) -> None:
    short = scene.to_send(PLAIN)
    scene.connect()
    for _ in range(6):
        scene.step()
    scene.spool.drop(scene.uploads[0].file)
    scene.run()
    assert scene.told.not_taken_ == [short]
    assert scene.told.uploaded_ == []


def test_an_upload_leaves_no_more_than_the_window_unconfirmed(scene: Scene) -> None:
    """The relay says nothing for long: no byte beyond 256 KiB is sent."""
    scene.to_send(stretched("long", 2 * UNCONFIRMED))
    scene.connect()
    for _ in range(500):
        scene.step()
    assert scene.relay.received == UNCONFIRMED
    scene.run()
    assert scene.told.uploaded_


def test_what_concerns_no_blob_of_ours_is_nothing(scene: Scene) -> None:
    scene.transfers.effect(ObjectAbandoned(bytes(16)))
    scene.transfers.effect(ObjectComplete(Kind.NOTICE, bytes(16), 0, b"x"))
    assert not scene.jobs
