"""What Python seals, JavaScript opens, and back (S1 twice, S2 once)."""

import pytest

from crypto import _hpke
from crypto.errors import OpenError
from crypto.suite import SUITES, SuiteId
from tests.support.keys import flipped, kem_key, secret, stretched
from tests.support.node import ask

pytestmark = pytest.mark.node
IMPLEMENTATIONS = {
    "core S1": SuiteId.S1,
    "panva S1": SuiteId.S1,
    "panva S2": SuiteId.S2,
}
CONTENTS = [b"", b"short", stretched("a wrap secret", 120), stretched("long", 5000)]
INFO = b"\0\0\0\x0fkoerier/v1/wrap"


def test_others_open_what_we_seal_and_refuse_what_is_changed() -> None:
    jobs, expected = [], []
    for implementation, suite in IMPLEMENTATIONS.items():
        for content in CONTENTS:
            sealed = _hpke.seal(suite, kem_key(suite).public, INFO, content)
            split = SUITES[suite].kem_enc
            for ciphertext, info, answer in (
                (sealed, INFO, content.hex()),
                (sealed, INFO + b"!", "refused"),
                (flipped(sealed, len(sealed) - 1), INFO, "refused"),
                (flipped(sealed, 3), INFO, "refused"),
            ):
                jobs.append(
                    {
                        "implementation": implementation,
                        "seed": secret("kem/anna").reveal().hex(),
                        "info": info.hex(),
                        "enc": ciphertext[:split].hex(),
                        "ciphertext": ciphertext[split:].hex(),
                    }
                )
                expected.append(answer)
    answers = [answer.partition(":")[0] for answer in ask("hpke.mjs", "open", jobs)]
    assert answers == expected


def test_we_open_what_others_seal_and_refuse_what_is_changed() -> None:
    jobs, cases = [], []
    for implementation, suite in IMPLEMENTATIONS.items():
        for content in CONTENTS:
            jobs.append(
                {
                    "implementation": implementation,
                    "publicKey": kem_key(suite).public.hex(),
                    "info": INFO.hex(),
                    "plaintext": content.hex(),
                }
            )
            cases.append((suite, content))
    for answer, (suite, content) in zip(
        ask("hpke.mjs", "seal", jobs), cases, strict=True
    ):
        sealed = bytes.fromhex(answer)
        assert _hpke.open_(suite, kem_key(suite), INFO, sealed) == content
        for wrong, info in (
            (sealed, INFO + b"!"),
            (flipped(sealed, 3), INFO),
            (flipped(sealed, len(sealed) - 1), INFO),
        ):
            with pytest.raises(OpenError):
                _hpke.open_(suite, kem_key(suite), info, wrong)
