"""Messages between real processes, with the relay on SQLite and on PostgreSQL."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from client.demo.ministry import BERN, JAKARTA, TFC, Unit
from tests.support.live import PASSPHRASE, Live, founded, koerier, said
from tests.support.postgres import server

SOME = (TFC, BERN, JAKARTA)
ENGINES = [pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.pg)]


@pytest.fixture(scope="module", params=ENGINES)
def live(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("x")
    if request.param == "sqlite":
        with founded(folder, SOME) as ministry:
            yield ministry
        return
    with (
        server() as postgres,
        founded(folder, SOME, database=postgres.url("relay")) as ministry,
    ):
        yield ministry


def inbox(live: Live, unit: Unit) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = said(live.home(unit), "inbox")
    return found


def test_one_message_to_one_post(live: Live) -> None:
    message = live.send("Aan één.", sender=BERN)
    through = live.follow(message, "delivered", "accepted", sender=BERN)
    assert through["proof"]["verified"] is True
    shown = koerier(live.tfc, "read", message)
    assert "Aan één." in shown.stdout


def test_one_message_to_many_is_one_envelope_and_a_receipt_from_each(
    live: Live,
) -> None:
    others = ("--to", "jakarta")
    message = live.send("Aan allen.", *others, sender=TFC, to="bern")
    through = live.follow(message, "delivered", "accepted", sender=TFC)
    assert [target["post"] for target in through["to"]] == ["bern", "jakarta"]
    for unit in SOME[1:]:
        assert [line["id"] for line in inbox(live, unit)].count(message) == 1
        assert koerier(live.home(unit), "read", message).returncode == 0
    live.follow(message, "read", sender=TFC)


def test_a_post_that_was_away_gets_everything_once_and_in_order(live: Live) -> None:
    assert koerier(live.home(JAKARTA), "terminal", "lock").returncode == 0
    subjects = [f"Terwijl u weg was, {number}" for number in range(6)]
    messages = [
        live.send("Tekst.", "--subject", subject, sender=TFC, to="jakarta")
        for subject in subjects
    ]
    for message in messages:
        live.follow(message, "stored", "accepted", sender=TFC)
    states = said(live.tfc, "receipts", messages[0])["to"][0]["states"]
    assert states["delivered"] is None
    live.unlock(JAKARTA)
    for message in messages:
        live.follow(message, "delivered", sender=TFC)
    shown = [line["subject"] for line in inbox(live, JAKARTA)]
    assert [s for s in reversed(shown) if s in subjects] == subjects


def test_answers_that_were_lost_make_no_second_message(live: Live) -> None:
    """The relay takes submissions and dies before it answers: three times over."""
    sent = []
    for number in range(3):
        relay = live.services.pid(live.relay)
        os.kill(relay, signal.SIGSTOP)  # it takes the bytes and answers nothing
        subject = f"Zonder antwoord {number}"
        sent.append(live.send("Tekst.", "--subject", subject, sender=BERN))
        os.kill(relay, signal.SIGCONT)
        live.kill_relay()
        live.start_relay()
    for message in sent:
        live.follow(message, "delivered", "accepted", sender=BERN)
    counted = Counter(line["id"] for line in inbox(live, TFC))
    assert [counted[message] for message in sent] == [1, 1, 1]
    done = live.check()
    assert done.returncode == 0, done.stderr


def test_a_message_composed_without_a_relay_goes_when_it_is_back(live: Live) -> None:
    live.kill_relay()
    done = koerier(
        live.home(BERN),
        *("send", "--to", "tfc", "--subject", "Zonder lijn", "--level", "Dep.V"),
        *("--until", "2031-01-31"),
        text="Tekst.",
    )
    assert done.returncode in {0, 4}, done.stderr  # 4: queued, no relay
    waiting = said(live.home(BERN), "outbox")[0]
    live.start_relay()
    live.follow(waiting["id"], "delivered", "accepted", sender=BERN)
    assert PASSPHRASE not in done.stderr
