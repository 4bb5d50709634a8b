"""The relay's and a witness's TLS certificate: self-signed, believed by its pin.

TLS is the outer coat: a terminal knows the relay by the SHA-256 of the certificate's
SubjectPublicKeyInfo, which stands in the root document, and by nothing else.  No
name and no date in it means anything: a post with a wrong clock must still get
through, and the root document says how long a pin is good.

    made = make_certificate(Secret(entropy(32)), serial=entropy(16))
    made.pin == pin_of(der_of_the_peer)

Source: RFC 5280; RFC 8410 (Ed25519); RFC 7469 section 2.4 for what is hashed.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from crypto.digest import H
from crypto.errors import KeyFormatError
from crypto.types import Digest, Secret

# Both are read by nobody; the second is RFC 5280's "no well-defined expiration".
_FROM: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_UNTIL: Final = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
_NAME: Final = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "koerier")])
_MAX_SERIAL: Final = 19  # bytes: 20 with a sign bit


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key, as the ``ssl`` module loads them."""

    certificate: bytes  # PEM
    key: Secret  # PEM, PKCS #8, not encrypted
    pin: Digest


def make_certificate(seed: Secret, *, serial: bytes) -> Certificate:
    """Return the self-signed certificate of an Ed25519 seed of 32 bytes.

    Raises:
        ValueError: a seed of another length, a serial of none or over 19 bytes.
    """
    if not 0 < len(serial) <= _MAX_SERIAL:
        raise ValueError("a serial has 1 to 19 bytes")
    key = Ed25519PrivateKey.from_private_bytes(seed.reveal())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_NAME)
        .issuer_name(_NAME)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(serial, "big") + 1)
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, None)
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    der = certificate.public_bytes(Encoding.DER)
    return Certificate(certificate.public_bytes(Encoding.PEM), Secret(pem), pin_of(der))


def pin_of(der: bytes) -> Digest:
    """Return SHA-256 of the SubjectPublicKeyInfo of a certificate in DER.

    Raises:
        KeyFormatError: not a certificate, or of a key that the library lacks.
    """
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except Exception:  # noqa: BLE001 -- the library's parser raises several kinds
        raise KeyFormatError from None
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Digest(H(spki))
