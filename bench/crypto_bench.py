"""What composing costs: each figure beside its raw primitives, in the same run.

    python bench/crypto_bench.py [--quick] [--suite S1|S2]

Every round measures all figures once, ours and raw by turns, so that a busy machine
slows both; printed is the median over the rounds, of processor time.  After the table
one JSON line per figure, for bench/RESULTS.md.

* seal to N: pad, body, N wraps, one composite signature.  Raw: the same primitives of
  the library, on values made beforehand: Cobblestone, N times parsing a public key and
  an HPKE encryption, ML-DSA and Edwards signatures with the pre-hash.
* open + verify: unwrap, body, unpad, one composite signature.
The envelope as the client seals it (records, slips, codec) is measured where it is
composed, on top of these.
"""

import argparse
import hashlib
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec, ed448, mldsa, mlkem, x25519
from nacl.signing import SigningKey as Ed25519Key

from crypto import _hpke
from crypto.digest import T
from crypto.envelope import WrapSecret, open_body, seal_body, unwrap, wrap
from crypto.kem import HybridPublic, KemKey
from crypto.padding import pad
from crypto.sign import Realm, SigningKey, Usage
from crypto.suite import SUITES, SuiteId
from crypto.types import Digest, Mailbox, MessageId, PrekeyId, Salt, Secret, StreamId

Action = Callable[[], object]
RECIPIENTS = (1, 10, 149)
ID, MAILBOX = MessageId(bytes(16)), Mailbox(bytes(16))
CONTENT = os.urandom(5200)  # record, slip and one signature of a 1 KiB cable
FLOOR = 6144


class Figure(NamedTuple):
    """Two actions that are timed by turns."""

    name: str
    ours: Action
    raw: Action
    bound: float | None  # the largest allowed ours / raw


def raw_signer(suite: SuiteId, seed: bytes) -> tuple[Action, Action]:
    """Return signing and verifying with the bare halves over a pre-hashed text."""
    if suite is SuiteId.S1:
        ed25519 = Ed25519Key(seed[32:])
        pq = mldsa.MLDSA65PrivateKey.from_seed_bytes(seed[:32])
        text = bytes(64) + hashlib.sha512(CONTENT).digest()
        public, signature = pq.public_key(), pq.sign(text)
        classical = ed25519.sign(text).signature
        return (
            lambda: (hashlib.sha512(CONTENT), pq.sign(text), ed25519.sign(text)),
            lambda: (
                hashlib.sha512(CONTENT),
                public.verify(signature, text),
                ed25519.verify_key.verify(text, classical),
            ),
        )
    ed = ed448.Ed448PrivateKey.from_private_bytes(seed[32:])
    pq87 = mldsa.MLDSA87PrivateKey.from_seed_bytes(seed[:32])
    text = bytes(64) + hashlib.shake_256(CONTENT).digest(64)
    public87, signature = pq87.public_key(), pq87.sign(text)
    classical, ed_public = ed.sign(text), ed.public_key()
    return (
        lambda: (hashlib.shake_256(CONTENT), pq87.sign(text), ed.sign(text)),
        lambda: (
            hashlib.shake_256(CONTENT),
            public87.verify(signature, text),
            ed_public.verify(classical, text),
        ),
    )


def raw_parser(suite: SuiteId) -> Callable[[bytes], HybridPublic]:
    """Return how a public key becomes the library's object, and nothing else."""
    if suite is SuiteId.S1:
        return lambda public: hpke.MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(public[:1184]),
            x25519.X25519PublicKey.from_public_bytes(public[1184:]),
        )
    curve = ec.SECP384R1()
    return lambda public: hpke.MLKEM1024P384PublicKey(
        mlkem.MLKEM1024PublicKey.from_public_bytes(public[:1568]),
        ec.EllipticCurvePublicKey.from_encoded_point(curve, public[1568:]),
    )


def raw_encrypt(data: bytes) -> bytes:
    encryptor = Cobblestone256Encryptor(bytes(32), b"context")
    return encryptor.update(data) + encryptor.finalize()


def raw_decrypt(data: bytes) -> bytes:
    decryptor = Cobblestone256Decryptor(bytes(32), b"context")
    return decryptor.update(data) + decryptor.finalize()


def envelopes(suite: SuiteId) -> list[Figure]:
    row = SUITES[suite]
    seed = os.urandom(row.signature_seed)
    signer = SigningKey.from_seed(suite, Secret(seed))
    verifier = signer.verify_key
    keys = [
        KemKey.from_seed(suite, Secret(os.urandom(32))) for _ in range(max(RECIPIENTS))
    ]
    kid = PrekeyId(bytes(row.prekey_id))
    cek = Secret(os.urandom(32))
    secret = WrapSecret(cek, StreamId(bytes(16)), 1, Digest(bytes(32)), Salt(bytes(32)))
    parse = raw_parser(suite)
    library = _hpke._SUITES[suite]  # noqa: SLF001 -- the raw side of the comparison
    info = T(b"koerier/v1/wrap", suite.octet, ID, MAILBOX, kid)
    padded, plain = pad(CONTENT, FLOOR), bytes(120)
    raw_sign, raw_verify = raw_signer(suite, seed)

    def seal(count: int) -> Action:
        def act() -> None:
            signer.sign(Usage.RECORD, CONTENT, realm=Realm.DEMO)
            seal_body(suite, ID, cek, CONTENT, FLOOR)
            for key in keys[:count]:
                wrap(suite, ID, MAILBOX, kid, key.public, secret)

        return act

    def raw_seal(count: int) -> Action:
        def act() -> None:
            raw_sign()
            raw_encrypt(padded)
            for key in keys[:count]:
                library.encrypt(plain, parse(key.public), info)

        return act

    wrapped = wrap(suite, ID, MAILBOX, kid, keys[0].public, secret)
    body = seal_body(suite, ID, cek, CONTENT, FLOOR)
    signature = signer.sign(Usage.RECORD, CONTENT, realm=Realm.DEMO)
    raw_body = raw_encrypt(padded)

    def open_verify() -> None:
        unwrap(suite, ID, MAILBOX, kid, keys[0], wrapped)
        content = open_body(suite, ID, cek, body)
        verifier.verify(signature, Usage.RECORD, content, Realm.DEMO)

    def raw_open_verify() -> None:
        library.decrypt(wrapped, keys[0].hybrid, info)
        raw_decrypt(raw_body)
        raw_verify()

    seals = [
        Figure(f"{suite.name} seal to {count}", seal(count), raw_seal(count), 1.25)
        for count in RECIPIENTS
    ]
    return [
        *seals,
        Figure(f"{suite.name} open + verify", open_verify, raw_open_verify, 1.4),
    ]


def taken(action: Action) -> float:
    started = time.process_time_ns()
    action()
    return (time.process_time_ns() - started) / 1e9


def measure(figures: list[Figure], rounds: int) -> list[tuple[Figure, float, float]]:
    times: list[tuple[list[float], list[float]]] = [([], []) for _ in figures]
    for number in range(rounds + 1):
        for figure, (ours, raw) in zip(figures, times, strict=True):
            # By turns, and in turn first: no side always finds the caches warm.
            both = [(figure.ours, ours), (figure.raw, raw)]
            for action, kept in both if number % 2 else reversed(both):
                seconds = taken(action)
                if number:  # the first round warms up
                    kept.append(seconds)
    return [
        (figure, statistics.median(ours), statistics.median(raw))
        for figure, (ours, raw) in zip(figures, times, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="cost of crypto over its primitives")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--suite", choices=[suite.name for suite in SuiteId])
    options = parser.parse_args()
    wanted = [SuiteId[options.suite]] if options.suite else list(SuiteId)
    rounds = 7 if options.quick else 41
    figures = [figure for suite in wanted for figure in envelopes(suite)]
    results = measure(figures, rounds)
    print(f"{'figure':32} {'ours ms':>9} {'raw ms':>9} {'ratio':>6} {'bound':>6}")
    for figure, ours, raw in results:
        print(
            f"{figure.name:32} {ours * 1e3:9.3f} {raw * 1e3:9.3f} "
            f"{ours / raw:6.2f} {figure.bound or '-':>6}"
        )
    for figure, ours, raw in results:
        line = {
            "bench": "crypto",
            "figure": figure.name,
            "rounds": rounds,
            "ours_ms": round(ours * 1e3, 4),
            "raw_ms": round(raw * 1e3, 4),
            "ratio": round(ours / raw, 3),
            "bound": figure.bound,
        }
        print(json.dumps(line))


if __name__ == "__main__":
    main()
