"""A terminal's core over any vault and any key sheet, as the agent makes it."""

from client.core.beliefs import Beliefs
from client.core.identity import Identity
from client.core.machine import Machine
from client.core.ports import Vault
from client.core.seeds import Seeds
from client.core.station import Station
from client.core.sync import Sync, restore
from crypto.entropy import Entropy
from crypto.sign import SigningKey
from protocol.key_log_entry import read_leaf, read_signed
from tests.support.ministry import Ministry, OwnPost


def machine_over(  # noqa: PLR0913 -- a core's five parts, and a key that waits
    ministry: Ministry,
    post: OwnPost,
    vault: Vault,
    seeds: Seeds,
    entropy: Entropy,
    *,
    following: SigningKey | None = None,
) -> Machine:
    """Return the core of a post's terminal with what its vault remembers.

    ``following``: the key that it drew to follow its own.
    """
    root = ministry.directory.root
    pin = read_signed(read_leaf(ministry.leaves[0]).body).digest
    beliefs = Beliefs.of_root(root)
    restore(vault, beliefs, pin, root.realm)
    identity = Identity(
        realm=root.realm,
        post=post.post,
        terminal=post.terminal.key,
        member=post.member,
        next_terminal=following,
    )
    station = Station(vault, seeds, identity, beliefs, entropy)
    return Machine(station, Sync(vault, beliefs, pin, root.realm))
