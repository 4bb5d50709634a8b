"""Composite signatures between Python and JavaScript, both halves, both suites."""

import pytest

from crypto.errors import SignatureError
from crypto.sign import Realm, Usage, context
from crypto.suite import SUITES, SuiteId
from tests.support.keys import flipped, signing_key, stretched
from tests.support.node import ask

pytestmark = pytest.mark.node
MESSAGES = [b"", b"a slip", stretched("long", 10_000)]
USAGES = [Usage.RECORD, Usage.DIR]


def test_others_verify_what_we_sign_half_by_half() -> None:
    jobs, expected = [], []
    for suite in SuiteId:
        key = signing_key(suite)
        for message in MESSAGES:
            signature = key.sign(Usage.RECORD, message, realm=Realm.KOERIER)
            for given, usage, answer in (
                (signature, Usage.RECORD, "true true"),
                (signature, Usage.RELEASE, "false false"),
                (flipped(signature, 100), Usage.RECORD, "false true"),
                (flipped(signature, len(signature) - 60), Usage.RECORD, "true false"),
            ):
                jobs.append(
                    {
                        "suite": suite.name,
                        "publicKey": key.public.hex(),
                        "signature": given.hex(),
                        "context": context(usage, Realm.KOERIER).hex(),
                        "message": message.hex(),
                    }
                )
                expected.append(answer)
    assert ask("composite.mjs", "verify", jobs) == expected


def test_we_verify_what_others_sign() -> None:
    jobs, cases = [], []
    for suite in SuiteId:
        for usage in USAGES:
            for message in MESSAGES:
                size = SUITES[suite].signature_seed
                jobs.append(
                    {
                        "suite": suite.name,
                        "seed": stretched("sign/anna", size).hex(),
                        "context": context(usage, Realm.DEMO).hex(),
                        "message": message.hex(),
                    }
                )
                cases.append((suite, usage, message))
    for answer, (suite, usage, message) in zip(
        ask("composite.mjs", "sign", jobs), cases, strict=True
    ):
        signature, key = bytes.fromhex(answer), signing_key(suite).verify_key
        key.verify(signature, usage, message, Realm.DEMO)
        for given, realm in (
            (signature, Realm.KOERIER),
            (flipped(signature, 7), Realm.DEMO),
        ):
            with pytest.raises(SignatureError):
                key.verify(given, usage, message, realm)
