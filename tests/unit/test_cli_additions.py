"""A member and a terminal join a post: the files, by the commands that people type."""

from pathlib import Path

import pytest

from client.operator.addition import AdditionRequest, addition_proposal
from client.operator.documents import read_document
from client.operator.enrolment import paper_key
from client.paper import Kind, rows_of
from crypto.sign import Usage
from crypto.suite import SuiteId
from protocol.codec import encode
from protocol.directory_entry import Action
from protocol.signed import Signed, sign_document
from tests.support.home_desk import HomeDesk, locked_desk
from tests.support.homes import ANNA, BRAM, WORDS
from tests.support.keys import secret
from tests.support.light import make_light
from tests.support.ministry import HIGH, Ministry
from tests.support.typed import alone, koerier, told


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


@pytest.fixture
def bern(hague: Ministry, tmp_path: Path) -> HomeDesk:
    return locked_desk(hague, tmp_path / "bern")


def invited(bern: HomeDesk, what: str) -> Path:
    folder = bern.home.path.parent
    position, invite = folder / "position", folder / f"{what}.invite"
    told(alone(bern.home, "terminal", "position", "--out", position))
    root = ("--root", bern.home.root_file)
    line = ("operator", "invite", *root, f"--{what}", "--position", position)
    told(koerier(bern.home, *line, "--out", invite))
    return invite


def add(bern: HomeDesk, name: str, **words: str) -> Path:
    out = bern.home.path.parent / "request"
    line = ("--invite", invited(bern, "member"), "--name", name, "--out", out)
    told(koerier(bern.home, "terminal", "member", "add", *line, **words))
    return out


def test_a_new_member_gets_a_place_a_sheet_and_a_request(bern: HomeDesk) -> None:
    words = {"passphrase_fd": WORDS[ANNA], "new_passphrase_fd": WORDS[BRAM]}
    request = read_document(add(bern, BRAM, **words), AdditionRequest, "request")
    assert request.addition.action is Action.ADD_MEMBER
    assert request.member is not None
    assert request.member.name == BRAM
    (sheet,) = bern.home.path.glob("recovery-sheet*.txt")
    assert BRAM in sheet.read_text().splitlines()[0]
    listed = told(alone(bern.home, "terminal", "member", "list", word=WORDS[BRAM]))
    assert BRAM in listed
    again = add(bern, BRAM, passphrase_fd=WORDS[BRAM])  # a request anew: no new place
    asked = read_document(again, AdditionRequest, "request")
    assert asked.member is not None
    assert asked.member.key == request.member.key
    assert asked.member.proof != request.member.proof


def test_a_member_of_another_place_is_not_added_with_a_wrong_passphrase(
    bern: HomeDesk,
) -> None:
    line = ("--invite", invited(bern, "member"), "--name", BRAM)
    out = bern.home.path.parent / "request"
    wrong = koerier(
        *(bern.home, "terminal", "member", "add", *line, "--out", out),
        passphrase_fd=WORDS[BRAM],
        new_passphrase_fd=WORDS[BRAM],
    )
    told(wrong, 2)
    assert not out.exists()


@pytest.mark.parametrize("options", [(), ("--terminal", "--member"), ("--terminal",)])
def test_an_invitation_for_nobody_is_not_written(
    bern: HomeDesk, options: tuple[str, ...]
) -> None:
    out = bern.home.path.parent / "invite"
    line = ("operator", "invite", "--root", bern.home.root_file, *options)
    told(koerier(bern.home, *line, "--out", out), 2)
    assert not out.exists()


def proposal(hague: Ministry, request: Path, file: Path) -> None:
    asked = read_document(request, AdditionRequest, "request")
    entry = addition_proposal(asked, HIGH, None, expires=hague.now + 9_000_000)
    signed = sign_document(entry, hague.pair[:1], usage=Usage.DIR, realm=hague.realm)
    file.write_bytes(encode(signed))


def test_a_lost_machine_asks_for_a_new_terminal_and_the_paper_consents(
    hague: Ministry, bern: HomeDesk
) -> None:
    folder = bern.home.path.parent
    backup, out = folder / "backup", folder / "new.request"
    told(alone(bern.home, "terminal", "backup", "--out", backup))
    invite = invited(bern, "terminal")
    new = type(bern.home)(folder / "new")
    line = ("terminal", "restore", backup, "--root", bern.home.root_file)
    member = koerier(
        *(new, *line, "--invite", invited(bern, "member"), "--out", out),
        passphrase_fd=WORDS[ANNA],
    )
    told(member, 2)
    half = koerier(new, *line, "--invite", invite, passphrase_fd=WORDS[ANNA])
    assert "together" in told(half, 2)
    made = koerier(
        *(new, *line, "--invite", invite, "--out", out), passphrase_fd=WORDS[ANNA]
    )
    told(made)
    assert "tfc" in told(alone(new, "inbox"))
    proposed, agreed = folder / "proposal", folder / "agreed"
    proposal(hague, out, proposed)
    paper = secret("paper")
    for kind, status in ((Kind.VAULT, 2), (Kind.POST, 0)):
        done = koerier(
            *(new, "terminal", "consent", proposed, "--paper", "--out", agreed),
            sheet_fd="\n".join(rows_of(paper, kind)),
        )
        assert "ADD_TERMINAL" in told(done, status)
    signed = read_document(agreed, Signed, "proposal")
    key = paper_key(SuiteId.S1, paper)
    assert key.id in {line.key for line in signed.signatures}
    told(alone(bern.home, "terminal", "consent", proposed, "--out", folder / "own"))


def test_a_second_terminal_joins_by_its_invitation(bern: HomeDesk) -> None:
    folder = bern.home.path.parent
    new = type(bern.home)(folder / "second")
    out = folder / "second.request"
    line = ("terminal", "init", "--demo", "--root", bern.home.root_file)
    line = (*line, "--member", BRAM, "--out", out)  # type: ignore[assignment]
    for what, status in (("member", 2), ("terminal", 0)):
        invite = invited(bern, what)
        done = koerier(new, *line, "--invite", invite, passphrase_fd=WORDS[BRAM])
        told(done, status)
    asked = read_document(out, AdditionRequest, "request")
    assert asked.terminal is not None
    assert asked.terminal.number == 2
    assert not list(new.path.glob("paper-key*"))  # the post has its paper already
    assert list(new.path.glob("recovery-sheet.txt"))
    refused = told(
        alone(new, "terminal", "position", "--out", out, word=WORDS[BRAM]), 3
    )
    assert refused
