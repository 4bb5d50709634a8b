"""Attachments through real processes: sent, listed, saved; ciphertext at rest.

Interrupted and resumed ones are in ``adversity.py``, on both engines.
"""

from pathlib import Path

from client.files import private_folder
from tests.support.keys import stretched
from tests.support.live import Live, koerier, said, until


def test_files_arrive_are_listed_and_saved(live: Live, tmp_path: Path) -> None:
    files = {"kaart.png": stretched("kaart", 300_000), "leeg.txt": b""}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    attached = [part for name in files for part in ("--attach", tmp_path / name)]
    message = live.send("Zie de bijlagen.", *attached)
    live.follow(message, "delivered")
    listed = said(live.tfc, "attach", "list", message)
    assert [one["name"] for one in listed] == list(files)
    assert [one["media"] for one in listed] == ["image/png", "text/plain"]
    assert "complete" in koerier(live.tfc, "inbox").stdout
    assert "kaart.png" in koerier(live.tfc, "read", message).stdout
    assert "complete" in koerier(live.post, "receipts", message).stdout
    out = private_folder(tmp_path / "out")
    said(live.tfc, "attach", "save", message, "--all", "--out", out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == files
    again = koerier(live.tfc, "attach", "save", message, "--all", "--out", out)
    assert again.returncode == 2
    assert sorted(path.name for path in out.iterdir()) == sorted(files)
    # Everybody has it: nothing of it is left at the sender.
    until(lambda: not list((live.post / "data" / "spool").iterdir()))


def test_what_lies_on_the_receivers_disk_is_ciphertext(
    live: Live, tmp_path: Path
) -> None:
    needle = b"Kenmerk-van-de-bijlage"
    (tmp_path / "plan.txt").write_bytes(needle * 1000)
    message = live.send("Zie bijlage.", "--attach", tmp_path / "plan.txt")
    live.follow(message, "delivered")
    kept = list((live.tfc / "data" / "spool").iterdir())
    assert kept
    for path in (*live.tfc.rglob("*"), *live.ministry.relay.rglob("*")):
        assert not path.is_file() or needle not in path.read_bytes()
