"""Attachments through any number of cuts: whole at the end, and little sent twice."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from client.core.attachments import Demand
from client.vault.spool import seal_file
from crypto.stream import AttachmentNames
from crypto.suite import SuiteId
from crypto.types import Digest, Secret
from protocol.line.outbound import UNCONFIRMED
from tests.support.keys import drawn, stretched
from tests.support.transferring import Scene

SIZES = st.lists(st.integers(0, 400_000), min_size=1, max_size=3)
# After how many cells each way the line is cut, and whether the process ends with it.
CUTS = st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=6)


def sealed(scene: Scene, size: int, number: int) -> tuple[bytes, Demand]:
    """Return a blob and what it must turn out to be."""
    plain = scene.spool.path("plain")
    plain.write_bytes(stretched(f"{number}", size))
    made = seal_file(
        scene.spool,
        plain,
        suite=SuiteId.S1,
        name="a",
        media="a/b",
        entropy=drawn(f"{number}/{size}"),
        progress=lambda _: None,
    )
    blob = scene.spool.path(made.file).read_bytes()
    scene.spool.keep_only([])
    line = made.line
    names = AttachmentNames(line.blob, line.length, line.digest)
    return blob, Demand((SuiteId.S1,), Secret(line.key), names)


@given(SIZES, CUTS)
def test_uploads_go_on_where_they_were_durable(
    sizes: list[int], cuts: list[tuple[int, bool]]
) -> None:
    with TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
        blobs = [stretched(f"{n}", size + 1) for n, size in enumerate(sizes)]
        for blob in blobs:
            scene.to_send(blob)
        for steps, restart in cuts:
            scene.connect()
            for number in range(steps):
                scene.step()
                if number % 3 == 0:
                    scene.relay.commit()
            scene.cut(restart=restart)
        scene.connect()
        scene.run()
        for blob, upload in zip(blobs, scene.uploads, strict=True):
            assert scene.relay.kept[upload.blob[:16]] == blob
        total = sum(map(len, blobs))
        assert total <= scene.relay.received <= total + len(cuts) * UNCONFIRMED


@given(SIZES, CUTS)
def test_downloads_go_on_where_they_were_durable_and_are_believed_whole(
    sizes: list[int], cuts: list[tuple[int, bool]]
) -> None:
    with TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
        rows = []
        for number, size in enumerate(sizes):
            blob, demand = sealed(scene, size, number)
            rows.append((scene.to_fetch(blob, demand, Digest(bytes(32))), blob))
        for steps, restart in cuts:
            scene.connect()
            for _ in range(steps):
                scene.step()
            scene.cut(restart=restart)
        scene.connect()
        scene.run()
        for row, blob in rows:
            assert row.file in scene.told.believed
            assert scene.spool.path(row.file).read_bytes() == blob
        assert scene.told.doubted == []
        total = sum(len(blob) for _, blob in rows)
        assert scene.relay.sent <= total + len(cuts) * UNCONFIRMED
