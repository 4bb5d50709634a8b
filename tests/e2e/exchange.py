"""What people do with messages, whatever engine the relay has: ``test_on_*.py``."""

import os
import signal
from collections import Counter
from datetime import datetime

from client.demo.ministry import BERN, JAKARTA, TFC
from tests.support.live import PASSPHRASE, koerier, said, until
from tests.support.second import SECOND
from tests.support.town import UNITS, Town
from tests.support.watching import watching

SESSION = {f"/session{end}" for end in ("", "/hello", "/up", "/down")}


class Exchange:
    """Messages to one and to many, also to who is not there."""

    def test_one_message_to_one_post(self, town: Town) -> None:
        live = town.live
        message = live.send("Aan één.", sender=BERN)
        through = live.follow(message, "delivered", "accepted", sender=BERN)
        assert through["proof"]["verified"] is True
        shown = koerier(live.tfc, "read", message)
        assert "Aan één." in shown.stdout

    def test_one_message_to_many_is_one_envelope_and_a_receipt_from_each(
        self, town: Town
    ) -> None:
        live = town.live
        others = ("--to", "jakarta")
        message = live.send("Aan allen.", *others, sender=TFC, to="bern")
        through = live.follow(message, "delivered", "accepted", sender=TFC)
        assert [target["post"] for target in through["to"]] == ["bern", "jakarta"]
        for unit in UNITS[1:]:
            assert live.inbox(unit).count(message) == 1
            assert koerier(live.home(unit), "read", message).returncode == 0
        live.follow(message, "read", sender=TFC)

    def test_where_no_websocket_passes_requests_carry_all_of_it(
        self, town: Town
    ) -> None:
        live, jakarta = town.live, town.live.home(JAKARTA)
        town.front.seen.clear()
        answered = live.send("Waar bent u?", sender=TFC, to="jakarta")
        live.follow(answered, "delivered", sender=TFC)
        assert koerier(jakarta, "read", answered).returncode == 0
        assert koerier(jakarta, "ack", answered).returncode == 0
        live.follow(answered, "acknowledged", sender=TFC)
        message = live.send("Hier.", sender=JAKARTA)
        found = live.follow(message, "delivered", "accepted", sender=JAKARTA)
        assert found["proof"]["verified"] is True
        assert message in [line["id"] for line in said(jakarta, "outbox")]
        went = {path for path, status in town.front.seen if status < 300}
        assert {"/session/up", "/session/down"} <= went <= SESSION
        assert town.front.upgrades >= 1

    def test_each_terminal_of_a_post_gets_it_and_the_post_has_it_with_the_first(
        self, town: Town
    ) -> None:
        live = town.live
        live.unlock(SECOND)
        live.reachable([SECOND])
        live.lock(JAKARTA)
        message = live.send("Aan twee terminals.", sender=TFC, to="jakarta")
        (jakarta,) = live.follow(message, "delivered", "accepted", sender=TFC)["to"]
        assert jakarta["states"]["read"] is None
        until(lambda: live.inbox(SECOND).count(message) == 1)
        live.unlock(JAKARTA)
        until(lambda: live.inbox(JAKARTA).count(message) == 1)
        with watching(live.tfc, "--json", "--after", "0") as told:
            for _ in range(2):  # each terminal's own receipt
                while told.until("delivered")["id"] != message:
                    pass
        assert koerier(live.home(JAKARTA), "read", message).returncode == 0
        (again,) = live.follow(message, "read", sender=TFC)["to"]
        assert again["states"]["delivered"] == jakarta["states"]["delivered"]
        assert live.inbox(SECOND).count(message) == 1
        live.lock(SECOND)

    def test_a_message_composed_without_a_relay_goes_when_it_is_back(
        self, town: Town
    ) -> None:
        live = town.live
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

    def test_answers_that_were_lost_make_no_second_message(self, town: Town) -> None:
        """The relay takes submissions and dies before it answers: twice over."""
        live, sent = town.live, []
        for number in range(2):
            relay = live.services.pid(live.relay)
            os.kill(relay, signal.SIGSTOP)  # it takes the bytes and answers nothing
            subject = f"Zonder antwoord {number}"
            sent.append(live.send("Tekst.", "--subject", subject, sender=BERN))
            os.kill(relay, signal.SIGCONT)
            live.kill_relay()
            live.start_relay()
        for message in sent:
            live.follow(message, "delivered", "accepted", sender=BERN)
        counted = Counter(live.inbox(TFC))
        assert [counted[message] for message in sent] == [1, 1]
        done = live.check()
        assert done.returncode == 0, done.stderr


class Days:
    """Days pass: last in a module, because its programs are on another day then."""

    def test_a_post_that_is_away_for_days_gets_everything_once_and_in_order(
        self, town: Town
    ) -> None:
        live, steps = town.live, [1, 1, 4, 6]  # eleven of waiting for the first
        live.lock(JAKARTA)
        messages = []
        for step in steps:
            town.later(step, TFC)
            messages.append(live.send(f"Dag {step}", sender=TFC, to="jakarta"))
            live.follow(messages[-1], "stored", "accepted", sender=TFC)
        first = live.follow(messages[0], "stored", sender=TFC)
        assert first["to"][0]["states"]["delivered"] is None
        live.unlock(JAKARTA)
        for message in messages:
            live.follow(message, "delivered", sender=TFC)
        assert [one for one in live.inbox(JAKARTA) if one in messages] == messages
        for message in messages:
            live.ask(JAKARTA, "read", id=message)
        for message in messages:
            live.follow(message, "read", sender=TFC)
        # The first one lay there for all the days that came after it.
        states = live.follow(messages[0], "read", sender=TFC)["to"][0]["states"]
        waited = moment(states["delivered"]) - moment(states["stored"])
        assert waited.days >= sum(steps[1:]) == 11
        assert live.check().stdout == "ok\n"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
