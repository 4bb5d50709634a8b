"""Two hundred canaries in a vault: its files, locked or killed, hold none of them."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from client.core.rows import IN, RecordRow
from client.vault.backup import write_backup
from crypto.digest import H
from crypto.types import MessageId
from protocol.bodies import CableBody, Paragraph
from protocol.codec import encode
from tests.support.homes import Household, household
from tests.support.light import make_light

FIELDS = ("body", "subject", "attachment", "drafter", "caveat")
CANARIES = [f"kanarie-{field}-{n:02d}" for field in FIELDS for n in range(40)]


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


def row(number: int) -> RecordRow:
    """Return a record that carries one canary of each field."""
    words = {field: f"kanarie-{field}-{number:02d}" for field in FIELDS}
    body = CableBody(
        subject=words["subject"],
        paragraphs=tuple(Paragraph(text=words[name]) for name in FIELDS[0:1]),
    )
    document = encode(body) + "".join(words.values()).encode()
    return RecordRow(
        name=H(document),
        id=MessageId(number.to_bytes(16, "big")),
        way=IN,
        type=1,
        post=words["caveat"],
        at=number,
        document=document,
        inner=document[::-1] + document,
        refused=words["drafter"],
    )


def plant(there: Household) -> None:
    vault = there.open()
    for number in range(40):
        with vault.store.transaction():
            vault.store.add_record(row(number))
            attachment = f"kanarie-attachment-{number:02d}"
            vault.store.put(f"file.{attachment}", attachment.encode())
            vault.store.add_event(number, f"kanarie-subject-{number:02d}", None, "")
    kept = there.home.path.parent / "killed"
    shutil.copytree(there.home.path, kept)  # with its write-ahead log: as a kill would
    assert (kept / "data/vault.db-wal").stat().st_size > 100_000
    # Sorting more than the memory that SQLite may take spills into temporary pages.
    rows = vault.database.rows("SELECT document FROM record ORDER BY document DESC")
    assert len(rows) == 40
    write_backup(there.home, vault, there.home.path.parent / "backup")
    shutil.copytree(there.home.path, there.home.path.parent / "after-backup")
    vault.close()


def found_in(folder: Path) -> list[str]:
    pieces = [word.encode() for word in CANARIES]
    pieces += [word.encode("utf-16-le") for word in CANARIES]
    found = []
    for file in folder.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            found += [f"{file}: {piece!r}" for piece in pieces if piece in data]
    return found


def test_no_file_of_a_vault_holds_any_of_two_hundred_canaries(tmp_path: Path) -> None:
    assert len(set(CANARIES)) == 200
    there = household(tmp_path)
    plant(there)
    assert found_in(tmp_path) == []
    vault = there.open()
    kept = b"".join(row.document for row in vault.store.records(IN, 99))
    assert all(word.encode() in kept for word in CANARIES)  # they are really there
    vault.close()
    (tmp_path / "leak").write_bytes(b"x" + CANARIES[77].encode())
    assert found_in(tmp_path) == [f"{tmp_path / 'leak'}: {CANARIES[77].encode()!r}"]


def test_a_killed_process_leaves_no_core_and_no_canary(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from client.hardening import harden\n"
        "harden(os.environ)\n"
        "os.chdir(sys.argv[1])\n"
        "held = [sys.argv[2].encode() * 1000]\n"
        "print('holding', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(  # noqa: S603 -- ourselves
        [sys.executable, "-c", code, str(tmp_path), CANARIES[0]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"holding\n"
        os.kill(process.pid, signal.SIGABRT)  # what writes a core where one is written
        process.wait(30)
        assert process.returncode == -signal.SIGABRT
    assert list(tmp_path.iterdir()) == []
