"""A post behind a proxy that refuses every WebSocket, with real processes.

Its agent goes to the relay through a front that holds the relay's certificate and
passes HTTPS requests only; the Taskforce Cyber is connected as usual.
"""

import asyncio
import json
from pathlib import Path

import pytest

from client.demo.ministry import POST, TFC, Ministry
from client.demo.processes import Services, command, run_json
from client.demo.scenes import Scenes, Sent
from client.files import private_folder
from client.home import CONFIG
from tests.support.front import front, holding
from tests.support.live import said

PASSPHRASE = "correct horse battery"  # noqa: S105 -- of a test
SAMPLE = Path(__file__).parents[2] / "docs/samples/alert-kasat-2022.json"


def reroute(home: Path, address: str) -> None:
    """Let a terminal's relay be at ``address``, as its member would."""
    config = home / CONFIG
    lines = [
        f'relay = "{address}"' if line.startswith("relay ") else line
        for line in config.read_text().splitlines()
    ]
    config.write_text("\n".join([*lines, ""]))
    assert address in config.read_text()


def exchange(ministry: Ministry) -> str:
    """Send a report from the post to TFC and follow it to its end."""
    ministry.unlock()
    scenes = Scenes(ministry, lambda _: None)
    scenes.wait_until_reachable((TFC, POST))
    home = ministry.terminal(POST)
    message = str(said(home, "incident", "send", SAMPLE)["id"])
    sent = Sent(message, POST, (TFC,))
    scenes.follow(sent, "delivered", "accepted")
    scenes.read_and_acknowledge(sent)
    found = scenes.follow(sent, "read", "acknowledged")
    assert found["proof"]["verified"] is True
    return message


async def test_a_report_and_its_receipts_pass_in_plain_requests(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("h")  # short: sockets have 100 bytes
    with Services(private_folder(folder / "log")) as services:
        ministry = Ministry(folder, services, lambda: PASSPHRASE, (TFC, POST))
        await asyncio.to_thread(ministry.found)
        relay = (ministry.relay / "run" / "address").read_text().strip()
        pem = ministry.relay / "keys" / "tls.pem"
        async with front(f"https://{relay}", holding(pem)) as before:
            reroute(ministry.terminal(POST), before.address)
            message = await asyncio.to_thread(exchange, ministry)
            outbox = await asyncio.to_thread(
                run_json,
                command(
                    *("koerier", "--home", ministry.terminal(POST), "outbox"), "--json"
                ),
            )
            assert message in json.dumps(outbox)
            await asyncio.to_thread(services.stop)
    paths = {path for path, status in before.seen if status < 300}
    assert paths == {f"/session{end}" for end in ("", "/hello", "/up", "/down")}
    assert before.upgrades >= 1
