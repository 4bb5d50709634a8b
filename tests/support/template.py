"""A ministry that was founded once in a test run, and is copied for each module.

Founding is some twenty key derivations, each slow on purpose.  So it happens once, and
what a module asks for is a copy from before anybody was ever connected.  The relay's
store and what witnesses remember are not copied: they begin anew, on the engine that
the module asks for, and the same entries are logged again.
"""

import re
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from client.demo.ministry import BERN, JAKARTA, POST, TFC, Ministry, Unit
from client.demo.processes import Services, command, run
from client.files import private_folder
from client.home import CONFIG
from client.vault.filelock import HeldError, held
from tests.support.second import SECOND, add_second

UNITS: Final = (TFC, POST, BERN, JAKARTA)
PATIENCE: Final = 600  # seconds that another worker may need to found it
DONE: Final = "founded"


def template(folder: Path, word: Callable[[], str]) -> Path:
    """Return the ministry of this test run, below ``folder``; founded when new."""
    made = folder / "template"
    for _ in range(PATIENCE):
        try:
            with held(folder / "template.lock"):
                if not (made / DONE).exists():
                    shutil.rmtree(made, ignore_errors=True)  # a worker that was killed
                    with Services(private_folder(made / "log")) as services:
                        ministry = Ministry(made, services, word, UNITS)
                        ministry.found()
                        add_second(ministry)
                    (made / DONE).touch()
                return made
        except HeldError:
            threading.Event().wait(1.0)
    raise TimeoutError


def shared(folder: Path) -> Path:
    """Return the folder that all workers of this run have in common."""
    base = folder.parent
    return base.parent if base.name.startswith("popen-") else base


def furnish(
    ministry: Ministry, original: Path, services: Services, database: str | None
) -> None:
    """Make ``ministry`` a copy of the original, its relay and witnesses running."""
    shutil.copytree(
        original,
        ministry.folder,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("run", "*.lock", DONE, "log"),
    )
    for home in (ministry.relay, *ministry.witnesses):
        shutil.rmtree(home / "data")
        for name in ("data", "run"):
            private_folder(home / name)
    for unit in (*UNITS, SECOND):
        private_folder(ministry.terminal(unit) / "run")
    if database is not None:
        set_value(ministry.relay / "relay.toml", "database", database)
    for home in ministry.witnesses:
        services.start(
            home.name,
            command("koerier-witness", "serve", "--home", home),
            home / "run" / "address",
        )
    ministry.address = services.start(
        "relay",
        command(
            "koerier-relay", "serve", "--home", ministry.relay, *ministry.elsewhere
        ),
        ministry.relay / "run" / "address",
    )
    papers = ministry.folder / "papers"
    entries = [papers / f"{unit.post}.entry" for unit in UNITS]
    run(command("koerier-relay", "append", "--home", ministry.relay, *entries))
    _lead(ministry, (*ministry.units, SECOND))


def through(home: Path, address: str) -> None:
    """Let a terminal reach its relay at ``address`` from its next start on."""
    set_value(home / CONFIG, "relay", address)


def _lead(ministry: Ministry, units: Sequence[Unit]) -> None:
    """Tell terminals where this copy's relay and witnesses listen."""
    where = dict(pair.split("=", 1) for pair in ministry.elsewhere[1::2])
    for unit in units:
        config = ministry.terminal(unit) / CONFIG
        set_value(config, "relay", ministry.address)
        for name, url in where.items():
            set_value(config, f'"{name}"', url)


def set_value(file: Path, key: str, value: str) -> None:
    """Give a key of a TOML file, which has it, another text."""
    text, count = re.subn(
        rf"^{re.escape(key)} = .*$",
        f'{key} = "{value}"',
        file.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert count == 1, (file, key)
    file.write_text(text, encoding="utf-8")
