"""A command without an agent: the vault is opened for this one command, offline.

Compose, queue and read work; what is queued leaves when the agent runs.  The vault's
lock keeps two processes apart.
"""

from client.agent.terminal import OpenTerminal
from client.clock import SystemClock
from client.home import Home
from client.vault.destroying import finish, zeroise
from client.vault.opening import open_vault
from crypto.entropy import Entropy


def open_alone(
    home: Home, passphrase: str, entropy: Entropy, member: str | None = None
) -> OpenTerminal:
    """Return the unlocked terminal; the caller closes it.

    Raises:
        HomeError: it does not open, another process has it, or it was zeroised.
    """
    finish(home)
    clock = SystemClock()
    vault = open_vault(home, passphrase, clock, entropy, member=member)
    try:
        terminal = OpenTerminal(home, vault, clock, entropy)
    except BaseException:
        vault.close()
        raise
    if terminal.zeroised:  # the order came, and this is the first start since
        vault.close()
        zeroise(home)
    return terminal
