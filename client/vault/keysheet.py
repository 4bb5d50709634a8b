"""The key sheet: prekey seeds, kept apart so that they can be erased.

A seed must be gone after its use, also from the disk.  So all of them stand in one
small file, sealed under a key of its own, the *erase key*; erasing a seed writes a
new sheet under a new erase key and forgets the old key.  What remains of the old
sheet on the medium is then ciphertext without a key (on flash the old erase key
may survive in a spare block; it is itself sealed under the vault key).

Order of writing, and what a crash there means:

1. ``sheet-<n+1>`` under the new erase key; a crash: sheet n is current, n+1 litter.
2. ``erase`` replaced, naming n+1: the commit point.
3. ``sheet-<n>`` removed; a crash before it: litter that the next opening removes.
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from client.core.seeds import Seed, SeedList
from client.files import write_atomic
from crypto.entropy import Entropy
from crypto.errors import OpenError
from crypto.recordbox import open_box, seal_box
from crypto.types import PrekeyId, Secret
from protocol.codec import Message, decode, encode
from protocol.errors import MalformedError
from protocol.fields import V1, Bytes32, UInt48

_KEY_BYTES: Final = 32
_MAX_SHEET: Final = 1024 * 1024  # bytes: 14 days of prekeys take about 60 KiB


class KeySheetError(Exception):
    """The sheet or its erase key does not open: damaged, or of another vault."""


class _Sheet(Message):
    v: V1
    seeds: SeedList = ()


class _EraseKey(Message):
    v: V1
    number: UInt48
    key: Bytes32


class KeySheet:
    """The seeds in memory, and the file that mirrors them."""

    def __init__(self, folder: Path, vault_key: Secret, entropy: Entropy) -> None:
        """Open the sheet in ``folder``, making an empty one if there is none.

        Raises:
            KeySheetError: it is there and does not open.
        """
        self._folder = folder
        self._vault_key = vault_key
        self._entropy = entropy
        self._seeds: dict[PrekeyId, Seed] = {}
        self._number = 0  # of the sheet that counts
        self._tried = 0  # of the last one that was begun
        if self._erase_file.exists():
            self._load()
            self._remove_litter()
        else:
            self._write({})

    def seed(self, kid: PrekeyId) -> Seed | None:
        """Return the seed of a prekey, or None if it is gone or was never ours."""
        return self._seeds.get(kid)

    def seeds(self) -> list[Seed]:
        """Return all seeds that are left."""
        return list(self._seeds.values())

    def add(self, seeds: Iterable[Seed]) -> None:
        """Keep new seeds, durably, before their public halves are published.

        Raises:
            OSError: none of them is kept.
        """
        self._write({**self._seeds, **{PrekeyId(seed.kid): seed for seed in seeds}})

    def erase(self, kids: Collection[PrekeyId]) -> None:
        """Erase seeds; those that are gone already do not matter.

        Raises:
            OSError: all of them are still there; ask again.
        """
        if not self._seeds.keys() & set(kids):
            return
        gone = set(kids)
        self._write({k: seed for k, seed in self._seeds.items() if k not in gone})

    @property
    def _erase_file(self) -> Path:
        return self._folder / "erase"

    def _sheet_file(self, number: int) -> Path:
        return self._folder / f"sheet-{number}"

    def _load(self) -> None:
        try:
            erase = decode(
                open_box(self._vault_key, b"erase", b"", self._erase_file.read_bytes()),
                _EraseKey,
            )
            box = self._sheet_file(erase.number).read_bytes()
            opened = open_box(
                Secret(erase.key), b"sheet", str(erase.number).encode(), box
            )
            sheet = decode(opened, _Sheet, limit=_MAX_SHEET)
        except (OSError, OpenError, MalformedError):
            raise KeySheetError from None
        self._number = self._tried = erase.number
        self._seeds = {PrekeyId(seed.kid): seed for seed in sheet.seeds}

    def _write(self, seeds: dict[PrekeyId, Seed]) -> None:
        # A write that failed may be durable all the same: its number is never used
        # again, so that whichever sheet the erase key names is there whole.
        number = self._tried = self._tried + 1
        key = self._entropy(_KEY_BYTES)
        sheet = _Sheet(v=1, seeds=tuple(seeds.values()))
        box = seal_box(
            Secret(key), b"sheet", str(number).encode(), encode(sheet), self._entropy
        )
        write_atomic(self._sheet_file(number), box)
        erase = encode(_EraseKey(v=1, number=number, key=key))
        write_atomic(
            self._erase_file,
            seal_box(self._vault_key, b"erase", b"", erase, self._entropy),
        )
        self._number, self._seeds = number, seeds
        self._remove_litter()

    def _remove_litter(self) -> None:
        current = self._sheet_file(self._number)
        for file in self._folder.glob("sheet-*"):
            if file != current:
                file.unlink()
