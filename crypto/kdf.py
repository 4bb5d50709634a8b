"""Labelled key derivation: HKDF with the suite's hash.

The info is always ``T(label, suite, context...)``, so that no two derivations from
one secret give related keys, and none gives the same key in another suite.

Source: RFC 5869, with an empty salt: the input is a uniform secret of 32 bytes.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto.digest import T
from crypto.suite import SuiteId
from crypto.types import Secret

_HASHES: Final[Mapping[SuiteId, type[HashAlgorithm]]] = MappingProxyType(
    {SuiteId.S1: SHA256, SuiteId.S2: SHA384}
)


def derive(
    suite_id: SuiteId, secret: Secret, label: bytes, *context: bytes, size: int = 32
) -> Secret:
    """Return ``size`` bytes for the label of names-and-usages.md, section 3.

    Raises:
        ValueError: a size beyond 255 digests, a caller's bug.
    """
    info = T(label, suite_id.octet, *context)
    hkdf = HKDF(_HASHES[suite_id](), length=size, salt=None, info=info)
    return Secret(hkdf.derive(secret.reveal()))
