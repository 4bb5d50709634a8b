"""The edges beside sessions: health, admin socket, log for monitors, processes."""

import asyncio
import os
import signal
import ssl
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from crypto.certificate import make_certificate
from crypto.merkle import inclusion_path, leaf_hash, verify_inclusion
from protocol.note import parse_note
from protocol.requests import LogName
from protocol.tiles import node_source
from server import serve as serving
from server.admin_client import call
from server.config import ConfigError, Home, RelayConfig, WitnessConfig
from server.keyring import load_relay_ring, load_witness_ring
from server.storage.interfaces import StoreBrokenError
from server.web import listener
from server.web.admin import admin_app
from server.web.health import health_app
from server.web.listener import listen, listen_unix, runner
from server.web.public import public_app
from server.web.tls import server_context
from server.witness import serve as witness_serving
from tests.support.keys import drawn, secret
from tests.support.ministry import ministry
from tests.support.processes import Homes, made
from tests.support.relay import NOWHERE, RunningRelay, own, running, served, submit_to


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[RunningRelay]:
    async with running(tmp_path, ministry()) as relay:
        yield relay


async def get(url: str) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        assert "Server" not in response.headers
        return response.status, await response.read()


# --- health


async def test_alive_says_so_and_ready_names_the_faults() -> None:
    faults: list[str] = []

    async def found() -> tuple[str, ...]:
        return tuple(faults)

    async with served(health_app(found, lambda: b"metric 1\n")) as url:
        assert await get(url + "/livez") == (200, b"ok\n")
        assert await get(url + "/readyz") == (200, b"ok\n")
        faults.append("no-quorum")
        assert await get(url + "/readyz") == (503, b"no-quorum\n")
        assert await get(url + "/metrics") == (200, b"metric 1\n")
        assert (await get(url + "/metricsz"))[0] == 404


async def test_the_faults_of_a_relay(relay: RunningRelay) -> None:
    await relay.published(LogName.KEY, len(relay.ministry.leaves))
    assert await serving.faults(relay.parts) == ()
    relay.parts.relay.committer.behind = True
    relay.parts.checkpoints.missing = ("KEY",)
    assert await serving.faults(relay.parts) == ("log-behind-witness", "no-quorum")


# --- the admin socket


async def test_the_admin_socket_appends_what_proves_itself_and_nothing_else(
    relay: RunningRelay, tmp_path: Path
) -> None:
    people = relay.ministry
    app = runner(admin_app(relay.parts.relay, lambda: serving.status(relay.parts)))
    await app.setup()
    path = tmp_path / "admin.sock"
    path.touch()  # what a killed process left
    await listen_unix(app, path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600  # noqa: PTH116 -- as the system says it
    leaf = people.restriction(own(relay, "tfc").key.id, by=people.operators["anna"])
    assert await call(path, "/append", leaf) == (200, f"{len(people.leaves)}\n")
    status, text = await call(path, "/append", b"junk")
    assert (status, text) == (422, "MalformedError\n")
    status, text = await call(path, "/status")
    assert status == 200
    assert '"koerier-relay-status/1"' in text
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.services.commit.MAX_WAITING", 0)
        assert await call(path, "/append", leaf) == (503, "busy\n")
    await app.cleanup()
    assert await call(path, "/status") == (None, "")


# --- monitors


async def test_a_monitor_proves_a_leaf_from_tiles_alone(relay: RunningRelay) -> None:
    services = relay.parts.relay
    bern = services.directory.terminal(own(relay, "bern").key.id, services.clock.wall())
    stored = [
        await services.mailbox.submit(
            bern, 2, submit_to(own(relay, "tfc").mailbox, name=name)
        )
        for name in "abc"
    ]
    await relay.published(LogName.MESSAGE, 3)
    base = f"{relay.url}/log/relay.example/message"
    status, note = await get(f"{base}/checkpoint")
    assert (status, parse_note(note).text.split(b"\n")[1]) == (200, b"3")
    status, tile = await get(f"{base}/tile/0/000.p/3")
    assert (status, len(tile)) == (200, 96)
    path = inclusion_path(1, 3, node_source({(0, 0): tile}))
    (leaf,) = await services.logs.leaves(LogName.MESSAGE, 1, 1)
    root = services.committer.trees.logs[LogName.MESSAGE].root()
    verify_inclusion(leaf, 1, 3, path, root)
    assert tile[32:64] == stored[1].leaf == leaf_hash(leaf)


async def test_what_is_no_tile_or_no_log_is_not_found(relay: RunningRelay) -> None:
    await relay.published(LogName.KEY, len(relay.ministry.leaves))
    base = f"{relay.url}/log/relay.example"
    for path in (
        "/message/checkpoint",  # nothing published yet
        "/other/checkpoint",
        "/message/tile/0/000",
        "/key/tile/0/000",  # only a partial one is there
        "/key/tile/entries/000.p/1",  # names people: for terminals only
        "/key/tile/junk",
    ):
        assert (await get(base + path))[0] == 404
    assert (await get(f"{base}/key/tile/0/000.p/1"))[0] == 200


async def test_a_full_tile_may_be_kept_for_ever(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> bytes:
        return bytes(8192)

    monkeypatch.setattr(relay.parts.relay.logs, "tile", full)
    url = f"{relay.url}/log/relay.example/key/tile/0/000"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        assert "immutable" in response.headers["Cache-Control"]


async def test_a_store_that_breaks_ends_the_process(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> bytes:
        raise StoreBrokenError("IOERR_READ")

    monkeypatch.setattr(relay.parts.relay.logs, "tile", broken)
    url = f"{relay.url}/log/relay.example/key/tile/0/000"
    assert (await get(url))[0] == 503
    with pytest.raises(StoreBrokenError):
        await relay.parts.relay.failure


# --- listeners


async def test_a_listener_speaks_tls_1_3_only_and_on_both_families(
    relay: RunningRelay, tmp_path: Path
) -> None:
    certificate = make_certificate(secret("tls"), serial=b"1")
    context = server_context(certificate, tmp_path / "tls.pem")
    app = runner(public_app(relay.parts.relay))
    await app.setup()
    address = await listen(app, "[::1]:0", context)
    assert address.startswith("[::1]:")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(f"https://{address}/session", ssl=old)
        old.maximum_version = ssl.TLSVersion.TLSv1_3
        async with http.get(f"https://{address}/session", ssl=old) as response:
            assert response.status == 400
    await app.cleanup()


async def closes(url: str, *sent: bytes) -> bool:
    """Send ``sent`` and then nothing; say whether the relay hangs up."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for part in sent:
        writer.write(part)
        await writer.drain()
    async with asyncio.timeout(30):
        await reader.read()
    ended = reader.at_eof()
    writer.close()
    return ended


async def test_silent_and_slow_strangers_are_hung_up_on(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "KEEPALIVE", 0.2)
    monkeypatch.setattr(listener, "LINGERING", 0.2)
    async with served(public_app(relay.parts.relay)) as url:
        head = b"GET /session HTTP/1.1\r\nHost: x\r\n"
        body = b"GET /log/x/checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
        assert await closes(url)
        assert await closes(url, head, b"X: y\r\n")
        assert await closes(url, body)


async def test_a_tls_handshake_that_never_comes_is_hung_up_on(
    relay: RunningRelay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE", 0.2)
    certificate = make_certificate(secret("tls"), serial=b"1")
    context = server_context(certificate, tmp_path / "tls.pem")
    app = runner(public_app(relay.parts.relay))
    with pytest.raises(RuntimeError, match="setup"):
        await listen(app, "127.0.0.1:0", context)
    await app.setup()
    address = await listen(app, "127.0.0.1:0", context)
    assert await closes(f"http://{address}")
    await app.cleanup()


# --- processes, here in ours


async def until(path: Path) -> str:
    async with asyncio.timeout(60):
        while not path.exists():  # noqa: ASYNC110, ASYNC240 -- no event says so
            await asyncio.sleep(0.01)
    return path.read_text().strip()  # noqa: ASYNC240 -- once, and short


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    return made(tmp_path_factory.mktemp("homes"))


async def test_a_relay_starts_serves_and_drains(homes: Homes) -> None:
    relay = Home(homes.relay)
    config = RelayConfig(listen="127.0.0.1:0", health="127.0.0.1:0", tls=False)
    options = serving.Options(witnesses={"witness-1": NOWHERE})
    async with asyncio.TaskGroup() as group:
        group.create_task(serving.serve(relay, config, options, drawn("serve")))
        address = await until(relay.address)
        assert (await get(f"http://{address}/session"))[0] == 400
        status, text = await call(relay.socket, "/status")
        assert (status, '"size": 1' in text) == (200, True)
        os.kill(os.getpid(), signal.SIGTERM)
    assert not relay.address.exists()


async def test_a_witness_starts_serves_and_stops(homes: Homes) -> None:
    witness = Home(homes.witness)
    async with asyncio.TaskGroup() as group:
        group.create_task(
            witness_serving.serve(witness, WitnessConfig(), "127.0.0.1:0")
        )
        address = await until(witness.address)
        assert (await get(f"http://{address}/checkpoint/other"))[0] == 404
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # an impatient operator
    assert not witness.address.exists()


async def test_a_store_that_breaks_ends_a_relay_that_serves(
    homes: Homes, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RelayConfig(listen="127.0.0.1:0", health="127.0.0.1:0")

    async def broken(*_: object) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())

    async def fails() -> None:
        raise StoreBrokenError("IOERR_FSYNC")

    monkeypatch.setattr("server.services.commit.Committer.run", broken)
    with pytest.raises(StoreBrokenError):
        await serving.serve(
            Home(homes.relay), config, serving.Options(), drawn("serve")
        )


async def test_a_root_document_of_others_keys_stops_the_start(homes: Homes) -> None:
    root = ministry().directory.root.document
    ring = load_relay_ring(Home(homes.relay), drawn("x"))
    ring.require(homes.ministry.directory.root.document)
    with pytest.raises(ConfigError, match="another relay's keys"):
        ring.require(root)
    seeds = load_witness_ring(Home(homes.witness))
    with pytest.raises(ConfigError, match="does not name this witness"):
        witness_serving.check_keys(seeds, root)


async def test_an_answer_that_comes_in_parts_is_whole_and_has_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.admin_client.LIMIT", 8)

    async def answer_slowly(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for part in (b"one ", b"two ", b"three"):
            await answer.write(part)
        return answer

    app = web.Application()
    app.router.add_get("/status", answer_slowly)
    process = runner(app)
    await process.setup()
    await listen_unix(process, tmp_path / "s")
    assert await call(tmp_path / "s", "/status") == (200, "one two ")
    await process.cleanup()
