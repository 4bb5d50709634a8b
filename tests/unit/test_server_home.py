"""A relay's home: configuration, keys, founding, files, and what may be logged."""

import json
import logging
import stat
from pathlib import Path
from typing import Any

import pytest
import structlog

from crypto.suite import SuiteId
from crypto.types import Secret
from protocol.codec import encode
from protocol.key_log_entry import LeafKind, read_leaf, read_signed
from server import config
from server.config import ConfigError, Home, RelayConfig, WitnessConfig
from server.files import write_atomic
from server.founding import read_root
from server.init import init_relay, init_witness
from server.keys import load_relay, load_witness, make_relay_seeds, relay_keys, save
from server.logbook import configure, harmless, logbook
from server.web import listener, tls
from tests.support.keys import drawn
from tests.support.ministry import ministry


def made(folder: Path) -> Home:
    home = Home(folder / "relay")
    seeds = make_relay_seeds(SuiteId.S1, drawn("init"))
    init_relay(home, RelayConfig(), drawn("tls"), name="relay.example", seeds=seeds)
    return home


# --- configuration


def test_a_configuration_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = RelayConfig(
        listen="[::1]:8443", witnesses={"w1": "http://127.0.0.1:1/x"}, tls=False
    )
    path = tmp_path / "relay.toml"
    path.write_bytes(config.dump(written))
    assert config.load(path, RelayConfig) == written
    path.write_bytes(config.dump(WitnessConfig(mirror=False)))
    assert config.load(path, WitnessConfig) == WitnessConfig(mirror=False)


@pytest.mark.parametrize(
    "text",
    [
        'lisetn = "127.0.0.1:8443"',
        'listen = "nowhere"',
        "listen = 8443",
        'tls = "yes"',
        "listen = ",
        '[witnesses]\nw1 = "ftp://x"',
    ],
)
def test_a_misspelt_or_wrong_key_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "relay.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"relay\.toml"):
        config.load(path, RelayConfig)


def test_a_missing_configuration_says_who_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="init"):
        config.load(tmp_path / "relay.toml", RelayConfig)


def test_addresses_are_split_for_both_families() -> None:
    assert config.split_address("127.0.0.1:0") == ("127.0.0.1", 0)
    assert config.split_address("[::1]:8443") == ("::1", 8443)


def test_a_socket_path_that_no_system_takes_is_refused(tmp_path: Path) -> None:
    assert Home(Path("/srv/relay")).socket == Path("/srv/relay/run/admin.sock")
    with pytest.raises(ConfigError, match="100 bytes"):
        _ = Home(tmp_path / ("x" * 100)).socket


# --- keys


def test_a_home_is_for_its_owner_only_and_its_keys_are_made_once(
    tmp_path: Path,
) -> None:
    home = made(tmp_path)
    for path in (home.path, home.keys, home.data, home.run):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    seeds = home.keys / "relay.seeds"
    assert stat.S_IMODE(seeds.stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match="there already"):
        made(tmp_path)


def test_the_public_part_names_the_keys_and_holds_none(tmp_path: Path) -> None:
    home = made(tmp_path)
    text = (home.path / "relay-public.json").read_text()
    public = json.loads(text)
    keys = relay_keys(load_relay(home), drawn("x"))
    assert public["identity"] == keys.identity.public.hex()
    assert public["tls_pin"] == keys.certificate.pin.hex()
    assert public["key_log"]["origin"] == "relay.example/keys"
    for seed in (load_relay(home).identity, load_relay(home).key_log):
        assert seed.hex() not in text
    assert "seed" not in repr(load_relay(home))


@pytest.mark.parametrize("name", ["", "Relay", "a b", "-x", "x" * 81])
def test_a_name_that_cannot_begin_an_origin_is_refused(
    tmp_path: Path, name: str
) -> None:
    seeds = make_relay_seeds(SuiteId.S1, drawn("init"))
    with pytest.raises(ConfigError, match="--name"):
        init_relay(Home(tmp_path), RelayConfig(), drawn("i"), name=name, seeds=seeds)


def test_seeds_that_others_may_read_or_that_are_none_are_refused(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    home.create()
    with pytest.raises(ConfigError, match="not there"):
        load_relay(home)
    save(home, make_relay_seeds(SuiteId.S2, drawn("seeds")))
    assert load_relay(home).suite is SuiteId.S2
    path = home.keys / "relay.seeds"
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="0600"):
        load_relay(home)
    path.chmod(0o600)
    path.write_bytes(b"junk")
    with pytest.raises(ConfigError, match="not a seeds"):
        load_relay(home)


def test_a_witness_has_keys_of_both_kinds(tmp_path: Path) -> None:
    home = Home(tmp_path / "w")
    public = init_witness(home, WitnessConfig(), drawn("w"), name="witness-1")
    assert load_witness(home).name == "witness-1"
    assert len(str(public["ed25519"])) == 64
    assert len(str(public["mldsa44"])) == 2624


# --- founding and files


def test_the_root_file_holds_the_first_leaf_of_the_key_log(tmp_path: Path) -> None:
    people = ministry()
    path = tmp_path / "root.cbor"
    with pytest.raises(ConfigError, match="not there"):
        read_root(path)
    path.write_bytes(b"junk")
    with pytest.raises(ConfigError, match="holds"):
        read_root(path)
    signed = read_signed(read_leaf(people.leaves[0]).body)
    path.write_bytes(encode(signed))
    leaf, root = read_root(path)
    assert leaf == people.leaves[0]
    assert read_leaf(leaf).kind is LeafKind.ROOT
    assert root.document == people.directory.root.document


def test_a_file_is_wholly_replaced_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def full(_: int) -> None:
        raise OSError(28, "no space")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="no space"):
            write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    write_atomic(path, b"newer")
    assert path.read_bytes() == b"newer"


# --- starting


def test_tls_keys_are_never_written_to_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SSLKEYLOGFILE", raising=False)
    tls.refuse_key_log()
    monkeypatch.setenv("SSLKEYLOGFILE", "somewhere")
    with pytest.raises(ConfigError, match="SSLKEYLOGFILE"):
        tls.refuse_key_log()


def test_the_slow_parser_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from aiohttp import http_parser

    listener.require_parser()
    monkeypatch.setattr(
        http_parser, "HttpRequestParser", http_parser.HttpRequestParserPy
    )
    with pytest.raises(ConfigError, match="C parser"):
        listener.require_parser()


# --- the log


def raised() -> ValueError:
    try:
        int("what a peer sent")
    except ValueError as error:
        return error
    raise AssertionError


def test_a_line_holds_numbers_and_own_words_and_nothing_of_a_peer() -> None:
    event: dict[str, Any] = {
        "event": "x" * 500,
        "count": 3,
        "part": 0.5,
        "ok": True,
        "key": b"bytes",
        "secret": Secret(b"seed"),
        "exc_info": raised(),
    }
    kept = harmless(None, "info", event)
    line = json.dumps(kept)
    assert "peer" not in line
    assert "bytes" not in line.replace("<bytes>", "")
    assert kept["key"] == "<bytes>"
    assert len(kept["event"]) == 200
    assert kept["error"].startswith("ValueError at raised")
    assert (
        harmless(None, "info", {"exc_info": ValueError("x")})["error"] == "ValueError"
    )


def test_libraries_log_who_and_how_bad_and_never_their_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure()
        library = logging.getLogger("aiohttp.server")
        library.error("body: secret text")
        library.error("secret text", exc_info=raised())
        logbook().info("committed", submissions=2)
    finally:
        structlog.reset_defaults()
        root.handlers[:] = before
        root.setLevel(level)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["library", "library", "committed"]
    assert lines[1]["error"].startswith("ValueError")
    assert "secret" not in json.dumps(lines)
