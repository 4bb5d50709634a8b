"""What has one door: primitives, CBOR, randomness, and the built-in edges."""

import ast
from pathlib import Path

import pytest

from tests.support.tree import PACKAGES, dotted, imports, parsed, sources, used

CORE = ("crypto", "protocol", "client/core")

# Where production takes the system's randomness; everything else is handed an Entropy.
WIRING = {
    Path("client/agent/process.py"),
    Path("client/cli/shell.py"),
    Path("client/door/asking.py"),  # a command's nonce at the agent's door
    Path("server/cli.py"),
    Path("server/witness/cli.py"),
}
RANDOM_MODULES = {"random", "secrets", "uuid"}
RANDOM_NAMES = {"os.urandom", "os.getrandom", "ssl.RAND_bytes", "nacl.utils.random"}
# A library's key generation draws its own randomness: keys come from seeds.
DRAWS = {"generate", "generate_key", "generate_private_key"}
EDGES = {"breakpoint", "eval", "exec", "input", "open", "print"}


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", sources("protocol", "server", "client"), ids=str)
def test_only_crypto_imports_primitives(path: Path) -> None:
    assert not roots(path) & {"cryptography", "nacl"}


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=str)
def test_only_the_codec_imports_cbor(path: Path) -> None:
    assert "cbor2" not in roots(path) or path == Path("protocol/codec.py")


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=str)
def test_only_the_entropy_module_reads_randomness(path: Path) -> None:
    assert not roots(path) & RANDOM_MODULES
    allowed = {"os.urandom"} if path == Path("crypto/entropy.py") else set()
    assert used(path) & RANDOM_NAMES <= allowed


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=str)
def test_only_the_wiring_takes_the_systems_randomness(path: Path) -> None:
    if path not in WIRING:
        assert "crypto.entropy.system" not in used(path)


@pytest.mark.parametrize("path", sources("crypto"), ids=str)
def test_keys_come_from_seeds_and_not_from_a_library(path: Path) -> None:
    called = {
        node.func.attr
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & DRAWS


@pytest.mark.parametrize("path", sources(*CORE), ids=str)
def test_the_core_uses_no_built_in_edge(path: Path) -> None:
    called = {
        dotted(node.func)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
    }
    assert not called & EDGES


@pytest.mark.parametrize("path", sources(*CORE), ids=str)
def test_the_core_never_asks_for_the_date(path: Path) -> None:
    clocks = ("now", "utcnow", "today")
    asked = {name for name in used(path) if name.endswith(clocks)}
    assert not {name for name in asked if name.startswith(("datetime.", "date."))}
