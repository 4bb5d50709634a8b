"""Founding and two-person changes, by the commands that people type."""

import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from client.cli.main import main
from client.home import HomeError
from client.operator.documents import Invitation, Request, read_document, write_document
from client.operator.enrolment import paper_key
from client.operator.showing import sentences
from client.paper import ROWS, Kind, read_rows, rows_of
from crypto.notekey import NoteAlgorithm
from crypto.suite import SuiteId
from protocol.bodies import Subject
from protocol.codec import decode, encode
from protocol.directory_entry import (
    Action,
    DirectoryEntry,
    Enrolment,
    Revocation,
    change_of,
)
from protocol.key_log_entry import read_leaf, read_signed
from protocol.signed import Signed, carried
from tests.support.keys import signing_key
from tests.support.light import make_light
from tests.support.ministry import ministry
from tests.support.witnesses import log_key, note_key

WORD = b"een lang woord\n"


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


def koerier(
    home: Path,
    *arguments: object,
    word: bytes | None = WORD,
    lang: str = "en",
) -> Result:
    line = ["--home", str(home), "--lang", lang, *map(str, arguments)]
    if word is not None:
        reading, writing = os.pipe()
        os.write(writing, word)
        os.close(writing)
        line += ["--passphrase-fd", str(reading)]
    return CliRunner().invoke(main, line)


def public_parts(folder: Path) -> None:
    logs = {
        f"{name}_log": {
            "origin": log_key(name).origin,
            "public": log_key(name).public.hex(),
        }
        for name in ("key", "message")
    }
    relay = {
        "format": "koerier-relay-public/1",
        "suite": 1,
        "identity": signing_key(SuiteId.S1, "relay").public.hex(),
        "tls_pin": bytes(range(32)).hex(),
        **logs,
    }
    witness = {
        "format": "koerier-witness-public/1",
        "name": "w1.example",
        "ed25519": note_key("w1", NoteAlgorithm.ED25519).public.hex(),
        "mldsa44": note_key("w1", NoteAlgorithm.ML_DSA_44).public.hex(),
    }
    (folder / "relay.json").write_text(json.dumps(relay))
    (folder / "witness.json").write_text(json.dumps(witness))


ODD_NAME = "A. \u202ede Vries\n  recovery key 0"


class Papers:
    """A founded ministry up to a proposal by anna."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        public_parts(folder)
        for name in ("anna", "bram"):
            made = koerier(folder / name, "operator", "init")
            assert made.exit_code == 0, made.output
        founded = self.found("--demo")
        assert founded.exit_code == 0, founded.output
        self.digest = founded.output

    def file(self, name: str) -> Path:
        return self.folder / name

    def found(self, *options: str, home: str = "holder") -> Result:
        return koerier(
            self.folder / home,
            *("root", "init", *options, "--ministry", "Ministerie"),
            *("--operator", self.file("anna") / "operator-public.json"),
            *("--operator", self.file("bram") / "operator-public.json"),
            *("--relay", self.file("relay.json"), "--address", "127.0.0.1:8443"),
            *("--witness", self.file("witness.json")),
            *("--witness-url", "http://127.0.0.1:8444", "--out", self.file("root")),
        )

    def invite(self, post: str = "bern") -> Result:
        return koerier(
            self.file("anna"),
            *("operator", "invite", "--root", self.file("root"), "--post", post),
            *("--name-nl", "Post Bern", "--name-en", "Bern", "--out", self.file("inv")),
            word=None,
        )

    def join(self, *options: object, home: str = "bern") -> Result:
        """Ask for a place, with a name that our own program would refuse."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("client.cli.texts.is_plain", lambda _: True)
            return koerier(
                self.file(home),
                *("terminal", "init", "--invite", self.file("inv")),
                *("--root", self.file("root"), "--member", ODD_NAME),
                *("--out", self.file("req"), *options),
            )

    def propose(self, *options: object) -> Result:
        return koerier(
            self.file("anna"),
            *("operator", "propose", self.file("req"), "--root", self.file("root")),
            *("--level", "Stg.G", "--out", self.file("prop"), *options),
        )

    def approve(self, by: str = "bram", lang: str = "en") -> Result:
        return koerier(
            self.file(by),
            *("operator", "approve", self.file("prop"), "--root", self.file("root")),
            *("--out", self.file("entry")),
            lang=lang,
        )


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    found = Papers(tmp_path)
    assert found.invite().exit_code == 0
    assert found.join("--demo").exit_code == 0
    assert found.propose("--release", "Stg.C", "--eyes-only").exit_code == 0
    return found


@pytest.mark.parametrize(
    ("lang", "words"),
    [("nl", ("U tekent", "stelt vast tot")), ("en", ("You sign", "releases up to"))],
)
def test_a_second_operator_sees_what_is_signed_and_signs_it(
    papers: Papers, lang: str, words: tuple[str, ...]
) -> None:
    done = papers.approve(lang=lang)
    assert done.exit_code == 0, done.output
    signed = read_signed(read_leaf(papers.file("entry").read_bytes()).body)
    entry = decode(signed.document, DirectoryEntry)
    change = change_of(entry)
    assert isinstance(change, Enrolment)
    assert len(signed.signatures) == 2
    shown = done.stderr
    for expected in (
        *words,
        *("ENROL", "bern", "Post Bern", "Bern", "Stg.G", "NLD EYES ONLY", "Stg.C"),
        *(line.key.parsed().id.hex()[:12] for line in (*change.terminals,)),
        *(line.key.parsed().id.hex()[:12] for line in (*change.members,)),
        change.recovery.key.parsed().id.hex()[:12],
        "A. <U+202E>de Vries<U+000A>  recovery key 0",
    ):
        assert expected in shown, expected
    assert "\u202e" not in shown
    assert shown.count("\n  recovery key ") <= 1


def test_ones_own_proposal_is_not_approved(papers: Papers) -> None:
    done = papers.approve("anna")
    assert done.exit_code == 3
    assert not papers.file("entry").exists()


def test_a_changed_or_foreign_proposal_is_not_signed(papers: Papers) -> None:
    whole = papers.file("prop").read_bytes()
    signed = decode(whole, Signed)
    entry = decode(signed.document, DirectoryEntry)
    widened = encode(structs.replace(entry, post="tfc"))
    for data in (
        b"nonsense",
        encode(structs.replace(signed, document=widened)),
        encode(structs.replace(signed, document=b"\xa0")),
    ):
        papers.file("prop").write_bytes(data)
        done = papers.approve()
        assert done.exit_code == 2, done.output
        assert "Traceback" not in done.output
        assert not papers.file("entry").exists()


def test_an_expired_proposal_is_not_signed(
    papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.clock.SystemClock.wall", lambda _: 9_000_000_000)
    assert papers.approve().exit_code == 2
    assert not papers.file("entry").exists()


def test_what_cannot_be_shown_whole_is_not_signed() -> None:
    hague = ministry()
    signed = hague.signed(hague.place("bern", Action.REVOKE), Revocation())
    entry = decode(signed.document, DirectoryEntry)
    other = encode(structs.replace(entry, action=Action.ROTATE))  # not its change
    for document, subject in (
        (other, Subject.DIRECTORY_ENTRY),
        (signed.document, Subject.RESTRICTION),
        (signed.document, Subject.ZEROISE),
        (signed.document, Subject.ROOT_DOCUMENT),
    ):
        with pytest.raises(HomeError) as refused:
            sentences(document, subject)
        assert refused.value.code == "operator.not-shown"


def test_a_passphrase_that_is_wrong_or_unreadable_makes_nothing(
    papers: Papers,
) -> None:
    wrong = koerier(
        papers.file("bram"),
        *("operator", "approve", papers.file("prop"), "--root", papers.file("root")),
        *("--out", papers.file("entry")),
        word=b"fout\n",
    )
    assert wrong.exit_code == 2
    unreadable = koerier(papers.file("x"), "operator", "init", word=b"\xff\xfe\n")
    assert unreadable.exit_code == 2
    closed = koerier(
        *(papers.file("y"), "operator", "init", "--passphrase-fd", "987"), word=None
    )
    assert closed.exit_code == 2
    for done in (wrong, unreadable, closed):
        assert "fout" not in done.output.replace("Fout", "")
    nobody = koerier(
        papers.file("nobody"),
        *("operator", "approve", papers.file("prop"), "--root", papers.file("root")),
        *("--out", papers.file("entry")),
    )
    assert nobody.exit_code == 2


def test_a_terminal_refuses_an_invitation_under_another_root(papers: Papers) -> None:
    invitation = read_document(papers.file("inv"), Invitation, "invitation")
    other = structs.replace(invitation, root=bytes(32))
    write_document(papers.file("inv"), other)
    assert papers.join("--demo", home="b2").exit_code == 2
    assert not (papers.file("b2") / "keys").exists()


def test_a_demonstrations_root_is_taken_by_a_demonstration_only(
    papers: Papers,
) -> None:
    assert papers.join(home="b3").exit_code == 3
    assert papers.join("--demo").exit_code == 2  # there is a terminal already


def test_both_sheets_are_written_for_their_owner_and_say_what_they_are(
    papers: Papers,
) -> None:
    texts = {}
    for name, title in (("recovery-sheet", "RECOVERY"), ("paper-key", "PAPER KEY")):
        sheet = papers.file("bern") / f"{name}.txt"
        assert sheet.stat().st_mode & 0o077 == 0
        texts[name] = sheet.read_text()
        assert texts[name].startswith(title)
        rows = [line.split()[1] for line in texts[name].splitlines()[4 : 4 + ROWS]]
        kind = Kind.POST if name == "paper-key" else Kind.VAULT
        assert rows_of(read_rows("".join(rows), kind), kind) == rows
    signed = decode(papers.file("prop").read_bytes(), Signed)
    change = change_of(decode(signed.document, DirectoryEntry))
    assert isinstance(change, Enrolment)
    paper = "".join(
        line.split()[1] for line in texts["paper-key"].splitlines()[4 : 4 + ROWS]
    )
    key = paper_key(SuiteId.S1, read_rows(paper, Kind.POST))
    assert change.recovery.key == carried(key)


def test_a_root_for_earnest_and_broken_parts_are_refused(papers: Papers) -> None:
    assert papers.found(home="h2").exit_code == 2  # nobody says how many
    papers.file("witness.json").write_text("{}")
    assert papers.found("--demo", home="h3").exit_code == 2
    public_parts(papers.folder)
    relay = json.loads(papers.file("relay.json").read_text())
    del relay["tls_pin"]
    papers.file("relay.json").write_text(json.dumps(relay))
    assert papers.found("--demo", home="h4").exit_code == 2
    public_parts(papers.folder)
    key = papers.file("anna") / "operator-public.json"
    key.write_text(json.dumps({"format": "koerier-key/1", "suite": 1, "public": "x"}))
    assert papers.found("--demo", home="h5").exit_code == 2


def test_a_post_with_an_odd_name_is_not_invited(papers: Papers) -> None:
    assert papers.invite("Bern!").exit_code == 2


def test_another_file_is_no_root_and_no_request(papers: Papers) -> None:
    papers.file("root").write_bytes(b"x")
    assert papers.invite().exit_code == 2
    with pytest.raises(HomeError):
        read_document(papers.file("nowhere"), Request, "request")


# --- typed passphrases, help, and the programs of the other package


def test_a_typed_passphrase_is_asked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["een lange zin", "twee", "zin van drie", "zin van drie"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
    first = koerier(tmp_path / "a", "operator", "init", word=None, lang="nl")
    assert first.exit_code == 2
    assert "niet gelijk" in first.output
    second = koerier(tmp_path / "b", "operator", "init", word=None)
    assert second.exit_code == 0, second.output


def test_help_names_every_command_and_an_unknown_one_is_refused() -> None:
    shown = CliRunner().invoke(main, ["--help"])
    for name in ("demo", "incident", "terminal", "operator", "relay", "witness"):
        assert name in shown.output
    assert CliRunner().invoke(main, ["nothing"]).exit_code == 2


@pytest.mark.parametrize("name", ["relay", "witness"])
def test_the_other_packages_program_takes_over(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(
        "client.cli.elsewhere.os.execv", lambda path, line: started.append((path, line))
    )
    CliRunner().invoke(main, [name, "serve", "--home", "x"])
    ((path, line),) = started
    assert Path(path).name == f"koerier-{name}"
    assert line[1:] == ["serve", "--home", "x"]
    monkeypatch.setattr("client.cli.elsewhere.program", lambda _: None)
    missing = CliRunner().invoke(main, [name])
    assert missing.exit_code == 1


def test_windows_starts_the_other_program_beside_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from client.cli import elsewhere

    monkeypatch.setattr(elsewhere, "program", lambda _: sys.executable)
    monkeypatch.setattr("client.cli.elsewhere.os.name", "nt")
    with pytest.raises(SystemExit) as ended:
        elsewhere._start("koerier-relay", ("-c", "raise SystemExit(4)"))  # noqa: SLF001 -- looked into
    assert ended.value.code == 4
