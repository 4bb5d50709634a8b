"""A terminal comes back to a backlog: open, verify and keep, against the primitives.

    python bench/backlog_bench.py [--messages N] [--rounds N] [--quick] [--json FILE]

TFC sent Bern 1,000 cables of 1 KiB, each released by a member, so two composite
signatures each; 64 are sealed to one-time prekeys and the others to the day's.  *Ours*
is what the terminal does with them: they come in batches as a session hands them over,
are opened, verified, judged and written into the encrypted vault on this disk, with its
real durability; used seeds are erased from the key sheet, and receipts are composed and
put into the outbox.  Only then would the relay be told.  *Alone* is the same with each
message in a batch of its own.  *Raw* is the library's HPKE, Cobblestone, SHA-256 and
composite verification over the same bytes in one thread, with every key at hand and
nothing kept.

Each round opens a fresh copy of one locked vault (that, with its Argon2, is outside),
takes the whole backlog, and does the same raw.  The figure is raw / ours, of medians of
elapsed time, with what the disk makes us wait; processor time stands beside it.
"""

import argparse
import hashlib
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from client.agent.session import BATCH
from crypto.digest import T
from crypto.envelope import open_body, unwrap
from crypto.kem import KemKey
from crypto.sign import Realm, Usage, VerifyKey
from crypto.types import Secret
from protocol.codec import decode
from protocol.envelope import parse_envelope
from protocol.requests import Delivery
from protocol.slip import MAX_INNER, Inner
from tests.support.desk import box_of
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, beside
from tests.support.light import make_light
from tests.support.ministry import Ministry, ministry

HPKE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
TEXT = "x" * 1_024
LIMIT, GOAL = 0.6, 0.7


class Took(NamedTuple):
    """Milliseconds for one message."""

    elapsed: float
    processor: float


@dataclass(frozen=True)
class Piece:
    """What the primitives need of one message."""

    key: KemKey
    info: bytes
    wrapped: bytes
    cek: bytes
    context: bytes
    body: bytes
    signed: tuple[tuple[VerifyKey, bytes, Usage, bytes], ...]
    realm: Realm

    def open_(self) -> None:
        """Do with it what the primitives do, and nothing else."""
        HPKE.decrypt(self.wrapped, self.key.hybrid, self.info)
        decryptor = Cobblestone256Decryptor(self.cek, self.context)
        decryptor.update(self.body)
        decryptor.finalize()
        hashlib.sha256(self.body).digest()
        for key, signature, usage, document in self.signed:
            key.verify(signature, usage, document, self.realm)


def piece(came: Delivery, bern: HomeDesk) -> Piece:
    envelope = parse_envelope(came.envelope)
    suite, message = envelope.suite, envelope.id
    ((mailbox, kid, wrapped),) = envelope.wraps
    seed, view = bern.seeds.seed(kid), bern.machine.beliefs.view()
    assert seed is not None
    key = KemKey.from_seed(suite, Secret(seed.seed))
    cek = unwrap(suite, message, mailbox, kid, key, wrapped).cek
    inner = decode(
        open_body(suite, message, cek, envelope.body), Inner, limit=MAX_INNER
    )
    own, release = inner.sigs
    terminal, member = view.terminal(own.key), view.member(release.key)
    assert terminal is not None
    assert member is not None
    return Piece(
        key,
        T(b"koerier/v1/wrap", suite.octet, message, mailbox, kid),
        wrapped,
        cek.reveal(),
        T(b"koerier/v1/body", suite.octet, message),
        envelope.body,
        (
            (terminal.key, own.signature, Usage.RECORD, inner.slip),
            (member.key, release.signature, Usage.RELEASE, inner.record),
        ),
        view.realm,
    )


class Backlog:
    """A locked vault, and what waits for it at the relay."""

    def __init__(self, folder: Path, messages: int) -> None:
        self.ministry: Ministry = ministry()
        self.relay = FakeRelay(self.ministry)
        self.folder = folder
        bern = HomeDesk(self.ministry, self.relay, folder / "bern")
        bern.connect()
        tfc = beside(bern, self.ministry)
        for number in range(messages):
            tfc.write("bern", f"{number} {TEXT}")
            tfc.run()
        self.relay.now += 1
        bern.notice()  # the logs are followed; nothing was fetched
        self.waiting: list[Delivery] = list(box_of(bern))
        self.pieces = [piece(came, bern) for came in self.waiting]
        bern.lock()
        assert len(self.waiting) == messages
        self._copies = 0

    def ours(self, size: int) -> Took:
        """Return what taking the backlog in batches of ``size`` costs."""
        self._copies += 1
        home = self.folder / str(self._copies)
        shutil.copytree(self.folder / "bern", home)
        bern = HomeDesk(self.ministry, self.relay, home)
        bern.machine.connected(bern.now)
        machine, seeds = bern.machine, len(bern.seeds.seeds())

        def take() -> None:
            for start in range(0, len(self.waiting), size):
                batch = self.waiting[start : start + size]
                assert all(machine.delivered(batch, bern.now))
                machine.pump(bern.now)

        took = timed(take, len(self.waiting))
        assert len(bern.inbox()) == len(self.waiting)
        assert all(row.refused is None for row in bern.inbox())
        assert len(bern.seeds.seeds()) < seeds
        assert bern.store.owed_posts() == []  # every receipt is in the outbox
        bern.lock()
        shutil.rmtree(home)
        return took

    def raw(self) -> Took:
        """Return what the primitives cost."""

        def open_() -> None:
            for one in self.pieces:
                one.open_()

        return timed(open_, len(self.pieces))


def timed(work: Callable[[], None], messages: int) -> Took:
    start, used = time.perf_counter_ns(), time.process_time_ns()
    work()
    elapsed = time.perf_counter_ns() - start
    processor = time.process_time_ns() - used
    return Took(elapsed / 1e6 / messages, processor / 1e6 / messages)


def medians(rounds: Sequence[Took]) -> Took:
    return Took(*map(statistics.median, zip(*rounds, strict=True)))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="few: does it run")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args(arguments)
    messages = 70 if options.quick else options.messages
    rounds = 1 if options.quick else options.rounds
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        make_light(patch)  # of the passphrase, which is outside
        backlog = Backlog(Path(folder), messages)
        work = {
            "alone": lambda: backlog.ours(1),
            "ours": lambda: backlog.ours(BATCH),
            "raw": backlog.raw,
        }
        took: dict[str, list[Took]] = {what: [] for what in work}
        for _ in range(rounds):
            for what, measured in work.items():
                took[what].append(measured())
    figures = {what: medians(each) for what, each in took.items()}
    raw = figures["raw"]
    print(f"{messages} messages, {rounds} rounds; limit {LIMIT}, goal {GOAL}")
    print(f"{'':6}{'ms':>8}{'processor':>11}{'raw/ours':>10}{'processor':>11}")
    lines = ""
    for what, one in figures.items():
        row = {
            "what": what,
            "messages": messages,
            "ms": one.elapsed,
            "processor_ms": one.processor,
            "ratio": raw.elapsed / one.elapsed,
            "processor_ratio": raw.processor / one.processor,
        }
        lines += json.dumps(row) + "\n"
        print(
            f"{what:6}{one.elapsed:>8.3f}{one.processor:>11.3f}"
            f"{row['ratio']:>10.2f}{row['processor_ratio']:>11.2f}"
        )
    if options.json:
        options.json.write_text(lines, encoding="ascii")
    else:
        print(lines, end="")


if __name__ == "__main__":
    main(sys.argv[1:])
