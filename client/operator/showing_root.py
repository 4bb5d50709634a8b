"""What a root holder is about to sign, as sentences made from the very bytes.

Every field of the document has its sentence: a test changes each one and asks for
another page.  Keys are shown by their names in words, which is what people compare by
voice; the document's own hash stands on the first line and on the paper.
"""

from collections.abc import Iterator
from typing import Final

from client.harmless import harmless
from client.operator.fingerprint import short_words
from client.operator.policyfile import policy_fields
from client.operator.showing import Sentence
from client.present import iso
from crypto.digest import H
from protocol.label import SHORT, Level
from protocol.policy import Policy
from protocol.root import DAY, EXTENSION, Extension, LogKey, RootDocument
from protocol.signed import SignatureKey
from protocol.trusted_root import TrustedRoot
from protocol.witness_policy import WitnessKey

_LEVELS: Final = frozenset({"ceiling", "standing"})  # fields of the policy


def root_sentences(root: RootDocument) -> list[Sentence]:
    """Return what a root document says, a sentence each, in its own order."""
    return [
        *_head(root),
        *_people(root),
        *_services(root),
        *_policy(root.policy),
    ]


def extension_sentences(extension: Extension, current: TrustedRoot) -> list[Sentence]:
    """Return what an emergency extension of ``current`` does."""
    return [
        (
            "root-show.extension",
            {
                "version": current.document.version,
                "prev": extension.extends.hex(),
                "until": iso(current.document.expires + EXTENSION),
                "needed": current.document.emergency_threshold,
            },
        ),
        ("root-show.reason", {"reason": harmless(extension.reason)}),
    ]


def key_words(key: SignatureKey) -> str:
    """Return the words by which a key is compared."""
    return short_words(key.parsed().id)


def _head(root: RootDocument) -> Iterator[Sentence]:
    yield (
        "root-show.head",
        {
            "ministry": harmless(root.ministry),
            "realm": root.realm,
            "version": root.version,
        },
    )
    yield "root-show.prev", {"prev": root.prev.hex()}
    yield (
        "root-show.life",
        {
            "issued": iso(root.issued),
            "expires": iso(root.expires),
            "days": (root.expires - root.issued) // DAY,
        },
    )
    yield "root-show.suite", {"suite": root.suite.name, "least": root.min_client}
    for opened in root.opens:
        yield (
            "root-show.opens",
            {"suite": opened.suite.name, "until": iso(opened.until)},
        )


def _people(root: RootDocument) -> Iterator[Sentence]:
    yield (
        "root-show.holders",
        {
            "count": len(root.root_keys),
            "needed": root.root_threshold,
            "emergency": root.emergency_threshold,
        },
    )
    for key in root.root_keys:
        yield "root-show.holder", {"key": key_words(key), "suite": key.suite.name}
    yield "root-show.operators", {"count": len(root.operators)}
    for key in root.operators:
        yield "root-show.operator", {"key": key_words(key), "suite": key.suite.name}
    for threshold in root.thresholds:
        parts = {"action": threshold.action.name, "needed": threshold.operators}
        yield "root-show.threshold", parts


def _services(root: RootDocument) -> Iterator[Sentence]:
    relay = root.relay
    yield (
        "root-show.relay",
        {
            "key": key_words(relay.key),
            "suite": relay.key.suite.name,
            "pin": short_words(relay.tls_pin),
            "addresses": ", ".join(relay.addresses),
        },
    )
    for code, log in (("key-log", root.key_log), ("message-log", root.message_log)):
        yield f"root-show.{code}", _log(log)
    witnesses = root.witnesses
    yield (
        "root-show.witnesses",
        {"count": len(witnesses.witnesses), "quorum": witnesses.quorum},
    )
    for witness in witnesses.witnesses:
        yield _witness(witness)
    for archive in root.archive:
        yield (
            "root-show.archive",
            {
                "key": short_words(H(archive.public)),
                "suite": archive.suite.name,
                "mailbox": archive.mailbox.hex(),
                "start": iso(archive.start),
                "until": iso(archive.until),
            },
        )


def _log(log: LogKey) -> dict[str, object]:
    return {"origin": log.origin, "key": short_words(H(log.public))}


def _witness(witness: WitnessKey) -> Sentence:
    code = "root-show.mirror" if witness.mirror else "root-show.witness"
    keys = H(witness.ed25519 + witness.mldsa44)  # of two fixed lengths
    return code, {
        "name": witness.name,
        "organisation": harmless(witness.organisation),
        "key": short_words(keys),
        "address": witness.address,
    }


def _policy(policy: Policy) -> Iterator[Sentence]:
    yield "root-show.policy", {}
    for field, value in policy_fields(policy).items():
        shown = value
        if field in _LEVELS:
            shown = SHORT[Level(value)]
        elif field == "deadlines":
            shown = ", ".join(map(str, value))
        yield f"policy.{field.replace('_', '-')}", {"value": shown}
    for rule in policy.levels:
        yield (
            "policy.level",
            {
                "level": SHORT[rule.level],
                "freshness": rule.freshness,
                "second": rule.second_member,
                "archive": rule.archive,
            },
        )
    for row in policy.equivalences:
        yield (
            "policy.equivalence",
            {
                "scheme": row.scheme,
                "marking": harmless(row.marking),
                "level": SHORT[row.level],
            },
        )
