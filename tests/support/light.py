"""Locked files with little work: the floor itself is tested with the vault."""

from functools import partial
from typing import Final

import pytest

from client.cli import vault
from client.operator import keyfile
from client.vault import locked, making, opening, restore
from crypto.passphrase import WorkFloor

LIGHT: Final = WorkFloor(passes=1, memory_kib=64)
_USED: Final = {
    "lock": (keyfile, making),
    "unlock": (keyfile, opening, restore),
    "relock": (vault,),
}


def make_light(patch: pytest.MonkeyPatch) -> None:
    """Let this process derive keys with little work until the patch is undone."""
    for name, modules in _USED.items():
        easy = partial(getattr(locked, name), floor=LIGHT)
        for module in modules:
            patch.setattr(module, name, easy)
