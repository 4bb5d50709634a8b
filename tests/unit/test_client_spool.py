"""The spool: ciphertext only, in constant memory, and names that are only names."""

import errno
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from client.cli.attaching import MAX_NAME, UNNAMED, clean_name, media_of
from client.core.attached import Spooled, blob_size
from client.core.attachments import Demand
from client.vault.spool import STEP, Spool, open_blob, seal_file, verify
from crypto.errors import OpenError
from crypto.padding import padme
from crypto.stream import AttachmentNames
from crypto.suite import SuiteId
from crypto.types import Secret
from tests.support.campaign import Campaign
from tests.support.keys import drawn, stretched

MIB = 1024 * 1024


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def seal(
    spool: Spool, source: Path, progress: Callable[[int], None] = lambda _: None
) -> Spooled:
    return seal_file(
        spool,
        source,
        suite=SuiteId.S1,
        name="a",
        media="a/b",
        entropy=drawn("spool"),
        progress=progress,
    )


def demand_of(made: Spooled) -> Demand:
    line = made.line
    names = AttachmentNames(line.blob, line.length, line.digest)
    return Demand((SuiteId.S1,), Secret(line.key), names)


def plain(path: Path, size: int) -> Path:
    """Write a file of ``size`` bytes, a piece at a time."""
    with path.open("wb") as file:
        for start in range(0, size, MIB):
            file.write(stretched(f"piece {start}", min(MIB, size - start)))
    return path


@pytest.mark.parametrize(
    "size", [0, 1, 9, 16_383, 16_384, 16_385, 65_536, 100_000, 300_000]
)
def test_a_file_is_sealed_and_opened_again(
    spool: Spool, tmp_path: Path, size: int
) -> None:
    source = plain(tmp_path / "plain", size)
    told: list[int] = []
    made = seal(spool, source, told.append)
    assert sum(told) == made.line.length == size
    assert made.total == spool.size(made.file) == blob_size(size)
    back: list[bytes] = []
    path = spool.path(made.file)
    open_blob(path, SuiteId.S1, demand_of(made), back.append, told.append)
    assert b"".join(back) == source.read_bytes()
    assert verify(path, demand_of(made)) is not None


def test_a_file_that_cannot_be_sealed_leaves_nothing(
    spool: Spool, tmp_path: Path
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no room")

    source = plain(tmp_path / "plain", 10)
    for wrong in (tmp_path / "missing", tmp_path):
        with pytest.raises(OSError):  # noqa: PT011 -- either kind
            seal(spool, wrong)
    with pytest.raises(OSError, match="no room"):
        seal(spool, source, full)
    assert list(spool.folder.iterdir()) == []


def test_plaintext_and_keys_do_not_lie_in_the_spool(
    spool: Spool, tmp_path: Path
) -> None:
    source = tmp_path / "plain"
    source.write_bytes(b"Kenmerk van de bijlage" * 1_000)
    made = seal(spool, source)
    content = spool.path(made.file).read_bytes()
    assert b"Kenmerk" not in content
    assert made.line.key not in content
    assert spool.path(made.file).stat().st_mode & 0o777 == 0o600
    assert spool.folder.stat().st_mode & 0o777 == 0o700


def test_what_is_missing_or_cut_is_false(spool: Spool, tmp_path: Path) -> None:
    made = seal(spool, plain(tmp_path / "plain", 50_000))
    path, demand = spool.path(made.file), demand_of(made)
    whole = path.read_bytes()
    path.write_bytes(whole[: 56 + 16_400])  # at a chunk: it looks right so far
    assert verify(path, demand) is None
    sink: list[bytes] = []
    with pytest.raises(OpenError):
        open_blob(path, SuiteId.S1, demand, sink.append, lambda _: None)
    path.unlink()
    assert verify(path, demand) is None
    assert spool.read(made.file, 0, 10) == b""
    assert spool.size(made.file) == 0
    spool.drop(made.file)


def test_room_is_kept_for_the_vault(spool: Spool) -> None:
    assert spool.has_room(0)
    assert not spool.has_room(1 << 62)


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_file(
    spool: Spool, tmp_path: Path, campaign: Campaign
) -> None:
    """Sealing and opening ten times as much takes no more memory."""
    small = campaign.pick(quick=2, ci=2, deep=20) * MIB
    peaks = []
    for size in (small, 10 * small):
        source = plain(tmp_path / "plain", size)
        made: list[Spooled] = []
        sealing = peak(lambda: made.append(seal(spool, source)))  # noqa: B023 -- called at once
        path, demand = spool.path(made[0].file), demand_of(made[0])
        opening = peak(lambda: verify(path, demand))  # noqa: B023 -- called at once
        peaks.append((sealing, opening))
        spool.drop(made[0].file)
    for one, ten in zip(*peaks, strict=True):
        assert ten <= 1.1 * one + STEP, peaks
        assert ten < 8 * STEP, peaks


@pytest.mark.parametrize("length", [*range(0, 5000, 37), 16_384, 10**6, 10**9])
def test_the_length_of_a_blob_follows_from_that_of_the_file(length: int) -> None:
    chunks = padme(length) // 16_384 + 1
    assert blob_size(length) == 56 + padme(length) + 16 * chunks


# --- names


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("verslag.pdf", "verslag.pdf"),
        ("Bijlage 1 (concept).docx", "Bijlage 1 (concept).docx"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\boot.ini", "_.._boot.ini"),
        ("C:evil.exe", "C_evil.exe"),
        ("/absolute", "_absolute"),
        (".bashrc", "bashrc"),
        ("trailing. . ", "trailing"),
        ("invoice\u202efdp.exe", "invoice_fdp.exe"),  # shown as invoiceexe.pdf
        ("a\x1b[2Jb\x00c\nd", "a_[2Jb_c_d"),
        ("line\u2028break", "line_break"),
        ("e\u0301te\u0301.txt", "\u00e9t\u00e9.txt"),
        ("nul", "_nul"),
        ("COM1.txt", "_COM1.txt"),
        ("", UNNAMED),
        ("...", UNNAMED),
        ('a"b<c>|d?*', "a_b_c__d__"),
    ],
)
def test_a_name_becomes_only_a_name(name: str, clean: str) -> None:
    assert clean_name(name) == clean
    assert clean_name(clean) == clean  # and is then left alone


def test_a_long_name_keeps_its_ending() -> None:
    name = clean_name("é" * 300 + ".tar.gz")
    assert len(name.encode()) <= MAX_NAME
    assert name.endswith(".gz")
    endless = clean_name("a." + "b" * 300)
    assert len(endless.encode()) <= MAX_NAME
    assert clean_name(endless) == endless


def test_a_media_type_is_guessed_from_the_name_alone() -> None:
    assert media_of("kaart.png") == "image/png"
    assert media_of("zonder") == "application/octet-stream"
    assert media_of("archief.tar.gz") == "application/x-tar"


def test_a_name_is_never_an_option() -> None:
    assert clean_name("-rf") == "_-rf"
    assert clean_name("a-b") == "a-b"
