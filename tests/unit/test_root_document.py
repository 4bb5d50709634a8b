import pytest
from msgspec import structs

from crypto.sign import Realm
from crypto.suite import SuiteId
from crypto.types import Mailbox, PublicKey
from protocol.codec import decode, encode
from protocol.directory_entry import Action
from protocol.directory_rules import RULES
from protocol.errors import MalformedError, VerificationError
from protocol.policy import DEMO
from protocol.root import (
    ArchiveKey,
    LogKey,
    OpenSuite,
    RelayIdentity,
    RootDocument,
    Threshold,
    operators_needed,
    suite_until,
)
from protocol.root_check import MAX_LIFE, check_root
from protocol.signed import carried
from protocol.witness_policy import WitnessKey, WitnessPolicy
from tests.support.keys import kem_key
from tests.support.ministry import START, cached_key, root_document
from tests.support.witnesses import WITNESS_POLICY

HOLDERS = [cached_key(SuiteId.S1, f"holder/{n}") for n in range(3)]
OPERATORS = [cached_key(SuiteId.S1, f"operator/{n}") for n in ("anna", "bram", "chris")]
RELAY = cached_key(SuiteId.S1, "relay")
ROOT = root_document(SuiteId.S1, Realm.DEMO, HOLDERS, OPERATORS, RELAY)
OTHER = carried(cached_key(SuiteId.S2, "holder/0"))


def archive(suite: SuiteId, key: bytes, until: int = START + 9) -> ArchiveKey:
    return ArchiveKey(
        suite=suite,
        public=PublicKey(key),
        mailbox=Mailbox(bytes(16)),
        start=START,
        until=until,
    )


W1, W2, _ = WITNESS_POLICY.witnesses


def witnesses(
    which: tuple[WitnessKey, ...] = WITNESS_POLICY.witnesses, quorum: int = 2
) -> WitnessPolicy:
    return WitnessPolicy(witnesses=which, quorum=quorum)


def test_a_sound_document_passes_and_survives_its_encoding() -> None:
    check_root(ROOT)
    assert decode(encode(ROOT), RootDocument) == ROOT


@pytest.mark.parametrize(
    "changes",
    [
        {"root_threshold": 0},
        {"root_threshold": 4},
        {"emergency_threshold": 0},
        {"emergency_threshold": 4},
        {"root_threshold": 1, "realm": "koerier"},
        {"emergency_threshold": 1, "realm": "koerier"},
        {"operators": ROOT.operators[:2], "realm": "koerier"},
        {"thresholds": (Threshold(Action.LIFT, 4),)},
        {"thresholds": (Threshold(Action.LIFT, 3), Threshold(Action.LIFT, 2))},
        {"root_keys": (*ROOT.root_keys, ROOT.root_keys[0])},
        {"operators": (*ROOT.operators, ROOT.root_keys[0])},
        {"relay": structs.replace(ROOT.relay, key=ROOT.operators[0])},
        {"message_log": LogKey(ROOT.key_log.origin, ROOT.message_log.public)},
        {"message_log": LogKey("relay.example/other", ROOT.key_log.public)},
        {"expires": START},
        {"expires": START + MAX_LIFE + 1},
        {"opens": (OpenSuite(SuiteId.S1, START),)},
        {"opens": (OpenSuite(SuiteId.S2, START), OpenSuite(SuiteId.S2, START))},
        {"operators": (*ROOT.operators[:2], OTHER)},
        {"archive": (archive(SuiteId.S1, bytes(1215)),)},
        {"archive": (archive(SuiteId.S2, bytes(1665)),)},
        {"archive": (archive(SuiteId.S1, bytes(1216), until=START),)},
        {"witnesses": witnesses(quorum=0)},
        {"witnesses": witnesses(quorum=4)},
        {"witnesses": witnesses(quorum=1), "realm": "koerier"},
        {"witnesses": witnesses((W1, structs.replace(W2, organisation="BZ")))},
        {"witnesses": witnesses((structs.replace(W1, mirror=0),), quorum=1)},
        {"witnesses": witnesses((W1, structs.replace(W2, name=W1.name)))},
        {"witnesses": witnesses((W1, structs.replace(W2, mldsa44=W1.mldsa44)))},
        {"witnesses": witnesses((W1, structs.replace(W2, ed25519=W1.ed25519)))},
        {"witnesses": witnesses((W1, structs.replace(W2, ed25519=bytes(32))))},
        {"key_log": LogKey("relay.example/key", bytes(32))},
        {"policy": structs.replace(DEMO, epoch=1)},
    ],
    ids="-".join,
)
def test_a_document_that_contradicts_itself_is_refused(
    changes: dict[str, object],
) -> None:
    with pytest.raises(VerificationError):
        check_root(structs.replace(ROOT, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"root_threshold": 1, "emergency_threshold": 1},  # a demo may
        {"operators": ROOT.operators[:2]},  # a demo may
        {"realm": "koerier"},
        {"root_threshold": 3},
        {"thresholds": (Threshold(Action.LIFT, 3),)},
        {"expires": START + MAX_LIFE},
        {
            "opens": (OpenSuite(SuiteId.S2, START),),
            "root_keys": (*ROOT.root_keys, OTHER),
        },
        {"archive": (archive(SuiteId.S1, kem_key(SuiteId.S1).public),)},
        {"witnesses": witnesses((W1,), quorum=1)},
    ],
    ids="-".join,
)
def test_what_the_rules_allow_passes(changes: dict[str, object]) -> None:
    check_root(structs.replace(ROOT, **changes))


def test_a_root_may_ask_more_operators_and_never_fewer() -> None:
    fewer = structs.replace(ROOT, thresholds=(Threshold(Action.ENROL, 1),))
    more = structs.replace(ROOT, thresholds=(Threshold(Action.ENROL, 3),))
    assert operators_needed(ROOT, Action.ENROL) == RULES[Action.ENROL].operators == 2
    assert operators_needed(fewer, Action.ENROL) == 2
    assert operators_needed(more, Action.ENROL) == 3
    assert operators_needed(more, Action.LIFT) == 2


def test_every_action_has_a_rule_of_two_operators() -> None:
    assert RULES.keys() == set(Action)
    assert {rule.operators for rule in RULES.values()} == {2}


def test_an_old_suite_is_open_until_its_date() -> None:
    root = structs.replace(ROOT, opens=(OpenSuite(SuiteId.S2, START),))
    assert suite_until(root, SuiteId.S1) is None
    assert suite_until(root, SuiteId.S2) == START
    assert suite_until(ROOT, SuiteId.S2) == 0


@pytest.mark.parametrize("address", ["http://relay", "wss://", "wss://a b", "relay"])
def test_a_relay_address_is_a_url_without_surprises(address: str) -> None:
    relay = structs.replace(ROOT.relay, addresses=(address,))
    with pytest.raises(MalformedError):
        decode(encode(relay), RelayIdentity)
    assert decode(encode(ROOT.relay), RelayIdentity) == ROOT.relay
