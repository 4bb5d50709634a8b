"""Open and check an envelope from docs/spec/record-and-envelope.md alone.

A reader of the specification should be able to write this file.  It is slow to
read on purpose: every step is one sentence of section 7.
"""

from dataclasses import dataclass

from tests.second.plain_cbor import Plain, Refused, read
from tests.second.plain_crypto import (
    cobblestone_open,
    composite_verify,
    h,
    hpke_open,
    hs,
    key_id,
    t,
)


@dataclass
class Known:
    """The receiver: what it has before the envelope comes."""

    realm: str  # "koerier" or "koerier-demo"
    suite: int
    post: str
    key: bytes  # own terminal's key id
    mailbox: bytes
    prekeys: dict[bytes, bytes]  # kid -> seed
    terminals: dict[bytes, tuple[str, bytes]]  # key id -> post, public key
    members: dict[bytes, tuple[str, bytes]]


@dataclass
class Read:
    record: dict[int, Plain]
    slip: dict[int, Plain]
    name: bytes
    leaf: bytes
    stream: bytes
    seq: int
    prev: bytes


def demand(truth: bool, why: str) -> None:  # noqa: FBT001 -- reads as a sentence
    if not truth:
        raise Refused(why)


def open_envelope(envelope: bytes, known: Known) -> Read:
    v, suite, message_id, wraps, body = as_list(read(envelope), 5)
    demand(v == 1 and suite == known.suite, "version or suite (B16)")
    assert isinstance(suite, int)
    demand(len(as_list(wraps)) == 1, "one wrap after the split")
    mailbox, kid, wrap = map(as_bytes, as_list(as_list(wraps)[0], 3))
    demand(mailbox == known.mailbox, "our mailbox")
    octet, message_id, body = bytes([suite]), as_bytes(message_id), as_bytes(body)

    info = t(b"koerier/v1/wrap", octet, message_id, mailbox, kid)
    secret = hpke_open(suite, known.prekeys[kid], info, wrap)
    demand(len(secret) == 120, "content key, stream, seq, prev, salt")
    cek, stream, seq = secret[:32], secret[32:48], secret[48:56]
    prev, salt = secret[56:88], secret[88:]
    context = t(b"koerier/v1/body", octet, message_id)
    inner = unpad(cobblestone_open(cek, context, body))

    raw_record, raw_slip, sigs = as_list(read(inner), 3)
    raw_record, raw_slip = as_bytes(raw_record), as_bytes(raw_slip)
    sender, members = verify(raw_record, raw_slip, as_list(sigs), known)
    record, slip = as_map(read(raw_record)), as_map(read(raw_slip))
    demand(slip[2] == h(raw_record), "slip.rec (B5)")
    demand(slip[1] == record[2] == message_id, "one message id (B4)")
    demand(slip[3] == as_list(as_list(sigs)[0])[0], "slip.key (B6)")
    demand(record[3] == sender, "the terminal's post is record.from (B6)")
    demand(record.get(4, []) == list(members), "by is the other signer (B7)")
    for post in members.values():
        demand(post == sender, "the member is of the sender's post (B7)")
    to = [as_map(addressee)[0] for addressee in as_list(record[6])]
    demand(known.post in to, "our post is in to (B1)")
    slot = h(t(b"koerier/v1/slot", known.key, kid, stream, seq, prev, salt))
    demand(slot in as_list(slip[7]), "our slot (B2, B13)")
    demand(slip[4] == hs(suite, t(b"koerier/v1/kc", message_id, cek)), "kc (B8)")
    return Read(
        record=record,
        slip=slip,
        name=h(raw_record),
        leaf=b"\x01"
        + h(t(b"koerier/v1/leaf", as_bytes(slip[5]), h(raw_slip)))
        + h(body),
        stream=stream,
        seq=int.from_bytes(seq, "big"),
        prev=prev,
    )


def verify(
    record: bytes, slip: bytes, sigs: list[Plain], known: Known
) -> tuple[str, dict[bytes, str]]:
    """Verify over the raw bytes; return the sender's post, and member and post."""
    first, *others = (list(map(as_bytes, as_list(line, 2))) for line in sigs)
    post, public = known.terminals[first[0]]
    demand(key_id(known.suite, public) == first[0], "the directory's own key id")
    context = known.realm + "/v1/record"
    composite_verify(known.suite, public, first[1], context, slip)
    demand(len(others) <= 1, "at most one member")
    for member, signature in others:
        _, public = known.members[member]
        context = known.realm + "/v1/release"
        composite_verify(known.suite, public, signature, context, record)
    return post, {member: known.members[member][0] for member, _ in others}


def unpad(padded: bytes) -> bytes:
    length = int.from_bytes(padded[:4], "big")
    content, rest = padded[4 : 4 + length], padded[4 + length :]
    demand(len(content) == length and not any(rest), "zeros to the end (B11)")
    buckets = [4096, 5120, 6144, 8192]
    if length + 4 > 8192:
        size = length + 4
        e = size.bit_length() - 1
        step = 1 << (e - e.bit_length())
        buckets = [-(-size // step) * step]
    demand(len(padded) in buckets, "a bucket (B11)")
    return content


def as_list(value: Plain, size: int | None = None) -> list[Plain]:
    demand(isinstance(value, list), "an array")
    assert isinstance(value, list)
    demand(size is None or len(value) == size, "its length")
    return value


def as_map(value: Plain) -> dict[int, Plain]:
    demand(isinstance(value, dict), "a map")
    assert isinstance(value, dict)
    return value


def as_bytes(value: Plain) -> bytes:
    demand(isinstance(value, bytes), "bytes")
    assert isinstance(value, bytes)
    return value
