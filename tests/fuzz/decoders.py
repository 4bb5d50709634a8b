"""Every decoder of the project, and bytes to begin with.

A decoder takes bytes that a stranger chose and either returns something or raises one
of the errors that are meant for it.  What it returns is written again where the type
has one encoding.
"""

import importlib
import pkgutil
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec import convert

import protocol
from crypto.errors import CryptoError
from crypto.padding import unpad
from crypto.recordbox import open_box
from crypto.sign import VerifyKey
from crypto.suite import SuiteId
from crypto.types import Secret
from protocol.codec import Message, decode, encode
from protocol.envelope import parse_envelope
from protocol.errors import ProtocolError
from protocol.incident.check import parse as parse_report
from protocol.incident.problems import ReportError
from protocol.key_log_entry import read_leaf, read_signed
from protocol.limits import MAX_ENVELOPE
from protocol.line.frames import parse as parse_frames
from protocol.note import parse_note
from protocol.tiles import read_bundle
from protocol.tlog_proof import read_proof, write_proof
from protocol.witness import WitnessRefusal, read_request
from tests.fuzz.sample import sample

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden"
EXPECTED = (ProtocolError, CryptoError, WitnessRefusal, ReportError)
NOTE = b"origin/log\n1\n" + b"A" * 43 + b"=\n\n\xe2\x80\x94 origin/log AAAAAAA=\n"


@dataclass(frozen=True)
class Decoder:
    """One decoder: bytes in; out, the bytes that it says they are, or None."""

    name: str
    read: Callable[[bytes], bytes | None]
    corpus: tuple[bytes, ...]


def message_types() -> list[type[Message]]:
    """Return every concrete message of the protocol."""
    for module in pkgutil.walk_packages(protocol.__path__, "protocol."):
        importlib.import_module(module.name)
    found: list[type[Message]] = []
    left = list(Message.__subclasses__())
    while left:
        kind = left.pop()
        found.append(kind)
        left.extend(kind.__subclasses__())
    ours = [kind for kind in found if kind.__module__.startswith("protocol.")]
    return sorted(ours, key=lambda kind: (kind.__module__, kind.__name__))


def documents(kind: type[Message], number: int = 8) -> Iterator[bytes]:
    """Yield valid documents of a type, the same in each run."""
    rng = random.Random(f"{kind.__module__}.{kind.__name__}")
    for _ in range(number):
        built = convert(sample(rng, kind), kind, builtin_types=(bytes,))
        yield encode(built)


def corpus() -> tuple[bytes, ...]:
    """Return valid documents to mutate: golden files and small hand-made ones."""
    golden = [path.read_bytes() for path in sorted(GOLDEN.glob("*.cbor"))]
    logs = [path.read_bytes() for path in sorted(GOLDEN.glob("*.keylog"))]
    small = [bytes.fromhex(text) for text in ("a10001", "a2000101626869", "80", "83")]
    return (*golden, *(log[:4096] for log in logs), *small, b"")


def decoders() -> Iterator[Decoder]:
    """Yield every decoder with its corpus."""
    common = corpus()
    for kind in message_types():
        drawn = tuple(documents(kind))
        name = f"{kind.__module__}.{kind.__name__}"
        yield Decoder(name, _typed(kind), (*drawn, *drawn, *common))
    notes = (NOTE, NOTE.replace(b"\n", b""), b"", write_proof(3, (), NOTE))
    yield Decoder("envelope", lambda d: parse_envelope(d).encoded(), common)
    yield Decoder("key log leaf", lambda d: encode(read_leaf(d)), common)
    yield Decoder("signed", lambda d: encode(read_signed(d)), common)
    yield Decoder("note", _only(parse_note), notes)
    yield Decoder("tlog-proof", _only(read_proof), notes)
    yield Decoder("witness request", _only(read_request), (b"old 0\n\n" + NOTE,))
    yield Decoder(
        "entry bundle",
        _only(lambda d: read_bundle(d, 2)),
        (b"\x00\x01x", b"\x00\x00", b""),
    )
    yield Decoder(
        "frames", _only(lambda d: list(parse_frames(d))), (bytes(64), b"\x10" * 32)
    )
    yield Decoder("padding", _only(unpad), (bytes(4096), b"\0\0\0\1x" + bytes(4091)))
    yield Decoder("record box", _only(_box), (b"\x83\x01\x58\x18" + bytes(60),))
    yield Decoder("public key S1", _only(_key(SuiteId.S1)), (bytes(1984),))
    yield Decoder("public key S2", _only(_key(SuiteId.S2)), (bytes(2649),))
    reports = tuple(p.read_bytes() for p in (ROOT / "docs/samples").glob("*.json"))
    yield Decoder("incident file", _only(lambda d: parse_report(d, "-")), reports)


def _typed(kind: type[Message]) -> Callable[[bytes], bytes]:
    return lambda data: encode(decode(data, kind, limit=MAX_ENVELOPE))


def _only(read: Callable[[bytes], object]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        read(data)

    return run


def _box(data: bytes) -> bytes:
    return open_box(Secret(bytes(32)), b"purpose", b"id", data)


def _key(suite: SuiteId) -> Callable[[bytes], VerifyKey]:
    return lambda data: VerifyKey.parse(suite, data)


def check(decoder: Decoder, data: bytes) -> bool:
    """Decode ``data``; return whether it was accepted.

    Raises:
        AssertionError: accepted, and not the one encoding.
        Exception: anything that a decoder must not raise.
    """
    try:
        written = decoder.read(data)
    except EXPECTED as error:
        _says_nothing(error, data)
        return False
    assert written is None or written == data, decoder.name
    return True


def _says_nothing(error: Exception, data: bytes) -> None:
    """An error's text is ours: it quotes nothing of a binary input."""
    text = str(error).encode()
    long = [data[i : i + 24] for i in range(0, max(0, len(data) - 24), 24)]
    assert not any(len(set(piece)) > 8 and piece in text for piece in long)
