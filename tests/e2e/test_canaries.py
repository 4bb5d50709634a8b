"""Nothing of what people write is anywhere at the relay, or in a locked vault.

Two hundred words that exist nowhere else are planted in subjects, bodies, names of
drafters as people sign their text, labels' events, and names and contents of
attachments.  They are then looked for where they must not be: files of relay and
witnesses, logs, metrics, status, and the memory of the relay's process.  The search is
proven by what it must find: a word in the memory of the receiving terminal.
"""

import json
import re
import urllib.request
from pathlib import Path

import pytest

from client.demo.leak import search
from client.demo.ministry import POST, TFC
from tests.support.live import Live, koerier, said

MESSAGES = 20
IN_EACH = 10
CHUNK = 1 << 20
MAPPING = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) r")
SAMPLE = Path(__file__).parents[2] / "docs/samples/alert-opcw-2018.json"


def words(message: int) -> list[str]:
    return [f"kanarie{message:02}x{n}q{message * 7919 + n:05}" for n in range(IN_EACH)]


def plant(live: Live, folder: Path) -> tuple[list[str], str]:
    """Send everything; return the words and the last message."""
    planted, last = [], ""
    for number in range(MESSAGES - 1):
        mine = words(number)
        planted += mine
        subject, drafter, event, name, *body = mine
        attachment = folder / f"{name}.txt"
        attachment.write_text(" ".join(body[:2]) * 400)
        text = "\n\n".join([*body[2:], f"w.g. {drafter}"])
        last = live.send(
            text, "--subject", subject, "--event", event, "--attach", attachment
        )
    planted += words(MESSAGES - 1)
    report = json.loads(SAMPLE.read_bytes())
    title, drafter, event, aware, what, hit, now, later, asked, tear = words(19)
    report["title"] += title
    report["awareness"]["told_by"] = drafter
    report["label"]["event"] = event
    report["how_aware"] += aware
    report["what"]["text"] += " " + what
    report["who_is_hit"] += hit
    report["impact"]["now"] += now
    report["impact"]["outlook"] += later
    report["asked_of_tfc"]["what"] += asked
    report["tear_line"] += tear
    file = folder / "melding.json"
    file.write_text(json.dumps(report))
    flash = str(said(live.post, "incident", "send", file)["id"])
    live.follow(flash, "delivered", "accepted")
    return planted, last


def in_memory(pid: int, pieces: list[bytes]) -> set[bytes]:
    """Return which pieces stand anywhere in the readable memory of a process."""
    found: set[bytes] = set()
    overlap = max(map(len, pieces))
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_bytes().splitlines():
            mapping = MAPPING.match(line)
            if mapping is None or line.endswith((b"[vvar]", b"[vsyscall]")):
                continue
            start, end = (int(bound, 16) for bound in mapping.groups())
            while start < end:
                memory.seek(start)
                try:
                    chunk = memory.read(min(CHUNK, end - start))
                except OSError:  # a mapping that went, or a device
                    break
                found |= {piece for piece in pieces if piece in chunk}
                start += max(len(chunk) - overlap, 1) if chunk else end - start
    return found


@pytest.mark.root
def test_two_hundred_canaries_are_found_nowhere(live: Live, tmp_path: Path) -> None:
    planted, last = plant(live, tmp_path)
    assert len(set(planted)) == MESSAGES * IN_EACH
    live.follow(last, "delivered", "accepted")
    pieces = [word.encode() for word in planted]

    ministry = live.ministry
    relay = live.services.pid(live.relay)
    health = (ministry.relay / "run" / "health").read_text().strip()
    with urllib.request.urlopen(f"http://{health}/metrics") as answer:
        metrics = answer.read()
    assert b"koerier_" in metrics
    assert [piece for piece in pieces if piece in metrics] == []
    folders = [ministry.relay, *ministry.witnesses, ministry.folder / "log"]
    assert search(folders, pieces) == 0
    assert in_memory(relay, pieces) == set()
    # The search itself: the terminal that was sent it has some of it in memory.
    assert koerier(live.tfc, "inbox").returncode == 0
    assert in_memory(int(live.agent(TFC).read_text()), pieces) != set()

    for unit in (TFC, POST):
        live.lock(unit)
    assert search([ministry.folder / "terminals"], pieces) == 0
