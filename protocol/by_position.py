"""Inner parts and slips whose parts stand where they always do.

A terminal that comes back reads thousands.  The parts are cut out without a look and
then written in their places again: if that gives the document, byte for byte, it is
the one encoding of what was cut out.  What is not so read, the codec reads.

Source: docs/spec/codec.md section 6; :mod:`protocol.envelope` reads so too.
"""

from struct import Struct
from typing import Final

from crypto.types import Digest, KeyId, MessageId, Signature
from protocol.codec import bytes_head, decode, number_head
from protocol.errors import MalformedError
from protocol.limits import MAX_RECORD
from protocol.signed import SignatureLine
from protocol.slip import MAX_INNER, MAX_SIGNERS, Heads, Inner, Slip

_SHORT: Final = 24  # the first argument that its head does not hold, RFC 8949

# A slip up to its heads of the logs, by the length of its commitment.
_HEADS: Final = (b"\xa8\x00\x01\x01\x50", b"\x02\x58\x20", b"\x03\x58\x20")
_SLIPS: Final = {
    size: (Struct(f"5s16s3s32s3s32s3s{size}s3s32s2s"), bytes((4, 0x58, size)))
    for size in (32, 48)
}
_SIZE_AT: Final = 5 + 16 + 3 + 32 + 3 + 32 + 2  # of the commitment's length
_R_HEAD: Final = b"\x05\x58\x20"
_DIR_HEAD: Final = b"\x06\x84"
_DIGEST: Final = b"\x58\x20"
_SLOT: Final = len(_DIGEST) + 32
_MAX_SIZE: Final = 1 << 48  # of a log

_INNER: Final = b"\x83"
_LINE: Final = b"\x82\x58\x20"
_LINES: Final = {0x80 | count: count for count in range(1, MAX_SIGNERS + 1)}
_SIGNATURES: Final = range(64, 8193)  # bytes: fields.SignatureField


def parse_inner(data: bytes) -> Inner:
    """Return the inner parts that ``data`` is the one encoding of.

    Raises:
        MalformedError: none, or more than MAX_INNER bytes.
    """
    if len(data) > MAX_INNER:
        raise MalformedError
    inner = _inner(data)
    return decode(data, Inner, limit=MAX_INNER) if inner is None else inner


def parse_slip(data: bytes) -> Slip:
    """Return the slip that ``data`` is the one encoding of.

    Raises:
        MalformedError: none, or as long as no document may be.
    """
    slip = _slip(data)
    return decode(data, Slip) if slip is None else slip


def _argument(data: bytes, at: int) -> tuple[int, int]:
    """Return the argument of the head at ``at`` and where it ends: a guess."""
    detail = data[at] & 31 if at < len(data) else 0
    at += 1
    if detail < _SHORT:
        return detail, at
    end = at + (1 << detail - _SHORT)
    return int.from_bytes(data[at:end], "big"), end


def _bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the byte string whose head stands at ``at``, and its end: a guess."""
    size, at = _argument(data, at)
    return data[at : at + size], at + size


def _inner(data: bytes) -> Inner | None:
    record, at = _bytes(data, len(_INNER))
    slip, at = _bytes(data, at)
    count = _LINES.get(data[at]) if at < len(data) else None
    if count is None or len(record) > MAX_RECORD:
        return None
    parts = [_INNER, bytes_head(len(record)), record, bytes_head(len(slip)), slip]
    parts.append(data[at : at + 1])
    at += 1
    lines: list[SignatureLine] = []
    for _ in range(count):
        key_at = at + len(_LINE)
        key = data[key_at : key_at + 32]
        signature, at = _bytes(data, key_at + 32)
        if len(signature) not in _SIGNATURES:
            return None
        lines.append(SignatureLine(KeyId(key), Signature(signature)))
        parts += (_LINE, key, bytes_head(len(signature)), signature)
    return Inner(record, slip, tuple(lines)) if b"".join(parts) == data else None


def _slip(data: bytes) -> Slip | None:
    form = _SLIPS.get(data[_SIZE_AT]) if len(data) > _SIZE_AT else None
    if form is None or len(data) <= form[0].size:
        return None
    cut, kc_head = form
    _, id_, _, rec, _, key, _, kc, _, r, _ = cut.unpack_from(data)
    version, rec_head, key_head = _HEADS
    fixed = (version, id_, rec_head, rec, key_head, key, kc_head, kc, _R_HEAD, r)
    key_size, at = _argument(data, cut.size)
    key_root = data[at + len(_DIGEST) : at + _SLOT]
    message_size, at = _argument(data, at + _SLOT)
    message_root = data[at + len(_DIGEST) : at + _SLOT]
    at += _SLOT + 2
    count, cut_short = divmod(len(data) - at, _SLOT)
    if cut_short or not 0 < count < _SHORT or max(key_size, message_size) >= _MAX_SIZE:
        return None
    slots = tuple(
        data[start + len(_DIGEST) : start + _SLOT]
        for start in range(at, len(data), _SLOT)
    )
    heads = (
        *(_DIR_HEAD, number_head(key_size), _DIGEST, key_root),
        *(number_head(message_size), _DIGEST, message_root),
    )
    last = (bytes((7, 0x80 | count)), *(_DIGEST + slot for slot in slots))
    if b"".join((*fixed, *heads, *last)) != data:
        return None
    return Slip(
        v=1,
        id=MessageId(id_),
        rec=Digest(rec),
        key=KeyId(key),
        kc=kc,
        r=r,
        dir=Heads(key_size, Digest(key_root), message_size, Digest(message_root)),
        slots=tuple(map(Digest, slots)),
    )
