"""Rotation of everything that the root document names, during a running exchange.

One ministry of real processes lives through all kinds.  Before each a message is on
its way, after each another one; nobody types anything at a terminal but messages.
"""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from client.demo.ministry import POST, TFC, Unit
from client.demo.processes import command, run, run_json
from client.operator.fingerprint import short_words
from client.operator.keyfile import read_public
from client.operator.rootfile import read_root
from protocol.root import RootDocument
from tests.support.live import BOUND, Live, founded, koerier, until


class Ceremony:
    """The holder of a live ministry, and what the others give them."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.folder = live.ministry.folder
        self.home = self.folder / "root" / "holder-1"
        self.root = self.folder / "root.cbor"
        self.version = 1

    @property
    def document(self) -> RootDocument:
        return read_root(self.root).document

    def holder(self, home: Path, *line: object, word: str | None = None) -> str:
        passphrase = None
        if word is not None:
            passphrase = self.live.ministry.passphrase(word)
        typed = command("koerier", "--home", home, "root", *line)
        return run(typed, passphrase=passphrase)

    def prepared(
        self, *changes: object, holders: Sequence[tuple[Path, str]] = ()
    ) -> Path:
        """Return the leaf of the next root document, signed."""
        document, leaf = self.folder / "next.document", self.folder / "next.leaf"
        self.holder(self.home, "next", "--root", self.root, *changes, "--out", document)
        signatures = []
        for home, word in holders or [(self.home, "holder-1")]:
            out = self.folder / f"{home.name}.signature"
            signing = ("sign", document, "--root", self.root, "--out", out)
            self.holder(home, *signing, word=word)
            signatures.append(out)
        into = ("--root", self.root, "--leaf", leaf, "--out", self.root)
        self.holder(self.home, "import", *signatures, *into)
        self.version += 1
        return leaf

    def logged(self, leaf: Path) -> int:
        relay = self.live.ministry.relay
        printed = run(command("koerier-relay", "append", "--home", relay, leaf))
        return int(printed.split()[-1])

    def followed(self, *units: Unit) -> None:
        for unit in units or (TFC, POST):
            until(lambda unit=unit: self._version(unit) == self.version, unit.post)  # type: ignore[misc]

    def _version(self, unit: Unit) -> int | None:
        root = self.live.ask(unit, "checkup")["root"]
        return None if root is None else int(root["version"])


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with founded(tmp_path_factory.mktemp("rotations")) as ministry:
        yield ministry


@pytest.fixture(scope="module")
def ceremony(live: Live) -> Ceremony:
    return Ceremony(live)


def rotated(ceremony: Ceremony, leaf: Path) -> None:
    """Log the leaf while a message is on its way; all arrives, nothing alarms."""
    live = ceremony.live
    before = [live.send("Onderweg."), live.send("Terug.", sender=TFC, to="post")]
    ceremony.logged(leaf)
    ceremony.followed()
    after = [live.send("Erna."), live.send("Terug.", sender=TFC, to="post")]
    for sent, answer in (before, after):
        live.follow(sent, "delivered", "accepted")
        live.follow(answer, "delivered", "accepted", sender=TFC)
        assert readable(live, TFC, sent)
        assert "Terug." in readable(live, POST, answer)
    quiet(live)


def readable(live: Live, unit: Unit, message: str) -> str:
    """Return what the member of a unit reads when they open a message."""
    done = koerier(live.home(unit), "read", message)
    assert done.returncode == 0, done.stderr
    return done.stdout


def quiet(live: Live) -> None:
    """Return if no terminal tells its people anything."""
    for unit in (TFC, POST):
        assert live.ask(unit, "alarms") == []


def reconnected(live: Live) -> None:
    """Let both terminals begin anew, as after a night."""
    for unit in (TFC, POST):
        live.lock(unit)
        live.unlock(unit)
    live.reachable((TFC, POST))


def checked(live: Live) -> None:
    """Everybody's own checker finds nothing."""
    assert live.check().returncode == 0
    for home in live.ministry.witnesses:
        run(command("koerier-witness", "check", "--home", home))


def test_the_keys_of_an_operator(live: Live, ceremony: Ceremony) -> None:
    ministry = live.ministry
    home = ministry.folder / "operators" / "anna-2"
    run(
        command("koerier", "--home", home, "operator", "init"),
        passphrase=ministry.passphrase("anna"),
    )
    old = read_public(ministry.folder / "operators/anna/operator-public.json")
    going = short_words(old.parsed().id)
    leaf = ceremony.prepared(
        *("--drop-operator", going, "--add-operator", home / "operator-public.json")
    )
    rotated(ceremony, leaf)
    assert old not in ceremony.document.operators


def test_the_key_of_a_root_holder(live: Live, ceremony: Ceremony) -> None:
    folder = live.ministry.folder / "root"
    new = folder / "holder-2"
    ceremony.holder(new, "holder", "--name", "H. Nieuw", word="holder-2")
    old = read_public(ceremony.home / "holder-public.json")
    going = short_words(old.parsed().id)
    leaf = ceremony.prepared(
        *("--drop-holder", going, "--add-holder", new / "holder-public.json"),
        holders=[(ceremony.home, "holder-1"), (new, "holder-2")],
    )
    rotated(ceremony, leaf)
    ceremony.home = new
    assert old not in ceremony.document.root_keys


def next_witness(live: Live, number: int) -> Path:
    home = live.ministry.witnesses[number]
    run_json(command("koerier-witness", "rotate", "--home", home))
    return home / "witness-next-public.json"


def test_the_keys_of_all_witnesses(live: Live, ceremony: Ceremony) -> None:
    """All of them at once: the quorum before and the one after share no key."""
    witnesses = [
        *("--witness", next_witness(live, 0)),
        *("--witness", next_witness(live, 1)),
        *("--witness", next_witness(live, 2)),
    ]
    before = {one.mldsa44 for one in ceremony.document.witnesses.witnesses}
    leaf = ceremony.prepared(*witnesses)
    rotated(ceremony, leaf)
    assert not before & {one.mldsa44 for one in ceremony.document.witnesses.witnesses}
    checked(live)


def next_relay(live: Live, *what: str) -> Path:
    parts = [word for part in what for word in ("--what", part)]
    run_json(command("koerier-relay", "rotate", "--home", live.ministry.relay, *parts))
    return live.ministry.relay / "relay-next-public.json"


@pytest.mark.parametrize("what", ["log", "identity", "tls"])
def test_the_relays_keys(live: Live, ceremony: Ceremony, what: str) -> None:
    before = ceremony.document
    leaf = ceremony.prepared("--relay", next_relay(live, what))
    rotated(ceremony, leaf)
    after = ceremony.document
    assert (before.key_log != after.key_log) is (what == "log")
    assert (before.relay.key != after.relay.key) is (what == "identity")
    assert (before.relay.tls_pin != after.relay.tls_pin) is (what == "tls")
    reconnected(live)  # the first handshake under the new ones
    quiet(live)
    checked(live)


def test_a_root_with_keys_that_the_relay_lacks_is_not_logged(
    live: Live, ceremony: Ceremony
) -> None:
    leaf = ceremony.prepared("--relay", next_relay(live, "log"))
    newest = max((live.ministry.relay / "keys").glob("relay-*.seeds"))
    away = newest.rename(newest.with_suffix(".away"))
    line = command("koerier-relay", "append", "--home", live.ministry.relay, leaf)
    refused = subprocess.run(  # noqa: S603 -- our own program
        line, capture_output=True, text=True, check=False, timeout=BOUND
    )
    assert refused.returncode == 3
    assert "does not have" in refused.stderr
    away.rename(newest)
    rotated(ceremony, leaf)  # found without a restart


def test_a_terminal_that_was_away_for_all_of_it_comes_back_by_itself(
    live: Live, ceremony: Ceremony
) -> None:
    """Its relay has another certificate, identity and log keys, and all witnesses."""
    live.lock(POST)
    sent = live.send("Terwijl u weg was.", sender=TFC, to="post")
    leaf = ceremony.prepared("--relay", next_relay(live, "identity", "log", "tls"))
    ceremony.logged(leaf)
    ceremony.followed(TFC)
    witnesses = [
        *("--witness", next_witness(live, 0)),
        *("--witness", next_witness(live, 1)),
        *("--witness", next_witness(live, 2)),
    ]
    ceremony.logged(ceremony.prepared(*witnesses))
    ceremony.followed(TFC)
    live.unlock(POST)
    ceremony.followed(POST)
    live.reachable((POST,))
    live.follow(sent, "delivered", "accepted", sender=TFC)
    answer = live.send("Terug.")
    live.follow(answer, "delivered", "accepted")
    quiet(live)


def test_after_a_crash_everybody_goes_on_with_what_the_log_names(live: Live) -> None:
    live.kill_relay()
    live.start_relay()
    live.reachable((TFC, POST))
    sent = live.send("Na de stroomuitval.")
    live.follow(sent, "delivered", "accepted")
    checked(live)


def test_old_keys_are_put_away(live: Live, ceremony: Ceremony) -> None:
    relay, root = live.ministry.relay, ceremony.root
    assert len(list((relay / "keys").glob("relay*.seeds"))) > 1
    done = run_json(
        command("koerier-relay", "rotate", "--home", relay, "--finish", "--root", root)
    )
    assert done["forgotten"] >= 1
    (left,) = (relay / "keys").glob("relay*.seeds")
    for home in live.ministry.witnesses:
        finish = ("rotate", "--home", home, "--finish", "--root", root)
        run(command("koerier-witness", *finish))
        assert len(list((home / "keys").glob("witness*.seeds"))) == 1
    live.kill_relay()
    live.start_relay()
    live.reachable((TFC, POST))
    sent = live.send("Met de laatste sleutels.")
    live.follow(sent, "delivered", "accepted")
    assert left.exists()
    early = subprocess.run(  # noqa: S603 -- our own program
        command("koerier-relay", "rotate", "--home", relay, "--finish"),
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )
    assert early.returncode == 2


def test_every_version_stands_in_the_key_log(live: Live, ceremony: Ceremony) -> None:
    for unit in (TFC, POST):
        kept = run_json(
            command("koerier", "root", "show", live.home(unit) / "root.cbor", "--json")
        )
        assert [one["version"] for one in kept] == [*range(1, ceremony.version + 1)]
