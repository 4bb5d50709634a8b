"""The TLS certificate: made from a seed, believed by its pin."""

import ssl
from pathlib import Path

import pytest

from crypto.certificate import make_certificate, pin_of
from crypto.errors import KeyFormatError
from crypto.types import Secret

SEED = Secret(bytes(range(32)))


def test_the_pin_of_the_certificate_follows_from_the_seed_alone() -> None:
    one = make_certificate(SEED, serial=b"one")
    two = make_certificate(SEED, serial=b"two")
    assert one.certificate != two.certificate
    assert one.pin == two.pin
    assert make_certificate(Secret(bytes(32)), serial=b"one").pin != one.pin


def test_the_pin_is_found_in_what_a_peer_shows() -> None:
    made = make_certificate(SEED, serial=b"one")
    der = ssl.PEM_cert_to_DER_cert(made.certificate.decode())
    assert pin_of(der) == made.pin


def test_a_server_can_load_it(tmp_path: Path) -> None:
    made = make_certificate(SEED, serial=b"one")
    path = tmp_path / "tls.pem"
    path.write_bytes(made.key.reveal() + made.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    assert b"PRIVATE" not in repr(made).encode()


@pytest.mark.parametrize("serial", [b"", bytes(20)])
def test_a_serial_of_another_length_is_a_bug(serial: bytes) -> None:
    with pytest.raises(ValueError, match="serial"):
        make_certificate(SEED, serial=serial)


@pytest.mark.parametrize("der", [b"", b"\x30\x00", bytes(100)])
def test_what_is_no_certificate_is_refused(der: bytes) -> None:
    with pytest.raises(KeyFormatError):
        pin_of(der)
