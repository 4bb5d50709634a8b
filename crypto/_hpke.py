"""Single-shot HPKE, base mode, with the suite's KEM, KDF and AES-256-GCM.

Only ``crypto.envelope`` and ``crypto.session`` import this module, each with its own
``info`` label: everything bound to a ciphertext is bound through ``info``, because
the library offers associated data only as private functions.

Encapsulation draws its randomness inside the library (docs/spec/suites.md).

Source: RFC 9180 section 6.1; draft-ietf-hpke-pq for the KEM code points.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from crypto.errors import OpenError
from crypto.kem import KemKey, parse_public
from crypto.suite import SuiteId

_SUITES: Final[Mapping[SuiteId, Suite]] = MappingProxyType(
    {
        SuiteId.S1: Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
        SuiteId.S2: Suite(KEM.MLKEM1024_P384, KDF.HKDF_SHA384, AEAD.AES_256_GCM),
    }
)


def seal(suite_id: SuiteId, public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Return enc || ciphertext || tag for the holder of ``public``.

    Raises:
        KeyFormatError: ``public`` is not a key, or one that is refused.
    """
    key = parse_public(suite_id, public)
    return _SUITES[suite_id].encrypt(plaintext, key.hybrid, info)


def open_(suite_id: SuiteId, key: KemKey, info: bytes, ciphertext: bytes) -> bytes:
    """Return the plaintext of enc || ciphertext || tag.

    Raises:
        OpenError: another key, suite, info or ciphertext.
    """
    if key.suite is not suite_id:
        raise OpenError
    try:
        return _SUITES[suite_id].decrypt(ciphertext, key.hybrid, info)
    except InvalidTag:
        raise OpenError from None
