import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.tree import PACKAGES, ROOT

LINT = Path(sys.executable).parent / "lint-imports"
SECRET_SIDE = ("envelope", "passphrase", "recordbox", "stream")

# contract, what is planted: file -> its one line
PLANTED: list[tuple[str, dict[str, str]]] = [
    ("layers", {"crypto/planted.py": "import protocol"}),
    ("layers", {"protocol/planted.py": "import server"}),
    ("layers", {"protocol/planted.py": "import client"}),
    ("layers", {"server/planted.py": "import client"}),
    ("layers", {"client/planted.py": "import server"}),
    ("terminal", {"client/core/planted.py": "import client.vault"}),
    ("terminal", {"client/vault/planted.py": "import client.operator"}),
    ("terminal", {"client/door/planted.py": "import client.answers"}),
    ("terminal", {"client/agent/planted.py": "import client.cli"}),
    ("sans-io", {"crypto/planted.py": "import time"}),
    ("sans-io", {"protocol/planted.py": "import socket"}),
    ("sans-io", {"protocol/planted.py": "def later() -> None:\n    import os"}),
    (
        "sans-io",
        {
            "client/core/planted.py": "import client.planted_edge",
            "client/planted_edge.py": "import asyncio",
        },
    ),
    *(
        ("relay-cannot-open", {f"{package}/planted.py": f"import crypto.{module}"})
        for package in ("server", "protocol")
        for module in SECRET_SIDE
    ),
    (
        "relay-cannot-open",
        {
            "server/planted.py": "import protocol.planted_between",
            "protocol/planted_between.py": "import crypto.planted_door",
            "crypto/planted_door.py": "from crypto import recordbox",
        },
    ),
    ("one-hpke", {"crypto/planted.py": "from crypto import _hpke"}),
    ("one-hpke", {"client/core/planted.py": "import crypto._hpke"}),
    ("one-crypto", {"protocol/planted.py": "import cryptography"}),
    ("one-crypto", {"server/planted.py": "from cryptography.hazmat import primitives"}),
    ("one-crypto", {"client/planted.py": "import nacl.bindings"}),
    ("one-codec", {"crypto/planted.py": "import cbor2"}),
    ("one-codec", {"client/planted.py": "from cbor2 import loads"}),
]


def lint(tree: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    chosen = (part for contract in contracts for part in ("--contract", contract))
    return subprocess.run(  # noqa: S603 - the project's own tool
        [LINT, "--no-cache", *chosen],
        cwd=tree,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("contracts") / "tree"
    for package in PACKAGES:
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tree / package, ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


def test_every_contract_holds() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_has_a_planted_violation() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {c["id"] for c in settings["tool"]["importlinter"]["contracts"]}
    assert contracts == {contract for contract, _ in PLANTED}


@pytest.mark.parametrize(
    ("contract", "files"),
    PLANTED,
    ids=[f"{contract}-{'-'.join(files.values())}" for contract, files in PLANTED],
)
def test_a_planted_violation_breaks_its_contract(
    copied: Path, contract: str, files: dict[str, str]
) -> None:
    try:
        for name, line in files.items():
            (copied / name).write_text(f"{line}\n", encoding="utf-8")
        done = lint(copied, contract)
    finally:
        for name in files:
            (copied / name).unlink()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout
    assert "planted" in done.stdout
