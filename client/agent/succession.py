"""Root documents that a terminal missed: found at the mirrors, kept in its home.

A terminal that was away while the relay's certificate or identity was rotated knows
the old ones; what answers it is then "not the relay of the root document".  Before
anybody is told so, the mirrors are asked for the entries of the key log behind ours:
whatever root documents are among them prove themselves, by the holders of the version
before.  The newest one says whom to connect to, and nothing else: it is believed, with
everything that it names, when it is adopted under a witnessed checkpoint as ever
(docs/decisions/0035-how-a-new-root-is-followed.md).

A mirror can lie only by silence; then the next one is asked.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from client.files import write_atomic
from client.home import Home
from client.net.witness import SilentError, ask_entries
from client.operator.rootfile import read_chain
from protocol.errors import ProtocolError
from protocol.key_log_entry import LeafKind, read_leaf
from protocol.limits import ENTRY_COST, MAX_UNCOVERED
from protocol.root_chain import leading_root
from protocol.root_file import chain, write_roots
from protocol.trusted_root import TrustedRoot
from protocol.witness_policy import WitnessKey

Ask = Callable[[str, str, int], Awaitable[tuple[bytes, ...]]]
MAKE_ROOT: Final = frozenset({LeafKind.ROOT, LeafKind.EXTENSION})


class Succession:
    """Looks for the root documents behind the one that a terminal follows."""

    def __init__(self, home: Home, ask: Ask = ask_entries) -> None:
        self._home = home
        self._ask = ask
        self.found: TrustedRoot | None = None  # newer than any that was adopted yet

    def leading(self, adopted: TrustedRoot) -> TrustedRoot:
        """Return whom to connect to: the newest root document that proved itself."""
        found = self.found
        if found is None or found.document.version <= adopted.document.version:
            return adopted
        return found

    async def look(self, adopted: TrustedRoot, size: int) -> bool:
        """Ask the mirrors; True: another relay is to be connected to than before.

        Args:
            adopted: the root document that is followed.
            size: entries of the key log that were adopted.
        """
        before = self.leading(adopted)
        for mirror in before.document.witnesses.witnesses:
            if mirror.mirror:
                root = await self._behind(mirror, adopted, size)
                if root.document.version > before.document.version:
                    self.found = root
                    return root.document.relay != before.document.relay
        return False

    async def _behind(
        self, mirror: WitnessKey, adopted: TrustedRoot, size: int
    ) -> TrustedRoot:
        address = self._home.config().witnesses.get(mirror.name, mirror.address)
        origin = adopted.document.key_log.origin
        root, room = adopted, MAX_UNCOVERED
        try:
            while room > 0 and (page := await self._ask(address, origin, size)):
                root = leading_root(root, page)
                size += len(page)
                room -= sum(len(leaf) + ENTRY_COST for leaf in page)
        except SilentError:
            pass  # what it said before stands
        return root


def keep_roots(home: Home, root: TrustedRoot, leaves: Iterable[bytes]) -> None:
    """Let the home start from ``root``, which was adopted, where it is newer.

    What is done without a session then knows whom to expect: the doctor, and the first
    connection after a restart.

    Args:
        home: of the terminal.
        root: in force in its directory.
        leaves: of the adopted key log, from the first.
    """
    kept, roots = read_chain(home.root_file)
    if roots[-1].document.version >= root.document.version:
        return
    found = [kept[0]]
    for leaf in leaves:
        try:
            entry = read_leaf(leaf)
            if entry.kind in MAKE_ROOT:
                chain((*found, leaf), realm=root.realm)
                found.append(leaf)
        except ProtocolError:
            continue  # it counts for nothing, here as in the directory
    # A crash before the rename: the older file, and the next start writes it again.
    write_atomic(home.root_file, write_roots(found))
