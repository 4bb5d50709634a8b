"""Relay and witness as processes, made by their own commands, over TLS."""

from pathlib import Path

import pytest

from crypto.certificate import pin_of
from tests.support.processes import RELAY, Homes, made, run
from tests.support.relay import connected, submit_to, unpinned


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    return made(tmp_path_factory.mktemp("ministry"))


async def test_a_founded_ministry_sends_through_real_processes(
    homes: Homes, tmp_path: Path
) -> None:
    posts = homes.ministry.posts
    tfc, bern = posts["tfc"].terminal, posts["bern"].terminal
    with homes.up() as relay:
        homes.append(tmp_path)
        url = f"https://{relay.address}"
        async with (
            connected(url, homes.ministry, bern.key, unpinned()) as sender,
            connected(url, homes.ministry, tfc.key, unpinned()) as receiver,
        ):
            transport = sender.socket.get_extra_info("ssl_object")
            assert pin_of(transport.getpeercert(binary_form=True)) == homes.pin
            assert transport.version() == "TLSv1.3"
            submit = submit_to(tfc.mailbox)
            await sender.submit(submit)
            assert (await receiver.delivered()).envelope == submit.envelope
            notice = await sender.noticed()
            while notice.message_log < 1:
                notice = await sender.noticed()
        status = relay.status()
        assert status["logs"]["message"] == {"size": 1, "published": 1}
    done = run(RELAY, "check", "--home", homes.relay)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
