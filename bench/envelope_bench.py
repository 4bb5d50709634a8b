"""Seal and open against the sum of the primitives, in the same run.

    python bench/envelope_bench.py [--quick] [--json FILE]

A cable of 1 KiB in suite S1 with a releaser.  *Seal* is one call of
`client.core.sealing.seal`, its check of its own work included; *open* is one call of
`arrived` and `open_envelope`.  Beside them the raw calls of the library for the same
work, on the same bytes: composite signature, HPKE, Cobblestone, SHA-256.  Rounds
alternate, the figure is the ratio of the medians of processor time: nothing here
waits, and other processes on the machine do not count.  The release signature is made
when a member releases, not at sealing, so it counts on neither side of a seal.
"""

import argparse
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from client.core.sealing import arrived, open_envelope, seal
from crypto.entropy import system
from crypto.kem import KemKey, parse_public
from crypto.sign import Usage
from crypto.suite import SuiteId
from protocol.bodies import CableBody, Paragraph
from protocol.codec import encode
from protocol.envelope import parse_envelope
from tests.support.posts import Directory, Station, record_of, station

HPKE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
BODY = CableBody(subject="s", paragraphs=(Paragraph(text="x" * 1024),))
GOALS = {"seal": 1.25, "open": 1.4}


def measure(rounds: int, *work: Callable[[], object]) -> list[float]:
    """Return the median milliseconds of each, in alternating rounds."""
    times: list[list[float]] = [[] for _ in work]
    for _ in range(rounds):
        for one, taken in zip(work, times, strict=True):
            start = time.process_time_ns()
            one()
            taken.append((time.process_time_ns() - start) / 1e6)
    return [statistics.median(taken) for taken in times]


def bench_seal(tfc: Station, readers: list[Station], rounds: int) -> dict[str, object]:
    record = encode(record_of(tfc, *(r.post for r in readers), body=BODY))
    release, sender = tfc.release(record), tfc.sender()
    recipients = [reader.at() for reader in readers]
    realm = tfc.directory.realm
    line = tfc.release(record).signature
    member = tfc.member_key.verify_key
    verify = tfc.key.verify_key
    size = len(parse_envelope(tfc.seal(record, *recipients).envelope).body)
    padded = bytes(size - 56 - 16 * (1 + size // 16_400))

    def ours() -> object:
        return seal(
            record,
            sender=sender,
            recipients=recipients,
            entropy=system,
            release=release,
        )

    def raw(*, check: bool) -> None:
        signature = tfc.key.sign(Usage.RECORD, padded[:400], realm=realm)
        encryptor = Cobblestone256Encryptor(padded[:32], b"context")
        sealed = encryptor.update(padded) + encryptor.finalize()
        hashlib.sha256(sealed).digest()
        for to in recipients:
            key = parse_public(SuiteId.S1, to.public).hybrid
            HPKE.encrypt(padded[:120], key, b"info" * 20)
        if check:
            verify.verify(signature, Usage.RECORD, padded[:400], realm)
            member.verify(line, Usage.RELEASE, record, realm)
            decryptor = Cobblestone256Decryptor(padded[:32], b"context")
            decryptor.update(sealed)
            decryptor.finalize()

    mine, with_check, without = measure(
        rounds, ours, lambda: raw(check=True), lambda: raw(check=False)
    )
    return {
        "what": "seal",
        "recipients": len(readers),
        "ms": mine,
        "raw_ms": with_check,
        "ratio": mine / with_check,
        "raw_without_check_ms": without,
        "ratio_without_check": mine / without,
    }


def bench_open(tfc: Station, reader: Station, rounds: int) -> dict[str, object]:
    record = encode(record_of(tfc, reader.post, body=BODY))
    sealed = tfc.seal(record, reader.at())
    data = parse_envelope(sealed.envelope).split(reader.terminal.mailbox)
    receiver, realm = reader.receiver(), tfc.directory.realm
    key: KemKey = reader.prekey
    terminal, member = tfc.key.verify_key, tfc.member_key.verify_key
    signature = tfc.key.sign(Usage.RECORD, sealed.slip, realm=realm)
    release = tfc.release(record).signature
    wrapped = HPKE.encrypt(
        bytes(120), parse_public(SuiteId.S1, key.public).hybrid, b"info"
    )
    encryptor = Cobblestone256Encryptor(bytes(32), b"context")
    plain = bytes(len(parse_envelope(data).body) - 72)
    body = encryptor.update(plain) + encryptor.finalize()

    def ours() -> object:
        return open_envelope(arrived(data, receiver), key, receiver)

    def raw() -> None:
        HPKE.decrypt(wrapped, key.hybrid, b"info")
        decryptor = Cobblestone256Decryptor(bytes(32), b"context")
        decryptor.update(body)
        decryptor.finalize()
        hashlib.sha256(body).digest()
        terminal.verify(signature, Usage.RECORD, sealed.slip, realm)
        member.verify(release, Usage.RELEASE, record, realm)

    mine, reference = measure(rounds, ours, raw)
    return {
        "what": "open",
        "recipients": 1,
        "ms": mine,
        "raw_ms": reference,
        "ratio": mine / reference,
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: does it run")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args(arguments)
    directory = Directory(SuiteId.S1)
    tfc = station(directory, "tfc")
    readers = [
        station(directory, f"post-{number:03}")
        for number in range(10 if options.quick else 149)
    ]
    rounds = 5 if options.quick else 200
    rows = [bench_open(tfc, readers[0], rounds)]
    rows += [
        bench_seal(tfc, readers[:count], max(5, rounds // count))
        for count in sorted({1, min(10, len(readers)), len(readers)})
    ]
    print(f"{'':6}{'to':>5}{'ms':>9}{'raw':>9}{'ratio':>7}{'goal':>6}")
    for row in rows:
        print(
            f"{row['what']:6}{row['recipients']:>5}{row['ms']:>9.3f}"
            f"{row['raw_ms']:>9.3f}{row['ratio']:>7.2f}{GOALS[str(row['what'])]:>6}"
        )
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    if options.json:
        options.json.write_text(lines, encoding="ascii")
    else:
        print(lines, end="")


if __name__ == "__main__":
    main(sys.argv[1:])
