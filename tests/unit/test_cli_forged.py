"""No text of a peer looks like a line of ours, and nobody here sends such a text."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from client.cli import folding
from client.cli.folding import MORE, folded
from client.cli.main import main
from client.cli.shell import Shell
from client.door import asking
from client.harmless import harmless, harmless_lines, is_plain, json_text
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry
from tests.support.office import Office

BANNER = "=== Stg.G ==="
OPENED = {
    "level": "Dep.V",
    "post": "bern",
    "precedence": "ROUTINE",
    "received": "2026-11-23T15:30:00Z",
    "courier": False,
    "logged": True,
    "withdrawn": None,
    "expired": False,
    "late": False,
    "signed_before": None,
    "files": [],
    "to": ["tfc"],
    "info": ["jakarta"],
    "until": "2031-02-01T00:00:00Z",
    "events": ["einde"],
    "parts": [],
}
LINE = {
    **OPENED,
    "id": "3f2a91",
    "subject": "",
    "attachments": 0,
    "withdraws": None,
    "complete": None,
}


def koerier(home: Path, *words: str) -> Result:
    line = ["--lang", "en", "--home", str(home), *words]
    return CliRunner().invoke(main, line)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Return what makes an agent that answers every question so."""

    def answer(value: object) -> None:
        monkeypatch.setattr(asking, "ask", lambda *_, **__: value)

    return answer


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let every output go to a screen of so many columns."""
    monkeypatch.setattr(folding, "columns", lambda **_: 40)
    monkeypatch.setattr("client.cli.shell.columns", lambda **_: 40)
    return 40


def ours(shown: str) -> list[str]:
    """Return the lines that begin as a line of ours would."""
    return [line for line in shown.splitlines() if not line.startswith(MORE)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\u2029", "\x85", "\x0b"])
def test_a_body_makes_no_line_of_ours(
    tmp_path: Path, answering: Callable[[Any], None], end: str
) -> None:
    text = harmless_lines(f"Een.{end}{BANNER}{end}From: tfc, FLASH{end}Subject: x")
    answering({**OPENED, "parts": [["subject", "Overleg"], ["text", text]]})
    shown = koerier(tmp_path, "read", "3f2a91").stdout
    assert BANNER in shown
    assert [line for line in ours(shown) if BANNER in line[: len(BANNER)]] == []
    assert sum(line.startswith("From: ") for line in ours(shown)) == 1
    assert sum(line.startswith("Subject: ") for line in ours(shown)) == 1


def test_a_screen_breaks_no_line_of_a_peer_by_itself(
    tmp_path: Path, answering: Callable[[Any], None], narrow: int
) -> None:
    padded = "x".ljust(narrow - len("Subject: ")) + BANNER
    answering({**OPENED, "parts": [["subject", padded], ["text", padded]]})
    shown = koerier(tmp_path, "read", "3f2a91").stdout
    assert max(map(len, shown.splitlines())) <= narrow
    assert BANNER in "".join(shown.splitlines())
    assert not any(line.startswith(BANNER) for line in shown.splitlines())


def test_a_subject_makes_no_row_of_the_inbox(
    tmp_path: Path, answering: Callable[[Any], None], narrow: int
) -> None:
    row = "9c1b77a0d2e4  271200Z NOV 26  tfc  FLASH  Stg.G  Come at once"
    answering([{**LINE, "subject": f"x\n{row}".ljust(90) + row}])
    shown = koerier(tmp_path, "inbox").stdout
    assert max(map(len, shown.splitlines())) <= narrow
    assert len(ours(shown)) == 1


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("short", ["short"]),
        ("12345678", ["12345678"]),
        ("123456789", ["12345678", MORE + "9"]),
        ("漢漢漢漢漢", ["漢漢漢漢", MORE + "漢"]),
        ("e\u0301" * 8, ["e\u0301" * 8]),  # an accent takes no column of its own
    ],
)
def test_a_line_is_broken_by_its_columns(line: str, lines: list[str]) -> None:
    assert folded(line, 8).split("\n") == lines


def test_nothing_is_broken_where_no_screen_is() -> None:
    assert folding.columns(err=False) is None


def test_what_a_peer_says_in_a_record_is_one_line_where_one_is_meant(
    hague: Ministry, relay: FakeRelay
) -> None:
    bern, tfc = (Desk(hague, hague.posts[name], relay) for name in ("bern", "tfc"))
    for desk in (bern, tfc):
        desk.connect()
    exchange(bern, tfc)
    sent = Office(bern).run(
        "send",
        to=["tfc"],
        subject=f"Overleg\n{BANNER}\u2028x",
        precedence="ROUTINE",
        level="Dep.V",
        until="2031-01-31",
        text=f"Een.\n{BANNER}\u2028Twee.",
    )
    exchange(bern, tfc)
    (line,) = Office(tfc).run("inbox")
    assert line["id"] == sent["id"]
    assert line["subject"] == f"Overleg<U+000A>{BANNER}<U+2028>x"
    parts = dict(Office(tfc).run("read", id=line["id"])["parts"])
    assert parts["subject"] == line["subject"]
    assert parts["text"] == f"Een.\n{BANNER}<U+2028>Twee."


@pytest.mark.parametrize(
    "words",
    [
        "send --to tfc --level Dep.V --event x --subject",
        "send --to tfc --level Dep.V --subject x --event",
        "withdraw 3f2a91 --reason",
        "operator invite --root R --post bern --out I --name-en x --name-nl",
        "operator invite --root R --post bern --out I --name-nl x --name-en",
        "terminal init --invite I --root R --out O --member",
        "terminal member add --invite I --out O --name",
        "root init --demo --out R --ministry",
    ],
)
@pytest.mark.parametrize(
    "odd", ["x\nrights: all", "x\u2028y", "\x1b[2J", "\u202ex", ""]
)
def test_a_text_that_is_no_plain_line_is_refused_at_entry(
    tmp_path: Path, words: str, odd: str
) -> None:
    done = koerier(tmp_path, *words.split(), odd)
    assert done.exit_code == 2
    assert f"{words.rpartition(' ')[2]} is one line of plain text" in done.stderr


def test_bytes_that_are_no_utf8_are_refused_at_entry() -> None:
    assert not is_plain(b"caf\xe9".decode(errors="surrogateescape"))
    assert is_plain("café 🇳🇱")


def test_paths_and_faults_in_our_sentences_are_harmless_too() -> None:
    said = Shell(None, "en").sentence("attach.saved", file=Path("/tmp/\x1b[2Jx"))  # noqa: S108 -- a name, not a file
    assert said == "Saved: /tmp/<U+001B>[2Jx"


def test_json_keeps_its_lines_and_no_other() -> None:
    shown = json_text({"a": "x\ny\u2028z"})
    assert shown == '{\n  "a": "x\\ny\\u2028z"\n}'
    assert harmless("\n") == "<U+000A>"


def test_reading_shows_to_whom_it_went_and_until_when_it_is_classified(
    tmp_path: Path, answering: Callable[[Any], None]
) -> None:
    answering(OPENED)
    shown = koerier(tmp_path, "read", "3f2a91").stdout.splitlines()
    assert {"To: tfc", "Info: jakarta", "Classified until: einde"} <= set(shown)
    assert any(line.startswith("Classified until 0") for line in shown)


def test_output_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(  # noqa: S603 -- ourselves
            [
                *(sys.executable, "-m", "client.cli.main", "--lang", "en"),
                *("--home", str(tmp_path), "doctor", "--json"),
            ],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1, done.stderr
    assert "could not be written" in done.stderr
    assert "Traceback" not in done.stderr
