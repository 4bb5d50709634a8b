"""Does a root document agree with itself: what no signature can make right.

The holders may decide much, but not that one of them is enough in earnest, that a
key serves two purposes, or that a quorum can never be reached.  A document that
fails here is refused whatever its signatures.

Source: docs/spec/root-and-directory.md section 2.
"""

import enum
from typing import Final

from crypto.errors import KeyFormatError
from crypto.kem import parse_public
from crypto.notekey import NoteAlgorithm, NoteVerifyKey
from crypto.sign import Realm
from protocol.directory_entry import Action
from protocol.errors import BindingError, VerificationError
from protocol.policy import contradictions
from protocol.root import DAY, RootDocument, operators_needed, realm_of
from protocol.witness_policy import cosigner

MAX_LIFE: Final = 396 * DAY  # of a root document: 13 months
EARNEST_THRESHOLD: Final = 2  # holders, and witnesses: no single one in earnest
EARNEST_OPERATORS: Final = 3  # losing one leaves two


class Contradiction(enum.StrEnum):
    """Where a root document contradicts itself (ROOT-5, ROOT-6)."""

    HOLDERS = "holders"
    OPERATORS = "operators"
    WITNESSES = "witnesses"
    KEYS = "keys"
    LIFE = "life"
    SUITES = "suites"
    POLICY = "policy"


def check_root(root: RootDocument) -> None:
    """Return if the document could be anybody's root.

    Raises:
        VerificationError: a threshold or quorum that cannot be met or lets one
            decide in earnest, a key in two roles (NAME-5), a policy with holes, a
            life that is too long.
        BindingError: a key of log, witness or archive that is refused (B15).
    """
    if contradictions_of(root):
        raise VerificationError("the root document contradicts itself")
    try:
        _parse_keys(root)
    except KeyFormatError:
        raise BindingError("B15") from None


def contradictions_of(root: RootDocument) -> tuple[Contradiction, ...]:
    """Return where the document contradicts itself, for whoever makes one."""
    rules = {
        Contradiction.HOLDERS: _holders_suffice(root),
        Contradiction.OPERATORS: _operators_suffice(root),
        Contradiction.WITNESSES: _witnesses_suffice(root),
        Contradiction.KEYS: _keys_have_one_purpose(root),
        Contradiction.LIFE: root.issued < root.expires <= root.issued + MAX_LIFE,
        Contradiction.SUITES: _suites_agree(root),
        Contradiction.POLICY: not contradictions(root.policy),
    }
    return tuple(rule for rule, holds in rules.items() if not holds)


def _holders_suffice(root: RootDocument) -> bool:
    floor = EARNEST_THRESHOLD if realm_of(root) is Realm.KOERIER else 1
    holders = len(root.root_keys)
    return (
        floor <= root.root_threshold <= holders
        and floor <= root.emergency_threshold <= holders
    )


def _operators_suffice(root: RootDocument) -> bool:
    operators = len(root.operators)
    named = [threshold.action for threshold in root.thresholds]
    enough = operators >= EARNEST_OPERATORS or realm_of(root) is not Realm.KOERIER
    return (
        enough
        and len(set(named)) == len(named)
        and all(operators_needed(root, action) <= operators for action in Action)
    )


def _witnesses_suffice(root: RootDocument) -> bool:
    """Tell whether the quorum can be reached, with a mirror, by different keys."""
    witnesses = root.witnesses.witnesses
    floor = EARNEST_THRESHOLD if realm_of(root) is Realm.KOERIER else 1
    organisations = {witness.organisation for witness in witnesses}
    return (
        floor <= root.witnesses.quorum <= len(organisations)
        and any(witness.mirror for witness in witnesses)
        and len({witness.name for witness in witnesses}) == len(witnesses)
        and len({witness.mldsa44 for witness in witnesses}) == len(witnesses)
    )


def _keys_have_one_purpose(root: RootDocument) -> bool:
    composite = [*root.root_keys, *root.operators, root.relay.key]
    notes = [root.key_log.public, root.message_log.public]
    notes += [witness.ed25519 for witness in root.witnesses.witnesses]
    return (
        len({key.public for key in composite}) == len(composite)
        and len(set(notes)) == len(notes)
        and root.key_log.origin != root.message_log.origin
    )


def _suites_agree(root: RootDocument) -> bool:
    suites = [root.suite, *(opened.suite for opened in root.opens)]
    keys = (*root.root_keys, *root.operators, root.relay.key)
    return (
        len(set(suites)) == len(suites)
        and all(key.suite in suites for key in keys)
        and all(archive.suite in suites for archive in root.archive)
        and all(archive.start < archive.until for archive in root.archive)
    )


def _parse_keys(root: RootDocument) -> None:
    for log in (root.key_log, root.message_log):
        NoteVerifyKey.parse(NoteAlgorithm.ED25519, log.public)
    for witness in root.witnesses.witnesses:
        for algorithm in NoteAlgorithm:
            cosigner(witness, algorithm)
    for archive in root.archive:
        parse_public(archive.suite, archive.public)
