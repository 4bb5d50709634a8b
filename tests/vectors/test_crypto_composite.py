"""The draft's own composite signatures (suites.md names the file's hash)."""

from base64 import b64decode

import pytest

from crypto.errors import SignatureError
from crypto.sign import SigningKey, VerifyKey
from crypto.suite import SUITES, SuiteId
from crypto.types import Secret
from tests.support.keys import flipped
from tests.support.outside import load

pytestmark = pytest.mark.vectors
suites = pytest.mark.parametrize("suite", SuiteId)


def case(suite: SuiteId) -> dict[str, bytes]:
    """Return the file's message and context, and what one case adds."""
    whole = load("composite-mldsa.json")
    wanted = SUITES[suite].signature_algorithm
    (found,) = (test for test in whole["tests"] if test["tcId"] == wanted)
    values = {name: found[name] for name in ("pk", "sk", "s", "sWithContext")}
    values |= {name: whole[name] for name in ("m", "ctx")}
    return {name: b64decode(value) for name, value in values.items()}


@suites
def test_the_drafts_signatures_verify_with_and_without_a_context(
    suite: SuiteId,
) -> None:
    outside = case(suite)
    key = VerifyKey.parse(suite, outside["pk"])
    key._verify(outside["s"], b"", outside["m"])  # noqa: SLF001 -- the draft's contexts
    key._verify(outside["sWithContext"], outside["ctx"], outside["m"])  # noqa: SLF001 -- looked into


@suites
def test_the_drafts_signatures_are_refused_when_anything_differs(
    suite: SuiteId,
) -> None:
    outside = case(suite)
    key = VerifyKey.parse(suite, outside["pk"])
    message, signature = outside["m"], outside["s"]
    for wrong, ctx, text in (
        (signature, outside["ctx"], message),
        (outside["sWithContext"], b"", message),
        (signature, b"", message + b"."),
        (flipped(signature, 0), b"", message),
        (flipped(signature, len(signature) - 1), b"", message),
    ):
        with pytest.raises(SignatureError):
            key._verify(wrong, ctx, text)  # noqa: SLF001 -- looked into


@suites
def test_the_drafts_seed_gives_the_drafts_public_key(suite: SuiteId) -> None:
    outside = case(suite)
    assert SigningKey.from_seed(suite, Secret(outside["sk"])).public == outside["pk"]
