"""The content seal: one body under one content key, one wrap per recipient.

    cek = Secret(entropy(32))
    body = seal_body(suite, message_id, cek, content, floor)
    kc = commitment(suite, message_id, cek)               # goes into the signed slip
    wrapped = wrap(suite, message_id, mailbox, kid, public, WrapSecret(cek, ...))

Opening is the reverse, and nothing else: what the content *means*, whether it is
signed and whether it belongs in this envelope is decided by ``protocol.record``.

Bindings (docs/spec/names-and-usages.md, section 5): B9 in :func:`wrap`, B10 in
:func:`seal_body`, B8 by :func:`commitment` and Cobblestone's own, B11 by the padding.
"""

from dataclasses import dataclass
from typing import Final

from crypto import _chunked, _hpke
from crypto.digest import T, u64
from crypto.errors import OpenError
from crypto.kem import KemKey
from crypto.padding import pad, unpad
from crypto.suite import SUITES, SuiteId
from crypto.types import (
    Commitment,
    Digest,
    Mailbox,
    MessageId,
    PrekeyId,
    PublicKey,
    Salt,
    Secret,
    StreamId,
)

_WRAP_LABEL: Final = b"koerier/v1/wrap"
_BODY_LABEL: Final = b"koerier/v1/body"
_COMMITMENT_LABEL: Final = b"koerier/v1/kc"
_LENGTHS: Final = {"cek": _chunked.KEY, "stream": 16, "prev": 32, "salt": 32}  # bytes


@dataclass(frozen=True, slots=True, repr=False)
class WrapSecret:
    """What one recipient learns from its wrap, 120 bytes.

    The content key, and the place of the record in the stream to this recipient;
    ``salt`` hides that place from the others, who see only the slot's hash.
    """

    cek: Secret
    stream: StreamId
    seq: int  # 0 (an archive, outside every stream) to 2^64 - 1
    prev: Digest
    salt: Salt

    def __post_init__(self) -> None:
        """Refuse parts that :func:`unwrap` would read as other parts."""
        if any(len(getattr(self, name)) != n for name, n in _LENGTHS.items()):
            raise ValueError("a part of the wrap secret has another length")
        if not 0 <= self.seq < 2**64:
            raise ValueError("a stream number that is not a u64")

    def _encoded(self) -> bytes:
        """Return cek || stream || u64 seq || prev || salt, each of fixed length."""
        seq = u64(self.seq)
        return self.cek.reveal() + self.stream + seq + self.prev + self.salt

    @classmethod
    def _decoded(cls, raw: bytes) -> "WrapSecret":
        return cls(
            cek=Secret(raw[:32]),
            stream=StreamId(raw[32:48]),
            seq=int.from_bytes(raw[48:56], "big"),
            prev=Digest(raw[56:88]),
            salt=Salt(raw[88:]),
        )


def _wrap_info(
    suite_id: SuiteId, message_id: MessageId, mailbox: Mailbox, kid: PrekeyId
) -> bytes:
    return T(_WRAP_LABEL, suite_id.octet, message_id, mailbox, kid)


def wrap(  # noqa: PLR0913, PLR0917 -- each one is bound (B9); none has a default
    suite_id: SuiteId,
    message_id: MessageId,
    mailbox: Mailbox,
    kid: PrekeyId,
    public: PublicKey,
    secret: WrapSecret,
) -> bytes:
    """Return the wrap for one prekey, 1256 (S1) or 1801 bytes (S2).

    Raises:
        KeyFormatError: ``public`` is not a key of the suite, or one that is refused.
    """
    info = _wrap_info(suite_id, message_id, mailbox, kid)
    return _hpke.seal(suite_id, public, info, secret._encoded())  # noqa: SLF001 -- the one door to its bytes


def unwrap(  # noqa: PLR0913, PLR0917 -- as in wrap
    suite_id: SuiteId,
    message_id: MessageId,
    mailbox: Mailbox,
    kid: PrekeyId,
    key: KemKey,
    wrapped: bytes,
) -> WrapSecret:
    """Return what the wrap holds.

    Raises:
        OpenError: another length, key, suite, message, mailbox or prekey id.
    """
    if len(wrapped) != SUITES[suite_id].wrap:
        raise OpenError
    info = _wrap_info(suite_id, message_id, mailbox, kid)
    return WrapSecret._decoded(_hpke.open_(suite_id, key, info, wrapped))  # noqa: SLF001 -- the one door to its bytes


def commitment(suite_id: SuiteId, message_id: MessageId, cek: Secret) -> Commitment:
    """Return ``kc``: 32 (S1) or 48 bytes (S2) that commit to the content key (B8)."""
    digest = SUITES[suite_id].hash
    return Commitment(digest(T(_COMMITMENT_LABEL, message_id, cek.reveal())))


def _body_context(suite_id: SuiteId, message_id: MessageId) -> bytes:
    return T(_BODY_LABEL, suite_id.octet, message_id)


def seal_body(
    suite_id: SuiteId, message_id: MessageId, cek: Secret, content: bytes, floor: int
) -> bytes:
    """Return the content, padded and encrypted.

    Args:
        suite_id: the suite that the root document names for sealing.
        message_id: 16 bytes, bound into the ciphertext.
        cek: the content key, 32 bytes, fresh for this seal.
        content: what is hidden.
        floor: the smallest padded length, one of ``padding.BUCKETS``.

    Raises:
        ValueError: a floor or a key of another length, a caller's bug.
    """
    padded = pad(content, floor)
    return _chunked.encrypt(cek, _body_context(suite_id, message_id), padded)


def open_body(
    suite_id: SuiteId, message_id: MessageId, cek: Secret, body: bytes
) -> bytes:
    """Return the content.  Nothing is looked at before all of it is authenticated.

    Raises:
        OpenError: another key, suite or message, or a body changed or cut.
        PaddingError: the sender padded in another way than specified.
    """
    return unpad(_chunked.decrypt(cek, _body_context(suite_id, message_id), body))
