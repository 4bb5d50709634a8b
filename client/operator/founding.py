"""Founding: the first root document, from the public parts of everyone it names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from client.home import HomeError
from crypto.sign import Realm
from crypto.suite import SuiteId
from crypto.types import ZERO_DIGEST, Digest, PublicKey
from protocol.policy import DEMO, Policy
from protocol.root import DAY, LogKey, RelayIdentity, RootDocument, Threshold
from protocol.signed import SignatureKey
from protocol.witness_policy import WitnessKey, WitnessPolicy

RELAY_FORMAT: Final = "koerier-relay-public/1"
WITNESS_FORMAT: Final = "koerier-witness-public/1"
LIFE: Final = 390 * DAY  # seconds: a little under the 13 months that a root may live


@dataclass(frozen=True, slots=True)
class Parts:
    """What the holders were given."""

    ministry: str
    realm: Realm
    holders: Sequence[SignatureKey]
    threshold: int
    operators: Sequence[SignatureKey]
    relay: dict[str, Any]  # relay-public.json
    addresses: Sequence[str]  # of the relay, host:port
    witnesses: Sequence[WitnessKey]
    quorum: int
    emergency: int | None = None  # holders for an extension; None: the threshold
    thresholds: Sequence[Threshold] = ()
    policy: Policy = DEMO
    life: int = LIFE  # seconds


def founding_document(parts: Parts, now: int) -> RootDocument:
    """Return version 1 of the root document, to be signed.

    Raises:
        HomeError: a public part lacks something.
    """
    relay, key_log, message_log = relay_parts(parts.relay, parts.addresses)
    return RootDocument(
        v=1,
        version=1,
        prev=ZERO_DIGEST,
        ministry=parts.ministry,
        realm="koerier" if parts.realm is Realm.KOERIER else "koerier-demo",
        issued=now,
        expires=now + parts.life,
        suite=relay.key.suite,
        root_keys=tuple(parts.holders),
        root_threshold=parts.threshold,
        emergency_threshold=parts.emergency or parts.threshold,
        operators=tuple(parts.operators),
        thresholds=tuple(parts.thresholds),
        key_log=key_log,
        message_log=message_log,
        witnesses=WitnessPolicy(witnesses=tuple(parts.witnesses), quorum=parts.quorum),
        relay=relay,
        policy=parts.policy,
        min_client="0.1.0",
    )


def relay_parts(
    found: dict[str, Any], addresses: Sequence[str]
) -> tuple[RelayIdentity, LogKey, LogKey]:
    """Return what a root document says of the relay, its key log and message log.

    Raises:
        HomeError: the public part lacks something.
    """
    try:
        suite = SuiteId(found["suite"])
        identity = RelayIdentity(
            key=SignatureKey(suite, PublicKey(bytes.fromhex(found["identity"]))),
            tls_pin=Digest(bytes.fromhex(found["tls_pin"])),
            addresses=tuple(f"wss://{address}" for address in addresses),
        )
        return identity, _log(found["key_log"]), _log(found["message_log"])
    except (KeyError, TypeError, ValueError):
        raise HomeError(
            "operator.bad-file", file="relay-public.json", kind=RELAY_FORMAT
        ) from None


def _log(found: dict[str, str]) -> LogKey:
    return LogKey(found["origin"], bytes.fromhex(found["public"]))


def witness_part(
    found: dict[str, Any], address: str, organisation: str | None = None
) -> WitnessKey:
    """Return what a root document says of one witness.

    Args:
        found: its witness-public.json.
        address: where it is asked, ``https://host:port``.
        organisation: who runs it; by default what the public part says, or its name.

    Raises:
        HomeError: the public part lacks something.
    """
    try:
        name = found["name"]
        return WitnessKey(
            name=name,
            organisation=organisation or found.get("organisation", name),
            ed25519=bytes.fromhex(found["ed25519"]),
            mldsa44=PublicKey(bytes.fromhex(found["mldsa44"])),
            address=address,
            mirror=int(found.get("mirror", 1)),
        )
    except (KeyError, TypeError, ValueError):
        raise HomeError(
            "operator.bad-file", file="witness-public.json", kind=WITNESS_FORMAT
        ) from None
