"""Operators' commands as they are typed: on a locked terminal's vault, and by file."""

import json
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from client.cli.signing import ROLE
from client.home import Home
from client.operator.addition import position_of
from client.operator.documents import RotationRequest, write_document
from client.words import LANGUAGES
from crypto.sign import Usage
from protocol.codec import decode, encode
from protocol.directory_entry import Action, DirectoryEntry, Rotation, Rotations
from protocol.key_log_entry import read_leaf, read_signed
from protocol.proposal import propose, prove
from protocol.restriction import Restriction
from protocol.signed import Signed, carried, sign_document
from tests.support.desk import exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, beside, locked_desk
from tests.support.light import make_light
from tests.support.ministry import Ministry, ministry
from tests.support.operating import OWN_WORD, SILENT, give_key, signing, typed
from tests.support.seats import Seat
from tests.support.typed import alone, koerier, told

FAR = 1_900_000_000  # when proposals of these tests end


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch, hague: Ministry) -> None:
    make_light(monkeypatch)
    now = hague.now + 60  # the ministry's time is the commands' too
    monkeypatch.setattr("client.clock.SystemClock.wall", lambda _: now)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a locked home of Bern where operator Anna sits: copied by each test."""
    with pytest.MonkeyPatch.context() as patched:
        make_light(patched)
        hague = ministry()
        desk = locked_desk(hague, tmp_path_factory.mktemp("made") / "bern")
        give_key(desk.home, hague, "anna")
        return desk.home.path


@dataclass(frozen=True)
class Bern:
    """Bern's home."""

    home: Home


@pytest.fixture
def bern(furnished: Path, tmp_path: Path) -> Bern:
    return Bern(Home(copytree(furnished, tmp_path / "bern")))


def listed(home: Home) -> Any:  # noqa: ANN401 -- JSON
    return json.loads(typed(home, "operator", "list", "--json"))


CHANGES = {
    "SET_RIGHTS": ("propose", "rights", "tfc", "--post-wide", "--level", "Dep.V"),
    "SET_DETAILS": ("propose", "details", "tfc", "--name-en", "Elsewhere"),
    "REVOKE": ("revoke", "tfc", "--member", "tfc/m1"),
}


@pytest.mark.parametrize("action", CHANGES)
def test_a_change_that_is_typed_is_shown_signed_and_sent(
    bern: Bern, action: str
) -> None:
    line = ("operator", *CHANGES[action], "--reason", "toets", "--to", "tfc")
    said = typed(bern.home, *signing(*line))
    assert f"({action})" in said
    assert "Another operator must approve" in said
    assert "->" in said
    (found,) = listed(bern.home)
    assert (found["action"], found["standing"]) == (action, "open")
    shown = typed(bern.home, "operator", "show", found["id"])
    assert "1 of 2 signatures" in shown
    assert f"({action})" in shown
    refused = typed(bern.home, *signing("operator", "approve"), status=3)
    assert "cannot approve your own" in refused
    typed(bern.home, "operator", "reject", found["id"], "--reason", "toch niet")
    assert "rejected" in typed(bern.home, "operator", "list")
    refused = typed(bern.home, *signing("operator", "approve", found["id"]), status=3)
    assert "toch niet" in refused


def proposed_elsewhere(hague: Ministry, folder: Path) -> tuple[Bern, str]:
    """Let Bram propose at TFC, and bring it to Bern; return Bern and its id."""
    desk = HomeDesk(hague, FakeRelay(hague), folder / "desk")
    desk.connect()
    bram = Seat(beside(desk, hague), hague.operators["bram"])
    id_ = bram.propose(bram.change("rights", "tfc", level=1), "bern")
    exchange(desk, bram.desk)
    desk.lock()
    give_key(desk.home, hague, "anna")
    return Bern(desk.home), id_


def test_the_only_open_proposal_is_approved_without_naming_it(
    hague: Ministry, tmp_path: Path
) -> None:
    bern, id_ = proposed_elsewhere(hague, tmp_path)
    said = typed(bern.home, *signing("operator", "approve"))
    assert said.index("SET_RIGHTS") < said.index("Signed: ")
    assert "waits for the relay" in said
    (found,) = listed(bern.home)
    assert (found["id"], found["standing"]) == (id_, "complete")
    shown = typed(bern.home, "operator", "show", id_, "--json")
    assert '"sentences"' in shown
    assert "No proposal" in typed(bern.home, "operator", "show", "00ff", status=2)
    refused = typed(bern.home, *signing("operator", "approve", id_), status=3)
    assert "every signature already" in refused
    assert "0 proposals" in typed(bern.home, *signing("operator", "approve"), status=2)


# --- by file


def by_file(bern: Bern, hague: Ministry, *line: object, status: int = 0) -> str:
    """Type a change without a terminal; the result is ``entry`` beside the home."""
    folder = bern.home.path.parent
    where = position_of(hague.directory.state, "tfc")
    write_document(folder / "position", where)
    files = ("--root", bern.home.root_file, "--out", folder / "entry")
    return told(koerier(bern.home, *line, *files, passphrase_fd=OWN_WORD), status)


@pytest.mark.parametrize(
    ("action", "line"),
    [
        ("SET_RIGHTS", (*CHANGES["SET_RIGHTS"],)),
        ("SET_RIGHTS", ("propose", "rights", "tfc", "--level", "Dep.V", "--key", "K")),
        (
            "SET_DETAILS",
            (
                *("propose", "details", "tfc", "--name-nl", "a", "--name-en", "b"),
                "--no-collectives",
            ),
        ),
        ("LIFT", ("propose", "lift", "tfc", "ab" * 32)),
        ("REVOKE", ("revoke", "tfc", "--whole-post")),
        ("REVOKE", ("revoke", "tfc", "--key", "K")),
    ],
)
def test_every_change_can_be_made_with_files_alone(
    bern: Bern, hague: Ministry, action: str, line: tuple[str, ...]
) -> None:
    key = hague.posts["tfc"].member.id.hex()
    words = [key if word == "K" else word for word in line]
    folder = bern.home.path.parent
    position = ("--position", folder / "position", "--reason", "toets")
    said = by_file(bern, hague, "operator", *words, *position)
    assert f"({action})" in said
    signed = decode((folder / "entry").read_bytes(), Signed)
    entry = decode(signed.document, DirectoryEntry)
    assert (entry.action.name, entry.post) == (action, "tfc")
    (line_,) = signed.signatures
    assert line_.key == hague.operators["anna"].id
    shown = typed(bern.home, "operator", "list", folder / "entry")
    assert action in shown
    assert action in typed(bern.home, "operator", "show", folder / "entry")


def test_files_need_a_place_and_whole_names(bern: Bern, hague: Ministry) -> None:
    folder = bern.home.path.parent
    position = ("--position", folder / "position", "--reason", "x")
    rights = ("operator", "propose", "rights")
    for line in (
        (*rights, "tfc", "--post-wide", "--level", "Dep.V", "--reason", "x"),
        (*rights, "tfc", "--key", "ab", "--level", "Dep.V", *position),
        (*rights, "tfc", "--member", "tfc/m1", "--level", "Dep.V", *position),
        (*rights, "bern", "--post-wide", "--level", "Dep.V", *position),
        ("operator", "propose", "lift", "tfc", *position),
        ("operator", "propose", "details", "tfc", "--name-en", "x", *position),
        ("operator", "revoke", "tfc", *position),
    ):
        said = by_file(bern, hague, *line, status=2)
        assert said.splitlines()[-1].startswith("koerier: ")
        assert not (folder / "entry").exists()
    root = ("--root", bern.home.root_file, "--reason", "x")
    line = (*rights, "tfc", "--post-wide", "--level", "Dep.V", *root)
    assert "--out" in told(koerier(bern.home, *line), 2)


# --- rotations


def rotation(hague: Ministry, old: str = "bern/t1") -> RotationRequest:
    """Return what Bern's terminal asks: its entry, signed by the old key."""
    place = hague.place("bern", Action.ROTATE)
    new, current = hague.key("bern/t1/next"), hague.key(old)
    proof = prove(new, place, nonce=hague.fresh(32), realm=hague.realm)
    change = Rotations(
        rotations=(
            Rotation(
                old=hague.key("bern/t1").id, key=carried(new), until=FAR, proof=proof
            ),
        )
    )
    entry = propose(place, change, expires=FAR, reason="rotation")
    return RotationRequest(
        v=1,
        proposal=sign_document(entry, [current], usage=Usage.DIR, realm=hague.realm),
    )


def test_a_post_that_asks_for_new_keys_is_proposed_as_it_asked(
    bern: Bern, hague: Ministry
) -> None:
    file = bern.home.path.parent / "rotation"
    asked = rotation(hague)
    write_document(file, asked)
    said = typed(bern.home, *signing("operator", "rotate", file, "--to", "tfc"))
    assert "(ROTATE)" in said
    assert "key " in said
    (found,) = listed(bern.home)
    assert len(found["signers"]) == 2
    assert len(found["operators"]) == 1
    for wrong in (
        b"x",
        encode(RotationRequest(v=1, proposal=Signed(document=b"x", signatures=()))),
        encode(
            RotationRequest(
                v=1,
                proposal=Signed(document=asked.proposal.document, signatures=()),
            )
        ),
    ):
        file.write_bytes(wrong)
        typed(bern.home, *signing("operator", "rotate", file), status=2)


# --- restricting


def test_a_restriction_says_where_it_arrived(bern: Bern) -> None:
    line = ("operator", "restrict", "tfc", "--member", "tfc/m1", "--highest", "Dep.V")
    options = ("--reason", "toets", *SILENT)  # no line: it waits for no round
    said = typed(bern.home, *signing(*line, *options), status=1)
    assert "0 of 3" in said
    assert "arrived nowhere" in said
    assert "not logged yet" in said
    out = bern.home.path.parent / "leaf"
    said = typed(bern.home, *signing(*line, *options, "--out", out, "--json"), status=1)
    found = json.loads(said[said.index("{") : said.rindex("}") + 1])
    assert set(found["witnesses"].values()) == {"silent"}
    restriction = decode(
        read_signed(read_leaf(out.read_bytes()).body).document, Restriction
    )
    assert restriction.highest == 1


def test_a_restriction_without_a_terminal_needs_the_whole_key(
    bern: Bern, hague: Ministry
) -> None:
    key, out = hague.posts["tfc"].member.id.hex(), bern.home.path.parent / "leaf"
    files = ("--root", bern.home.root_file, "--reason", "x", *SILENT)
    for line, status in (
        ((*files, "--key", key), 2),
        ((*files, "--key", key[:9], "--out", out), 2),
        ((*files, "--out", out), 2),
        ((*files, "--key", key, "--member", "x", "--out", out), 2),
        ((*files, "--key", key, "--out", out), 1),
    ):
        done = koerier(bern.home, "operator", "restrict", *line, passphrase_fd=OWN_WORD)
        told(done, status)
    assert out.exists()


def test_a_terminal_restricts_itself_and_a_paper_key_its_post(
    bern: Bern, hague: Ministry
) -> None:
    way = ("--reason", "x", "--wait", "0", *SILENT)
    said = told(alone(bern.home, "terminal", "restrict", *way), 1)
    assert hague.posts["bern"].terminal.key.id.hex()[:12] in said
    refused = alone(
        bern.home, "terminal", "restrict", "--paper", "--highest", "Dep.V", *way
    )
    assert "paper key suspends" in told(refused, 2)
    no_out = ("--paper", "--root", bern.home.root_file, *way)
    assert "--out" in told(alone(bern.home, "terminal", "restrict", *no_out), 2)


# --- what anybody may look at


def test_the_directory_is_shown_in_words(bern: Bern) -> None:
    posts = typed(bern.home, "directory", "list")
    assert "bern: Post bern" in posts
    shown = typed(bern.home, "directory", "show", "bern")
    assert "member bern/m1" in shown
    assert "terminal 1" in shown
    history = typed(bern.home, "directory", "history", "bern")
    assert "ENROL bern, signed by: operator" in history
    for line in (("list",), ("show", "bern"), ("history",)):
        json.loads(typed(bern.home, "directory", *line, "--json"))
    assert "bern/m1" in typed(bern.home, "operator", "expiring", "--days", "400")
    assert json.loads(typed(bern.home, "operator", "expiring", "--json")) == []
    assert "90 days" in typed(bern.home, "operator", "expiring")


REFUSED = [
    (("operator", "approve"), 2),
    (("operator", "approve", "ffff"), 2),
    (("operator", "reject", "ffff", "--reason", "x"), 2),
    (("operator", "propose", "rights", "nowhere", "--post-wide"), 3),
    (("operator", "propose", "rights", "tfc"), 2),
    (("operator", "propose", "rights", "tfc", "--post-wide", "--key", "ab"), 2),
    (("operator", "propose", "rights", "tfc", "--member", "niemand"), 3),
    (("operator", "propose", "lift", "tfc"), 3),
    (("operator", "propose", "details", "tfc"), 2),
    (("operator", "revoke", "tfc"), 2),
    (("operator", "revoke", "tfc", "--terminal", "9"), 3),
    (("operator", "restrict"), 2),
    (("operator", "restrict", "tfc", "--key", "ab", "--terminal", "1"), 2),
    (("operator", "rotate", "nowhere"), 2),
    (("operator", "init"), 2),
    (("directory", "show", "nowhere"), 3),
    (("directory", "history", "nowhere"), 3),
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_is_one_sentence_with_a_hint(bern: Bern, language: str) -> None:
    for line, status in REFUSED:
        more: tuple[str, ...] = ()
        if "rights" in line:
            more = ("--level", "Dep.V", "--reason", "x")
        elif line[1] in {"propose", "revoke", "restrict"}:
            more = ("--reason", "x")
        said = typed(bern.home, *line, *more, status=status, lang=language)
        (sentence,) = said.strip().splitlines()
        assert sentence.startswith("koerier: ")


def test_a_home_without_a_key_says_so_and_one_with_gets_no_other(
    bern: Bern, hague: Ministry
) -> None:
    (bern.home.keys / f"{ROLE}.key").unlink()
    line = ("operator", *CHANGES["REVOKE"], "--reason", "x", "--to", "tfc")
    assert "No operator's key" in typed(bern.home, *signing(*line), status=2)
    told(koerier(bern.home, "operator", "init", passphrase_fd=OWN_WORD))
    made = (bern.home.keys / f"{ROLE}.key").read_bytes()
    told(koerier(bern.home, "operator", "init", passphrase_fd=OWN_WORD), 2)
    assert (bern.home.keys / f"{ROLE}.key").read_bytes() == made
    give_key(bern.home, hague, "anna")
    posts = typed(bern.home, *signing(*line[:-2]), status=2)
    assert "--to" in posts


def test_a_locked_terminal_is_said_to_be_locked(bern: Bern) -> None:
    assert "locked" in told(koerier(bern.home, "operator", "list"), 5)
