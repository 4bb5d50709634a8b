"""What goes wrong, whatever engine the relay has: ``test_on_*.py``."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from client.demo.ministry import BERN, JAKARTA, TFC
from client.files import private_folder
from tests.support.campaign import Campaign
from tests.support.interrupting import Way, most
from tests.support.live import koerier, said, until
from tests.support.town import Town

SOON = 1.5  # seconds until a line is cut wherever it is


class Adversity:
    """Lines that break at any byte, answers and keys that are lost, a medium."""

    @pytest.mark.campaign
    def test_an_attachment_is_interrupted_at_random_offsets_and_goes_on(
        self,
        town: Town,
        tmp_path: Path,
        campaign: Campaign,
        record_testsuite_property: Callable[[str, object], None],
    ) -> None:
        live = town.live
        size = campaign.pick(quick=3, ci=20, deep=200) * 1_000_000
        count = campaign.pick(quick=4, ci=10, deep=10)
        ((_, chance),) = campaign.rounds(quick=1, ci=1, deep=1)
        content = chance.randbytes(size)
        (tmp_path / "beeld.bin").write_bytes(content)
        up = Way(live, BERN, town.lines[BERN], "up", chance)
        down = Way(live, TFC, town.lines[TFC], "down", chance)
        # The addressee is away: it is sent first, and then it is fetched.
        live.lock(TFC)
        attached = ("--attach", tmp_path / "beeld.bin")
        message = live.send("Zie bijlage.", *attached, sender=BERN)
        up.interrupt(size, count)
        until(lambda: live.ask(BERN, "attachments", id=message)[0]["complete"])
        live.unlock(TFC)
        down.interrupt(size, count)
        live.follow(message, "delivered", sender=BERN)
        bound = most(size, count)
        for way in (up, down):
            figures = f"{way.passed} of {size}, at most {bound:.0f}; {way.hows}"
            record_testsuite_property(way.name, figures)
            assert size < way.passed <= bound, figures
        assert live.check().returncode == 0
        out = private_folder(tmp_path / "out")
        said(live.tfc, "attach", "save", message, "--out", out)
        assert (out / "beeld.bin").read_bytes() == content

    @pytest.mark.campaign
    def test_answers_cut_off_at_any_byte_make_no_second_message(
        self, town: Town, campaign: Campaign
    ) -> None:
        """The sender loses the relay's answers; the receiver loses its own."""
        live, bern, tfc = town.live, town.lines[BERN], town.lines[TFC]
        count = campaign.pick(quick=3, ci=10, deep=300)
        ((_, chance),) = campaign.rounds(quick=1, ci=1, deep=1)
        sent = []
        live.reachable([BERN, TFC])
        for _ in range(count):
            # From the first byte of an answer on, to well behind it.
            bern.stop_at("down", bern.down + chance.randrange(6_000))
            tfc.stop_at("up", tfc.up + chance.randrange(6_000))
            sent.append(live.send("Tekst.", sender=BERN))
            for line in (bern, tfc):
                line.stopped.wait(SOON)  # or all of it is shorter, and has passed
                line.cut()
        for message in sent:
            live.follow(message, "delivered", "accepted", sender=BERN)
        counted = Counter(live.inbox(TFC))
        assert [counted[message] for message in sent] == [1] * count
        assert live.check().stdout == "ok\n"

    def test_requests_that_come_twice_and_answers_that_do_not_come(
        self, town: Town
    ) -> None:
        """A proxy of Jakarta's sends requests again, and drops what is answered."""
        live, front = town.live, town.front
        ways = ("/session/up", "/session/down")
        front.double[ways[0]] += 3  # of the others each is held for long without news
        for way in ways:
            front.lose[way] += 2
        sent = [live.send(f"{n}", sender=JAKARTA) for n in range(3)]
        came = [live.send(f"{n}", sender=TFC, to="jakarta") for n in range(3)]
        for message in sent:
            live.follow(message, "delivered", "accepted", sender=JAKARTA)
        for message in came:
            live.follow(message, "delivered", "accepted", sender=TFC)
        assert not front.double[ways[0]] + sum(front.lose[way] for way in ways)
        counted = Counter((*live.inbox(TFC), *live.inbox(JAKARTA)))
        assert [counted[message] for message in (*sent, *came)] == [1] * 6
        assert live.check().stdout == "ok\n"

    def test_a_message_by_courier_and_then_by_the_relay_is_shown_once(
        self, town: Town, tmp_path: Path
    ) -> None:
        live, home = town.live, town.live.home(BERN)
        # Keys are kept of whom one wrote to.
        live.follow(live.send("Eerst.", sender=BERN), "delivered", sender=BERN)
        assert said(home, "sync")["synchronised"]
        town.lines[BERN].hold()
        message = live.send("Langs twee wegen.", sender=BERN)
        file = tmp_path / "bern.koerier"
        made = koerier(home, "export", message, "--out", file)
        assert made.returncode == 0, made.stderr
        town.lines[TFC].hold()  # its receipt is not faster than the message
        assert said(live.tfc, "import", file)["known"] is False
        (shown,) = [m for m in live.ask(TFC, "inbox") if m["id"] == message]
        assert shown["logged"] is False

        town.lines[BERN].cut()  # and the next connection passes
        (tfc,) = live.follow(message, "stored", "accepted", sender=BERN)["to"]
        assert tfc["states"]["delivered"] is None
        assert tfc["couriered"] <= tfc["states"]["stored"]
        town.lines[TFC].cut()
        live.follow(message, "delivered", "accepted", sender=BERN)
        assert koerier(live.tfc, "read", message).returncode == 0
        live.follow(message, "read", sender=BERN)
        until(lambda: live.ask(TFC, "read", id=message)["logged"])
        assert live.inbox(TFC).count(message) == 1
        again = said(live.tfc, "import", file)
        assert (again["known"], again["id"]) == (True, message)

    def test_a_terminal_that_lost_its_prekeys_gets_everything(self, town: Town) -> None:
        live = town.live
        live.lock(JAKARTA)
        messages = [live.send(f"{n}", sender=TFC, to="jakarta") for n in range(2)]
        for message in messages:
            live.follow(message, "stored", "accepted", sender=TFC)
        keys = live.home(JAKARTA) / "keys"
        lost = [keys / "erase", *keys.glob("sheet-*")]
        assert len(lost) >= 2
        for file in lost:
            file.unlink()
        live.unlock(JAKARTA)
        for message in messages:
            live.follow(message, "delivered", sender=TFC)
            assert live.ask(JAKARTA, "read", id=message)["parts"]
        assert [one for one in live.inbox(JAKARTA) if one in messages] == messages
        later = live.send("Daarna.", sender=TFC, to="jakarta")
        live.follow(later, "delivered", sender=TFC)
