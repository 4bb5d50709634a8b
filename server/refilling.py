"""The work of ``koerier-relay refill``: ask, verify, then one transaction."""

from collections.abc import Mapping

from crypto.entropy import Entropy
from server.admin_client import call
from server.alone import alone
from server.app import INCARNATION
from server.config import Home, RelayConfig
from server.founding import read_root
from server.refill import RefillError, Sources, recover
from server.services.refill import refill as refill_store
from server.storage.opening import open_store


async def refill(
    home: Home, config: RelayConfig, sources: Sources, entropy: Entropy
) -> Mapping[str, object]:
    """Fill the store of ``home`` from its witnesses; return what was done, as JSON.

    Raises:
        ConfigError: no root document, or another process works in this home.
        RefillError: a relay runs in this home, or the logs cannot be recovered.
        StoreError: the disk.
    """
    home.create()  # what was lost may be all but keys and configuration
    if (await call(home.socket, "/status"))[0] is not None:
        raise RefillError("a relay runs in this home: stop it first")
    first, root = read_root(home.roots)
    logs = await recover(first, root, sources)
    fresh = entropy(INCARNATION)
    with alone(home):
        store = await open_store(config.database, home.path)
        try:
            filled = await store.write(lambda tables: refill_store(tables, logs, fresh))
        finally:
            await store.close()
    return {
        "format": "koerier-relay-refill/1",
        "logs": {
            log.name.lower(): {"kept": one.kept, "size": one.size}
            for log, one in filled.items()
        },
    }
