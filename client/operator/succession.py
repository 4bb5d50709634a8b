"""The next root document: the one in force, and what changes in it.

Holders, operators, relay, witnesses, thresholds, policy and end may change; the realm
never.  What is not named stays as it is, so that a document says no more than its
holders discussed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from client.home import HomeError
from client.operator.fingerprint import bytes_of
from client.operator.founding import LIFE, relay_parts
from protocol.policy import Policy
from protocol.root import RootDocument
from protocol.signed import SignatureKey
from protocol.trusted_root import TrustedRoot
from protocol.witness_policy import WitnessKey, WitnessPolicy

LEAST: int = 6  # bytes of a key's name that must be given to drop it


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different; None and empty: as it was."""

    add_holders: Sequence[SignatureKey] = ()
    drop_holders: Sequence[str] = ()  # the beginning of a key's name, hex or words
    threshold: int | None = None
    emergency: int | None = None
    add_operators: Sequence[SignatureKey] = ()
    drop_operators: Sequence[str] = ()
    relay: dict[str, Any] | None = None  # relay-public.json
    addresses: Sequence[str] = ()  # host:port
    witnesses: Sequence[WitnessKey] = ()  # of a name that is there: instead of it
    drop_witnesses: Sequence[str] = ()  # names
    quorum: int | None = None
    policy: Policy | None = None
    life: int = LIFE  # seconds


def next_document(current: TrustedRoot, changes: Changes, now: int) -> RootDocument:
    """Return the version after ``current``, to be signed by its holders and by the old.

    Raises:
        HomeError: something that is to go is not there, or a public part lacks
            something.
    """
    old = current.document
    document = structs.replace(
        old,
        version=old.version + 1,
        prev=current.digest,
        issued=now,
        expires=now + changes.life,
        root_keys=_keys(old.root_keys, changes.add_holders, changes.drop_holders),
        root_threshold=changes.threshold or old.root_threshold,
        emergency_threshold=changes.emergency or old.emergency_threshold,
        operators=_keys(old.operators, changes.add_operators, changes.drop_operators),
        witnesses=_witnesses(old.witnesses, changes),
        policy=changes.policy or old.policy,
    )
    return _with_relay(document, changes)


def _keys(
    old: Sequence[SignatureKey], added: Sequence[SignatureKey], dropped: Sequence[str]
) -> tuple[SignatureKey, ...]:
    kept = list(old)
    for name in dropped:
        begin = bytes_of(name) or b""
        found = [key for key in kept if key.parsed().id.startswith(begin)]
        if len(begin) < LEAST or len(found) != 1:
            raise HomeError("root.no-key", name=name)
        kept.remove(found[0])
    return (*kept, *added)


def _witnesses(old: WitnessPolicy, changes: Changes) -> WitnessPolicy:
    gone = {*changes.drop_witnesses}
    unknown = gone - {witness.name for witness in old.witnesses}
    if unknown:
        raise HomeError("root.no-witness", name=min(unknown))
    new = {witness.name: witness for witness in changes.witnesses}
    kept = [
        new.pop(witness.name, witness)
        for witness in old.witnesses
        if witness.name not in gone
    ]
    return WitnessPolicy(
        witnesses=(*kept, *new.values()), quorum=changes.quorum or old.quorum
    )


def _with_relay(document: RootDocument, changes: Changes) -> RootDocument:
    hosts = [address.removeprefix("wss://") for address in document.relay.addresses]
    addresses = changes.addresses or hosts
    if changes.relay is None:
        relay = structs.replace(
            document.relay, addresses=tuple(f"wss://{host}" for host in addresses)
        )
        return structs.replace(document, relay=relay)
    relay, key_log, message_log = relay_parts(changes.relay, addresses)
    return structs.replace(
        document, relay=relay, key_log=key_log, message_log=message_log
    )
