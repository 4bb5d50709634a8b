"""Founding, extension and next root of operations.md, typed, on real processes."""

import re
import shutil
from collections.abc import Iterator

import pytest

from client.demo.ministry import ANY_PORT, OPERATORS, WITNESSES
from client.demo.processes import Services, command
from client.files import private_folder
from client.operator.fingerprint import short_words
from client.operator.keyfile import read_public
from client.operator.rootfile import read_root
from tests.support.drills import Desktop
from tests.support.live import PASSPHRASE

HOLDERS = ("h1", "h2", "h3")
PEOPLE = (*HOLDERS, "h4", *OPERATORS, "vries")


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """Everybody's public parts are there; nobody has decided anything yet."""
    found = Desktop(tmp_path_factory.mktemp("founding"))
    for name in PEOPLE:
        (found.folder / f"{name}.word").write_text(f"{PASSPHRASE} van {name}\n")
    elsewhere = f"--listen {ANY_PORT}"
    found.type(f"koerier-relay init --home relay {elsewhere} --health {ANY_PORT}")
    for name, mirror in WITNESSES.items():
        kind = "--mirror" if mirror else "--no-mirror"
        found.type(
            f"koerier-witness init --home {name} --name {name} {kind} {elsewhere}"
        )
    for name in OPERATORS:
        found.type(
            f"koerier --home operators/{name} operator init"
            f" --passphrase-fd 3 3< {name}.word"
        )
    yield found
    for terminal in found.terminals():
        found.type(f"koerier --home terminals/{terminal} terminal lock || true")


def test_holders_found_a_ministry_on_separate_media(desktop: Desktop) -> None:
    def paper() -> None:
        (root,) = desktop.json("koerier root show root.cbor --json")
        typed = root["words"].upper().replace(" ", "-")
        (desktop.folder / "typed-from-paper").write_text(typed)

    said = desktop.drill("founding", {9: paper})
    assert said[0].count("[ ]") == 12
    (root,) = desktop.json("koerier root show root.cbor --json")
    assert (root["realm"], root["threshold"], root["quorum"]) == ("koerier", 2, 2)
    assert 363 <= root["days"] <= 365
    for told in (*said[5:8], said[8]):
        assert root["words"] in told
    assert "Version 1 is the one on paper" in said[-1]
    minutes = (desktop.folder / "minutes.txt").read_text()
    assert [name in minutes for name in ("P. Een", "Q. Twee", "R. Drie")] == [True] * 3
    assert PASSPHRASE not in minutes
    for holder in HOLDERS:  # a key never left its medium
        keys = [*desktop.folder.rglob("holder.key")]
        assert desktop.folder / "holders" / holder / "keys/holder.key" in keys
        assert len(keys) == len(HOLDERS)


def test_a_changed_or_short_set_of_files_is_refused(desktop: Desktop) -> None:
    short = "koerier root import founding.document h1.signature --out x.cbor"
    assert "1 of 2" in desktop.type(short, status=3)
    signature = (desktop.folder / "h3.signature").read_bytes()
    (desktop.folder / "cut.signature").write_bytes(signature[:-1])
    cut = (
        "koerier root import founding.document h1.signature cut.signature --out x.cbor"
    )
    assert "cut.signature" in desktop.type(cut, status=2)
    assert not (desktop.folder / "x.cbor").exists()
    wrong = "koerier root verify root.cbor --hash lusab-babad"
    assert "not the root document on paper" in desktop.type(wrong, status=6)


def enrol(desktop: Desktop, post: str, relay: str, where: str) -> None:
    """Enrol a post, and unlock its terminal."""
    root, home = "--root root.cbor", f"--home terminals/{post}"

    def by(who: str) -> str:
        return f"--passphrase-fd 3 3< {who}.word"

    operator = "koerier --home operators/{} operator"
    invite = f"{operator.format('anna')} invite {root} --post {post}"
    desktop.type(f"{invite} --name-nl Post --name-en Post --out invite")
    init = f"koerier {home} terminal init --invite invite {root} --member Vries"
    elsewhere = f"--relay {relay} {where}"
    desktop.type(f"{init} {elsewhere} --out request {by('vries')}")
    propose = f"{operator.format('anna')} propose request {root} --level Stg.G"
    desktop.type(f"{propose} --out proposal {by('anna')}")
    approve = f"{operator.format('bram')} approve proposal {root}"
    desktop.type(f"{approve} --out entry {by('bram')}")
    desktop.type("koerier-relay append --home relay entry")
    desktop.type(f"koerier {home} terminal unlock {by('vries')}")


@pytest.fixture(scope="module")
def running(desktop: Desktop) -> Iterator[Desktop]:
    """The ministry that was founded, with one post whose terminal is unlocked."""
    folder = desktop.folder
    with Services(private_folder(folder / "log")) as services:
        pairs = []
        for name in ("relay", *WITNESSES):
            shutil.copyfile(folder / "root.cbor", folder / name / "root.cbor")
        for name in WITNESSES:
            address = services.start(
                name,
                command("koerier-witness", "serve", "--home", folder / name),
                folder / name / "run/address",
            )
            pairs += ["--witness", f"{name}=http://{address}"]
        relay = services.start(
            "relay",
            command("koerier-relay", "serve", "--home", folder / "relay", *pairs),
            folder / "relay/run/address",
        )
        where = " ".join(pairs)
        enrol(desktop, "post", relay, where)
        desktop.wait_for("post", lambda s: s["reachable"] and s["online"])
        yield desktop
        desktop.type("koerier --home terminals/post terminal lock")


def test_the_ministry_works_under_it(running: Desktop) -> None:
    assert root_line(running).startswith("Root document: in force")
    checks = running.json("koerier --home terminals/post doctor --json")
    assert {one["grade"] for one in checks} == {"ok"}


def root_line(desktop: Desktop) -> str:
    """Return what the terminal's doctor says of the root document."""
    checks = desktop.json("koerier --home terminals/post doctor --json")
    return next(str(one["says"]) for one in checks if one["check"] == "root")


def test_an_extension_gives_thirty_days_when_it_is_logged(running: Desktop) -> None:
    before = root_line(running)
    running.drill("emergency-extension")
    days = [int(re.findall(r"\d+", line)[-1]) for line in (before, root_line(running))]
    assert days[1] - days[0] in {29, 30}  # midnight may come between


def test_a_holder_leaves_and_another_comes(running: Desktop) -> None:
    folder = running.folder
    old = read_root(folder / "root.cbor").document
    third = read_public(folder / "holders/h3/holder-public.json")
    assert third in old.root_keys
    (folder / "leaving").write_text(short_words(third.parsed().id))
    said = running.drill("next-root")
    assert "- holder " in said[2]
    assert "+ holder " in said[2]
    versions = running.json("koerier root show root-next.cbor --json")
    assert [one["version"] for one in versions] == [1, 2]
    assert versions[1]["words"] in said[-1]
    leaf = running.type("koerier-relay append --home relay next.leaf", status=3)
    assert "not newer" in leaf
    assert root_line(running).startswith("Root document: in force")


def test_the_keys_of_relay_and_witness_are_rotated_while_they_run(
    running: Desktop,
) -> None:
    folder = running.folder
    shutil.copyfile(folder / "root-next.cbor", folder / "root.cbor")
    before = read_root(folder / "root.cbor").document
    running.drill("rotate-keys")
    after = read_root(folder / "root-next.cbor").document
    assert before.relay.key != after.relay.key
    assert before.relay.tls_pin != after.relay.tls_pin
    assert before.key_log.public != after.key_log.public
    assert before.witnesses.witnesses[0] != after.witnesses.witnesses[0]
    assert before.witnesses.witnesses[1:] == after.witnesses.witnesses[1:]
    said = running.drill("finish-rotation")
    assert ['"forgotten": 1' in line for line in said] == [True, True]
    running.type("koerier --home terminals/post terminal lock")
    running.type(
        "koerier --home terminals/post terminal unlock --passphrase-fd 3 3< vries.word"
    )
    running.wait_for("post", lambda s: s["reachable"] and s["online"])
    assert root_line(running).startswith("Root document: in force, version 3")
    assert running.json("koerier --home terminals/post alarms --json") == []
