"""Homes, their configuration, and the agent's socket."""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from client.agent import background
from client.door import asking
from client.door.asking import NoAgentError
from client.door.sockets import serve
from client.exits import AgentRefusal, Exit
from client.home import Config, Home, HomeError
from tests.support.open_door import opened


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "h")
    found.create(Config(post="bern"))
    return found


def test_a_home_is_made_once_and_for_its_owner(home: Home) -> None:
    assert home.config() == Config(post="bern")
    for folder in (home.path, home.keys, home.data, home.run):
        assert folder.stat().st_mode & 0o077 == 0
    with pytest.raises(HomeError, match=r"home\.exists"):
        home.create(Config())


@pytest.mark.parametrize(
    "text", ['colour = "red"', "language = 5", "= =", 'relay = ["a"]']
)
def test_a_configuration_with_anything_unknown_is_refused(
    home: Home, text: str
) -> None:
    (home.path / "koerier.toml").write_text(text)
    with pytest.raises(HomeError, match=r"home\.config-wrong"):
        home.config()


def test_a_folder_without_a_home_is_told(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match=r"home\.missing"):
        Home(tmp_path).config()


def test_a_path_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="too-long"):
        _ = Home(tmp_path / ("x" * 100)).socket


def test_the_option_wins_over_the_environment_over_the_users_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KOERIER_HOME", str(tmp_path / "env"))
    assert Home.chosen(str(tmp_path / "opt")).path == tmp_path / "opt"
    assert Home.chosen(None).path == tmp_path / "env"
    monkeypatch.delenv("KOERIER_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Home.chosen(None).path == tmp_path / ".koerier"


# --- the agent's socket


def answer(method: str, arguments: dict[str, Any]) -> object:
    if method == "no":
        raise AgentRefusal("agent.ambiguous", Exit.BAD_INPUT, {"what": "x"})
    if method == "broken":
        raise KeyError("GEHEIM")
    if method == "full":
        raise OSError("GEHEIM")
    return {"method": method, **arguments}


async def breaking(arguments: dict[str, Any]) -> AsyncIterator[object]:
    yield "first"
    answer(arguments["how"], {})


@contextmanager
def agent(home: Home) -> Iterator[None]:
    """Serve in a thread, as the agent's process does beside a command's."""
    with opened(serve(home.socket, answer, {"breaking": breaking})):
        yield


def raw(home: Home, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(home.socket))
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        with peer.makefile("rb") as answers:
            return answers.read()


def test_a_command_gets_its_answer_or_the_refusal(home: Home) -> None:
    with agent(home):
        assert home.socket.stat().st_mode & 0o777 == 0o600
        assert asking.ask(home, "echo", a=1) == {"method": "echo", "a": 1}
        with pytest.raises(AgentRefusal) as refused:
            asking.ask(home, "no")
        assert refused.value.exit_code == Exit.BAD_INPUT
        assert refused.value.parts == {"what": "x"}


@pytest.mark.parametrize("method", ["broken", "full"])
def test_an_agent_that_fails_says_so_and_stays(
    home: Home, method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with agent(home):
        with pytest.raises(AgentRefusal) as failed:
            asking.ask(home, method)
        with pytest.raises(AgentRefusal) as later:
            list(asking.stream(home, "breaking", how=method))
        with pytest.raises(AgentRefusal) as refused:
            list(asking.stream(home, "breaking", how="no"))
        assert asking.ask(home, "echo") == {"method": "echo"}  # it is still there
    for one in (failed.value, later.value):
        assert (one.code, one.exit_code) == ("agent.failed", Exit.FAILED)
        assert one.parts == {"what": "KeyError" if method == "broken" else "OSError"}
    assert refused.value.code == "agent.ambiguous"
    log = capfd.readouterr().err
    assert log.count("agent failed") == 2
    assert "test_client_home.py:" in log
    assert "GEHEIM" not in log


def test_nobody_listening_is_a_locked_terminal(home: Home) -> None:
    with pytest.raises(NoAgentError):
        asking.ask(home, "status")


@pytest.mark.parametrize(
    "line", [b"nonsense", b"[]", b'{"method": 1, "arguments": {}}', b'{"method": "x"}']
)
def test_a_request_that_is_none_is_answered_and_the_agent_stays(
    home: Home, line: bytes
) -> None:
    with agent(home):
        reply = json.loads(raw(home, line + b"\n"))
        assert reply["refused"]["code"] == "agent.bad-input"
        assert asking.ask(home, "echo") == {"method": "echo"}


def test_a_peer_that_hangs_up_or_never_ends_its_line_harms_nobody(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.door.sockets.MAX_LINE", 100)
    with agent(home):
        assert raw(home, b"") == b""
        assert raw(home, b'{"half": ') == b""
        with contextlib.suppress(ConnectionResetError):
            assert raw(home, b"x" * 1000) == b""
        assert asking.ask(home, "echo") == {"method": "echo"}


def test_another_users_process_gets_no_answer(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with agent(home):
        monkeypatch.setattr("client.door.sockets.os.getuid", lambda: os.geteuid() + 1)
        with pytest.raises(NoAgentError):
            asking.ask(home, "echo")


def test_a_system_without_peer_credentials_relies_on_the_folder(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("client.door.sockets.socket.SO_PEERCRED")
    with agent(home):
        assert asking.ask(home, "echo") == {"method": "echo"}


def test_a_second_agent_is_refused_and_a_dead_ones_socket_is_taken(
    home: Home,
) -> None:
    with agent(home):

        async def second() -> None:
            async with serve(home.socket, answer, {}):
                pass

        with pytest.raises(HomeError, match=r"agent\.running"):
            asyncio.run(second())
        with pytest.raises(HomeError, match=r"agent\.running"):
            background.start_agent(home, "anything")
    dead = socket.socket(socket.AF_UNIX)
    home.socket.unlink(missing_ok=True)
    dead.bind(str(home.socket))
    dead.close()
    with agent(home):
        assert asking.ask(home, "echo") == {"method": "echo"}


def test_an_agent_that_never_answers_is_ended(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "LIMIT", 0.0)
    with pytest.raises(HomeError):
        background.start_agent(home, "anything")
