"""A ministry goes over to suite S2 during an exchange, on real processes.

First the root document, then one post, then the relay, then the other post: at each
step messages are on their way and arrive, and nobody types anything but the requests
for new keys.  A post that is late reads why nothing is sealed to it.
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.demo.ministry import POST, TFC, Unit
from client.demo.processes import command, run
from crypto.suite import SuiteId
from tests.support.live import Live, founded, koerier, until
from tests.support.live_root import Ceremony, next_relay


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with founded(tmp_path_factory.mktemp("suites")) as ministry:
        yield ministry


@pytest.fixture(scope="module")
def ceremony(live: Live) -> Ceremony:
    return Ceremony(live)


def day(days: int) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(days=days)).date().isoformat()


def both_ways(live: Live) -> list[tuple[str, Unit, Unit]]:
    """Write one message each way; nobody has it yet."""
    return [
        (live.send("Bericht.", sender=one, to=other.post), one, other)
        for one, other in ((TFC, POST), (POST, TFC))
    ]


def arrived(live: Live, sent: list[tuple[str, Unit, Unit]]) -> None:
    """All of it is delivered, logged and read at the other end."""
    for message, sender, receiver in sent:
        live.follow(message, "delivered", "accepted", sender=sender)
        done = koerier(live.home(receiver), "read", message)
        assert done.returncode == 0, done.stderr
        assert "Bericht." in done.stdout


def keys_of(live: Live, unit: Unit) -> dict[str, str]:
    """Return the suite of a post's terminal and of its member, as the other has it."""
    other = POST if unit is TFC else TFC
    found = live.ask(other, "directory-post", post=unit.post)
    return {holder["kind"]: holder["suite"] for holder in found["holders"]}


def rotated(live: Live, unit: Unit) -> None:
    """Ask for new keys, let two operators approve, and wait until they are used."""
    folder, ministry = live.ministry.folder, live.ministry
    request, proposal, entry = (
        folder / f"{unit.post}.{name}" for name in ("asked", "proposal", "entry")
    )
    asked = ("terminal", "rotate", "--terminal", "--member", "--out", request)
    home, word = live.home(unit), ministry.passphrase(f"terminal-{unit.post}")
    run(command("koerier", "--home", home, *asked), passphrase=word)
    root = folder / "root.cbor"
    for who, line in (
        ("anna", ("rotate", request, "--out", proposal)),
        ("bram", ("approve", proposal, "--out", entry)),
    ):
        home = folder / "operators" / who
        typed = ("operator", *line, "--root", root)
        run(
            command("koerier", "--home", home, *typed),
            passphrase=ministry.passphrase(who),
        )
    run(command("koerier-relay", "append", "--home", ministry.relay, entry))
    until(lambda: set(keys_of(live, unit).values()) == {"S2"}, unit.post)
    until(lambda: not (live.home(unit) / "keys" / "terminal-next.key").exists())
    live.reachable((unit,))


def quiet(live: Live) -> None:
    """Nobody is told anything but that keys of the old suite end."""
    for unit in (TFC, POST):
        told = {alarm["what"] for alarm in live.ask(unit, "alarms")}
        assert told <= {"key-ends-90", "key-ends-30", "key-ends-7"}, told


def retiring(ceremony: Ceremony, sealed: int, until_: int, *more: object) -> Path:
    days = ("--sealed-until", day(sealed), "--opened-until", day(until_))
    return ceremony.prepared(*more, *days)


def test_a_root_document_names_the_new_suite(live: Live, ceremony: Ceremony) -> None:
    sent = both_ways(live)
    ceremony.logged(retiring(ceremony, 60, 120, "--suite", 2))
    ceremony.followed()
    arrived(live, [*sent, *both_ways(live)])
    assert ceremony.document.suite is SuiteId.S2
    for unit in (TFC, POST):
        assert keys_of(live, unit) == {"terminal": "S1", "member": "S1"}
        until(lambda unit=unit: live.ask(unit, "alarms"))  # type: ignore[misc]
        assert {one["what"] for one in live.ask(unit, "alarms")} == {"key-ends-90"}


def test_one_post_goes_over_while_messages_run(live: Live) -> None:
    sent = both_ways(live)
    rotated(live, TFC)
    arrived(live, [*sent, *both_ways(live)])
    assert keys_of(live, POST) == {"terminal": "S1", "member": "S1"}
    assert [one["what"] for one in live.ask(TFC, "alarms")] == []
    quiet(live)


def test_the_relay_goes_over_and_terminals_of_both_suites_find_it(
    live: Live, ceremony: Ceremony
) -> None:
    sent = both_ways(live)
    public = next_relay(live, "identity", suite=2)
    ceremony.logged(ceremony.prepared("--relay", public))
    ceremony.followed()
    assert ceremony.document.relay.key.suite is SuiteId.S2
    for unit in (TFC, POST):  # the first handshake under the new identity
        live.lock(unit)
        live.unlock(unit)
    live.reachable((TFC, POST))
    arrived(live, [*sent, *both_ways(live)])
    quiet(live)


def test_a_post_that_is_late_is_not_written_to_and_goes_over(
    live: Live, ceremony: Ceremony
) -> None:
    """The first date has passed: it still writes, and others read why they may not."""
    ceremony.logged(retiring(ceremony, -1, 120))
    ceremony.followed()
    options = ("--level", "Dep.V", "--until", "2031-01-31", "--subject", "Laat")
    refused = koerier(live.tfc, "send", "--to", "post", *options, text="Bericht.")
    assert refused.returncode == 3, refused.stdout
    for part in ("post", "suite S1", day(0)):
        assert part in refused.stderr
    sent = live.send("Bericht.")
    live.follow(sent, "accepted")
    until(lambda: sent in live.inbox(TFC))  # its receipt waits for the new keys
    until(
        lambda: "key-ends-7" in {one["what"] for one in live.ask(POST, "alarms")},
        "reminded",
    )
    rotated(live, POST)
    live.follow(sent, "delivered")
    arrived(live, both_ways(live))
    for unit in (TFC, POST):
        assert keys_of(live, unit) == {"terminal": "S2", "member": "S2"}
        until(lambda unit=unit: not live.ask(unit, "alarms"))  # type: ignore[misc]


def test_what_was_read_under_both_suites_is_still_there_after_a_restart(
    live: Live,
) -> None:
    before = {unit: live.inbox(unit) for unit in (TFC, POST)}
    for unit in (TFC, POST):
        live.lock(unit)
        live.unlock(unit)
        assert live.inbox(unit) == before[unit]
        assert len(before[unit]) >= 5
        done = koerier(live.home(unit), "read", before[unit][0])
        assert done.returncode == 0, done.stderr
    live.reachable((TFC, POST))
    arrived(live, both_ways(live))
    assert live.check().returncode == 0
