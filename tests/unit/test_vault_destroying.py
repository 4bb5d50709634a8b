"""A vault is destroyed by order: wholly, from wherever a crash left it."""

import os
from pathlib import Path

import pytest

from client.agent.alone import open_alone
from client.agent.process import run_agent, sync_once
from client.home import Home, HomeError
from client.vault.destroying import destroy, finish
from client.vault.filelock import held
from client.vault.opening import LOCK, VAULT_KEY
from crypto.entropy import system
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.requests import LogName
from tests.support import typed
from tests.support.home_desk import HomeDesk, locked_desk
from tests.support.homes import ANNA, WORDS
from tests.support.light import make_light
from tests.support.ministry import Ministry
from tests.support.restrictions import zeroise_order
from tests.support.typed import told


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


@pytest.fixture
def bern(hague: Ministry, tmp_path: Path) -> HomeDesk:
    return locked_desk(hague, tmp_path / "bern")


def left(home: Home) -> list[Path]:
    return [
        path
        for path in (*home.keys.rglob("*"), *home.data.rglob("*"))
        if path.is_file()
    ]


def test_nothing_is_left_and_every_command_says_so(bern: HomeDesk) -> None:
    spool = bern.home.data / "spool"
    spool.mkdir(exist_ok=True)
    (spool / "1").write_bytes(bytes(70_000))
    outside = bern.home.path.parent / "outside"
    outside.write_text("not ours")
    (spool / "2").symlink_to(outside)
    destroy(bern.home)
    assert left(bern.home) == []
    assert outside.read_text() == "not ours"
    for words in (("inbox",), ("terminal", "unlock"), ("terminal", "check")):
        for lang, word in (("nl", "gewist"), ("en", "zeroised")):
            done = typed.alone(bern.home, *words, lang=lang)
            assert word in told(done, 2)
            assert "operator" in done.stderr
    finish(Home(bern.home.path.parent))  # a home that nobody ordered anything of


def test_the_bytes_go_before_the_name(bern: HomeDesk) -> None:
    key = bern.home.keys / VAULT_KEY
    kept = key.parent.parent / "the same file"
    os.link(key, kept)
    size = kept.stat().st_size
    destroy(bern.home)
    assert kept.read_bytes() == bytes(size)


def crash(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let the file before the ``step``-th be the last whose name goes."""
    unlink, gone = Path.unlink, 0

    def counted(path: Path, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 -- its signature
        nonlocal gone
        if path.parent.name in {"keys", "data"}:
            if gone == step:
                raise KeyboardInterrupt
            gone += 1
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", counted)


@pytest.mark.parametrize("step", range(4))
def test_a_crash_between_leaves_nothing_that_opens(
    bern: HomeDesk, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        crash(patched, step)
        with pytest.raises(KeyboardInterrupt):
            destroy(bern.home)
    assert left(bern.home)
    with pytest.raises(HomeError, match="zeroised"):
        bern.unlocked(ANNA)
    for start in (
        lambda: run_agent(bern.home, WORDS[ANNA]),
        lambda: sync_once(bern.home, WORDS[ANNA], None, 1.0),
        lambda: open_alone(bern.home, WORDS[ANNA], system),
    ):
        with pytest.raises(HomeError, match="zeroised"):
            start()
        assert left(bern.home) == []


def test_who_has_it_open_is_not_robbed_of_it(bern: HomeDesk) -> None:
    with held(bern.home.data / LOCK), pytest.raises(HomeError, match="running"):
        destroy(bern.home)
    assert (bern.home.keys / VAULT_KEY).exists()


def test_an_order_that_was_adopted_is_obeyed_at_the_next_start(
    bern: HomeDesk, hague: Ministry
) -> None:
    bern.take(bern.unlocked(ANNA))
    order = zeroise_order(hague, "anna", "bram")
    bern.relay.logs[LogName.KEY].append(signed_leaf(LeafKind.ZEROISE, order))
    bern.connect()
    assert bern.terminal.zeroised
    bern.lock()
    with pytest.raises(HomeError, match="zeroised"):
        open_alone(bern.home, WORDS[ANNA], system)
    assert left(bern.home) == []
