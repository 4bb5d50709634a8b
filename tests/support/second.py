"""A second terminal of a post, enrolled on paper: before anybody is connected.

The commands are those of the drill ``second-terminal`` in docs/operations.md, with the
post's paper key in place of a live terminal.
"""

import subprocess
from pathlib import Path
from typing import Final

from client.demo.ministry import JAKARTA, Ministry, Unit
from client.demo.processes import command, run
from client.operator.addition import Position
from protocol.codec import encode
from protocol.key_log_entry import read_leaf, read_signed

# Its home, its agent and its passphrase are named like those of a post.
SECOND: Final = Unit("jakarta-2", "", "", "F. Smit")


def add_second(ministry: Ministry) -> None:
    """Enrol SECOND at Jakarta, the only thing that happened there since it enrolled."""
    papers, root = ministry.folder / "papers", ministry.folder / "root.cbor"
    first = read_signed(read_leaf((papers / "jakarta.entry").read_bytes()).body)
    where = Position(
        v=1,
        root=read_signed(root.read_bytes()).digest,
        post=JAKARTA.post,
        version=2,
        prev=first.digest,
        number=2,
    )
    (papers / "jakarta.position").write_bytes(encode(where))
    invite, request, proposal, agreed, entry = (
        papers / f"{SECOND.post}.{kind}"
        for kind in ("invite", "request", "proposal", "agreed", "entry")
    )
    anna, bram = (ministry.folder / "operators" / name for name in ("anna", "bram"))
    home = ministry.terminal(SECOND)
    run(
        command(
            *("koerier", "--home", anna, "operator", "invite", "--root", root),
            *("--terminal", "--position", papers / "jakarta.position", "--out", invite),
        )
    )
    run(
        command(
            *("koerier", "--home", home, "terminal", "init", "--demo"),
            *("--invite", invite, "--root", root, "--relay", ministry.address),
            *(*ministry.elsewhere, "--member", SECOND.member, "--out", request),
        ),
        passphrase=ministry.passphrase(f"terminal-{SECOND.post}"),
    )
    run(
        command(
            *("koerier", "--home", anna, "operator", "propose", request),
            *("--root", root, "--level", "Stg.G", "--out", proposal),
        ),
        passphrase=ministry.passphrase("anna"),
    )
    _consent(ministry.terminal(JAKARTA), proposal, agreed)
    run(
        command(
            *("koerier", "--home", bram, "operator", "approve", agreed),
            *("--root", root, "--out", entry),
        ),
        passphrase=ministry.passphrase("bram"),
    )


def _consent(home: Path, proposal: Path, agreed: Path) -> None:
    with (home / "paper-key.txt").open("rb") as sheet:
        subprocess.run(  # noqa: S603 -- our own program
            command(
                *("koerier", "--home", home, "terminal", "consent", proposal),
                *("--paper", "--sheet-fd", sheet.fileno(), "--out", agreed),
            ),
            pass_fds=(sheet.fileno(),),
            check=True,
            capture_output=True,
        )
