"""Founding: the first root document, from the public parts of everyone it names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from client.home import HomeError
from crypto.sign import Realm
from crypto.suite import SuiteId
from crypto.types import ZERO_DIGEST, Digest, PublicKey
from protocol.policy import DEMO
from protocol.root import LogKey, RelayIdentity, RootDocument
from protocol.signed import SignatureKey
from protocol.witness_policy import WitnessKey, WitnessPolicy

RELAY_FORMAT = "koerier-relay-public/1"
WITNESS_FORMAT = "koerier-witness-public/1"
LIFE = 390 * 86_400  # seconds: a little under the 13 months that a root may live


@dataclass(frozen=True, slots=True)
class Parts:
    """What the holders were given."""

    ministry: str
    realm: Realm
    holders: Sequence[SignatureKey]
    threshold: int
    operators: Sequence[SignatureKey]
    relay: dict[str, Any]  # relay-public.json
    address: str  # host:port
    witnesses: Sequence[tuple[dict[str, Any], str]]  # public part, URL
    quorum: int


def founding_document(parts: Parts, now: int) -> RootDocument:
    """Return version 1 of the root document, to be signed.

    Raises:
        HomeError: a public part lacks something.
    """
    try:
        return _document(parts, now)
    except (KeyError, TypeError, ValueError):
        raise HomeError(
            "operator.bad-file", file=parts.ministry, kind=RELAY_FORMAT
        ) from None


def _document(parts: Parts, now: int) -> RootDocument:
    relay = parts.relay
    suite = SuiteId(relay["suite"])
    return RootDocument(
        v=1,
        version=1,
        prev=ZERO_DIGEST,
        ministry=parts.ministry,
        realm="koerier" if parts.realm is Realm.KOERIER else "koerier-demo",
        issued=now,
        expires=now + LIFE,
        suite=suite,
        root_keys=tuple(parts.holders),
        root_threshold=parts.threshold,
        emergency_threshold=parts.threshold,
        operators=tuple(parts.operators),
        key_log=_log(relay["key_log"]),
        message_log=_log(relay["message_log"]),
        witnesses=WitnessPolicy(
            witnesses=tuple(_witness(*witness) for witness in parts.witnesses),
            quorum=parts.quorum,
        ),
        relay=RelayIdentity(
            key=SignatureKey(suite, PublicKey(bytes.fromhex(relay["identity"]))),
            tls_pin=Digest(bytes.fromhex(relay["tls_pin"])),
            addresses=(f"wss://{parts.address}",),
        ),
        policy=DEMO,
        min_client="0.1.0",
    )


def _log(found: dict[str, str]) -> LogKey:
    return LogKey(found["origin"], bytes.fromhex(found["public"]))


def _witness(found: dict[str, Any], address: str) -> WitnessKey:
    return WitnessKey(
        name=found["name"],
        organisation=found.get("organisation", found["name"]),
        ed25519=bytes.fromhex(found["ed25519"]),
        mldsa44=PublicKey(bytes.fromhex(found["mldsa44"])),
        address=address,
        mirror=int(found.get("mirror", 1)),
    )
