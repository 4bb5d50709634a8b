"""The door without Unix sockets: only who read the agent's file is spoken to."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from client.door import asking, sockets
from client.door.asking import NoAgentError
from client.door.loopback import (
    NONCE,
    StrangerError,
    enter,
    read_door,
    write_door,
)
from client.door.sockets import serve_loopback
from client.home import Config, Home
from tests.support.keys import drawn
from tests.support.open_door import opened


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(asking, "has_sockets", lambda: False)
    found = Home(tmp_path / "h")
    found.create(Config(post="bern"))
    return found


@contextmanager
def agent(home: Home) -> Iterator[None]:
    def answer(method: str, arguments: dict[str, Any]) -> object:
        return {"method": method, **arguments}

    with opened(serve_loopback(home.door, answer, drawn("agent"), {})):
        yield


@contextmanager
def listening(say: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Another program at the port: it says something and keeps what it was told."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                heard.append(peer.recv(9999))
                peer.sendall(say)
                peer.shutdown(socket.SHUT_WR)
                heard.append(peer.recv(9999))

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join(10)


def test_a_command_is_answered_over_the_loopback(home: Home) -> None:
    with agent(home):
        assert home.door.stat().st_mode & 0o777 == 0o600
        assert asking.ask(home, "echo", a=1) == {"method": "echo", "a": 1}
        port, secret = read_door(home.door)
        assert port > 0
        assert len(secret) == NONCE
    assert not home.door.exists()
    with pytest.raises(NoAgentError):
        asking.ask(home, "echo")


def test_who_did_not_read_the_file_is_not_answered(home: Home) -> None:
    with agent(home):
        port, secret = read_door(home.door)
        write_door(home.door, port, bytes(NONCE))
        with pytest.raises(NoAgentError):
            asking.ask(home, "echo")
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(bytes(NONCE))
            answer = stranger.recv(2 * NONCE)
            stranger.sendall(answer[NONCE:])  # the agent's own proof is no command's
            stranger.sendall(b'{"method": "echo", "arguments": {}}\n')
            assert stranger.recv(9999) == b""
        with socket.create_connection(("127.0.0.1", port)) as hung_up:
            hung_up.sendall(b"x")
        write_door(home.door, port, secret)
        assert asking.ask(home, "echo") == {"method": "echo"}


def test_a_stranger_who_waits_is_closed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "PATIENCE", 0.05)
    with agent(home):
        port, _ = read_door(home.door)
        with socket.create_connection(("127.0.0.1", port), 10) as stranger:
            assert stranger.recv(1) == b""


@pytest.mark.parametrize("say", [b"", b"HTTP/1.1 400", bytes(2 * NONCE)])
def test_another_program_at_the_port_learns_nothing(home: Home, say: bytes) -> None:
    with listening(say) as (port, heard):
        write_door(home.door, port, bytes(range(NONCE)))
        with pytest.raises(StrangerError):
            enter(home.door, drawn("nonce"))
    assert [len(part) for part in heard] == [NONCE, 0]  # a nonce, and no request


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", json.dumps({"port": "x", "secret": ""})]
)
def test_an_odd_file_is_no_door(home: Home, text: str) -> None:
    home.door.write_text(text)
    with pytest.raises(NoAgentError):
        asking.ask(home, "echo")
