"""The root document: the one thing a client believes before it knows anything.

Its hash is on paper at each post.  It names everybody else: operators, logs,
witnesses, relay, archive, and the policy.  Version k+1 is made by the threshold of
k and of k+1 (:mod:`protocol.trusted_root`), so holders, suite and policy change
without a new sheet of paper.

An :class:`Extension` is signed in advance, by a threshold of its own, and kept with
the operators: published in a crisis it gives one root document 30 more days.

Source: docs/spec/root-and-directory.md section 2, after the rules of TUF 1.0
(threshold, chain, rollback, freeze, expiry) in our own record format
(docs/decisions/0009-own-record-format-with-tufs-rules.md).
"""

from typing import Annotated, Final, Literal, NamedTuple

from msgspec import Meta

from crypto.sign import Realm
from crypto.suite import SuiteId
from protocol.codec import Message
from protocol.directory_entry import Action
from protocol.directory_rules import RULES
from protocol.fields import (
    V1,
    Bytes32,
    DigestField,
    Line,
    MailboxField,
    Name,
    PublicKeyField,
    Time,
    UInt8,
)
from protocol.fields import Sequence as Version
from protocol.policy import Policy
from protocol.signed import SignatureKey
from protocol.witness_policy import WitnessPolicy

DAY: Final = 86_400  # seconds
EXTENSION: Final = 30 * DAY  # what an emergency extension adds, once

Address = Annotated[str, Meta(pattern=r"\A(https|wss)://[!-~]{1,200}\Z")]
Origin = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9./-]{0,99}\Z")]
ClientVersion = Annotated[str, Meta(pattern=r"\A\d{1,4}\.\d{1,4}\.\d{1,4}\Z")]


class OpenSuite(NamedTuple):
    """A suite that is no longer sealed with, and until when it is opened."""

    suite: SuiteId
    until: Time


class Threshold(NamedTuple):
    """How many operators an action needs: never below the rule's own number."""

    action: Action
    operators: UInt8


class LogKey(NamedTuple):
    """One of the relay's two logs: the origin line and the Ed25519 note key."""

    origin: Origin
    public: Bytes32


class RelayIdentity(Message):
    """Whom a terminal talks to, and how it knows it."""

    key: SignatureKey  # signs the day keys of sessions (usage ``relaykey``)
    tls_pin: Bytes32  # SHA-256 of the certificate's SubjectPublicKeyInfo
    addresses: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=8)]


class ArchiveKey(Message):
    """A quarter's archive: a KEM key whose seed is split among a quorum."""

    suite: SuiteId
    public: PublicKeyField
    mailbox: MailboxField
    start: Time
    until: Time  # two quarters overlap


class RootDocument(Message):
    """The signed document of usage ``root``."""

    v: V1
    version: Version
    prev: DigestField  # H of the version before; zeros in version 1
    ministry: Name
    realm: Literal["koerier", "koerier-demo"]
    issued: Time
    expires: Time
    suite: SuiteId
    opens: Annotated[tuple[OpenSuite, ...], Meta(max_length=4)] = ()
    root_keys: Annotated[tuple[SignatureKey, ...], Meta(min_length=1, max_length=9)]
    root_threshold: UInt8
    emergency_threshold: UInt8
    operators: Annotated[tuple[SignatureKey, ...], Meta(min_length=2, max_length=16)]
    thresholds: Annotated[tuple[Threshold, ...], Meta(max_length=len(Action))] = ()
    key_log: LogKey
    message_log: LogKey
    witnesses: WitnessPolicy
    relay: RelayIdentity
    archive: Annotated[tuple[ArchiveKey, ...], Meta(max_length=4)] = ()
    policy: Policy
    min_client: ClientVersion


class Extension(Message):
    """Emergency: 30 more days for one root document, once (usage ``root``)."""

    v: V1
    extends: DigestField  # H(root document)
    reason: Line


def realm_of(root: RootDocument) -> Realm:
    """Return the realm whose signatures count under ``root``."""
    return Realm(root.realm.encode())


def operators_needed(root: RootDocument, action: Action) -> int:
    """Return how many distinct operators ``action`` needs under ``root``."""
    raised = dict(root.thresholds)
    return max(RULES[action].operators, raised.get(action, 0))


def suite_until(root: RootDocument, suite: SuiteId) -> int | None:
    """Return when what is of ``suite`` is no longer opened.

    None for the suite that is sealed with; 0 for one that the root does not name.
    """
    if suite is root.suite:
        return None
    return next((old.until for old in root.opens if old.suite is suite), 0)


def suites_opened(root: RootDocument, witnessed: int) -> frozenset[SuiteId]:
    """Return the suites of envelopes that are opened at a witnessed time (B16)."""
    untils = ((suite, suite_until(root, suite)) for suite in SuiteId)
    return frozenset(s for s, until in untils if until is None or witnessed < until)
