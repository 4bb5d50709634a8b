"""Attachments: a file of any size, sealed and opened in constant memory.

    sealer = AttachmentSealer(suite, key, blob.write)
    for piece in file:
        sealer.update(piece)
    names = sealer.finish()                       # these go into the signed record

    opener = AttachmentOpener(suite, key, names, quarantine.write)
    for piece in blob:
        opener.update(piece)
    release(quarantine, opener.finish())

**Quarantine.**  ``update`` hands plaintext to the sink before the end of the file is
authenticated: a cut-off file looks right until then.  So the sink is a place that
nobody reads (a spool file of the vault), and what moves it out of there takes the
:class:`VerifiedAttachment` that only :meth:`AttachmentOpener.finish` returns.  After
any error the opener is spent and the spool is thrown away.

The blob's name is the SHA-256 of the ciphertext.  The true length is not in the
blob: it is padded with zeros to its Padmé length and the record carries the length.

Binding B17.  Source: docs/spec/attachments.md; C2SP chunked-encryption.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from crypto._chunked import steps
from crypto.digest import T
from crypto.errors import OpenError
from crypto.padding import padme
from crypto.suite import SuiteId
from crypto.types import Digest, Secret

_LABEL: Final = b"koerier/v1/att"
_ZEROS: Final = bytes(64 * 1024)


@dataclass(frozen=True, slots=True)
class AttachmentNames:
    """What the signed record says of an attachment, besides its key."""

    blob: Digest  # SHA-256 of the ciphertext
    length: int  # true length in bytes
    plaintext: Digest  # SHA-256 of the plaintext without padding


@dataclass(frozen=True, slots=True)
class VerifiedAttachment:
    """Proof that a whole attachment went to the sink and was what the record says.

    Whatever takes plaintext out of quarantine asks for one of these.
    """

    names: AttachmentNames


def _context(suite_id: SuiteId) -> bytes:
    return T(_LABEL, suite_id.octet)


@final
class AttachmentSealer:
    """Encrypts one attachment under a fresh key of 32 bytes, used for nothing else.

    ``sink`` takes the parts of the blob, in order.  After an error, the sink's own
    included, the sealer is spent: the blob has a hole.
    """

    __slots__ = ("_blob", "_encryptor", "_length", "_plaintext", "_sink", "_spent")

    def __init__(
        self, suite_id: SuiteId, key: Secret, sink: Callable[[bytes], object]
    ) -> None:
        self._encryptor = Cobblestone256Encryptor(key.reveal(), _context(suite_id))
        self._sink = sink
        self._blob = hashlib.sha256()
        self._plaintext = hashlib.sha256()
        self._length = 0
        self._spent = False

    def update(self, plaintext: bytes) -> None:
        """Encrypt the next part of the file into the sink.

        Raises:
            RuntimeError: the sealer was used after an error or after ``finish``.
        """
        self._begin()
        self._plaintext.update(plaintext)
        self._length += len(plaintext)
        for step in steps(plaintext):
            self._put(self._encryptor.update(step))
        self._spent = False

    def finish(self) -> AttachmentNames:
        """Write padding and end, and return what the record says of the attachment.

        The padding is up to 12 % of the length; it goes out in steps, too.

        Raises:
            RuntimeError: the sealer was used after an error or after ``finish``.
        """
        self._begin()
        missing = padme(self._length) - self._length
        while missing:
            zeros = _ZEROS[:missing]
            self._put(self._encryptor.update(zeros))
            missing -= len(zeros)
        self._put(self._encryptor.finalize())
        return AttachmentNames(
            blob=Digest(self._blob.digest()),
            length=self._length,
            plaintext=Digest(self._plaintext.digest()),
        )

    def _begin(self) -> None:
        """Take the sealer as spent until the call has come to its end."""
        if self._spent:
            raise RuntimeError("an attachment sealer was used after its end")
        self._spent = True

    def _put(self, ciphertext: bytes) -> None:
        self._blob.update(ciphertext)
        self._sink(ciphertext)


@final
class AttachmentOpener:
    """Decrypts one blob into a sink, and says at the end whether it may be used.

    After an error, the sink's own included, the opener is spent.
    """

    __slots__ = (
        "_blob",
        "_decryptor",
        "_names",
        "_plaintext",
        "_received",
        "_sink",
        "_spent",
    )

    def __init__(
        self,
        suite_id: SuiteId,
        key: Secret,
        names: AttachmentNames,
        sink: Callable[[bytes], object],
    ) -> None:
        self._decryptor = Cobblestone256Decryptor(key.reveal(), _context(suite_id))
        self._names = names
        self._sink = sink
        self._blob = hashlib.sha256()
        self._plaintext = hashlib.sha256()
        self._received = 0  # bytes of plaintext, padding included
        self._spent = False

    def update(self, ciphertext: bytes) -> None:
        """Decrypt the next part of the blob into the sink (quarantine).

        Raises:
            OpenError: a chunk is not genuine, or longer than the record says.
            RuntimeError: the opener was used after an error or after ``finish``.
        """
        self._begin()
        for step in steps(ciphertext):
            self._blob.update(step)
            try:
                padded = self._decryptor.update(step)
            except InvalidTag:
                raise OpenError from None
            self._take(padded)
        self._spent = False

    def finish(self) -> VerifiedAttachment:
        """Return the proof that lets the plaintext out of quarantine.

        Raises:
            OpenError: the blob was cut off, or is not the one the record names:
                hash of the blob, length, padding, hash of the plaintext.
            RuntimeError: the opener was used after an error or after ``finish``.
        """
        self._begin()
        try:
            padded = self._decryptor.finalize()
        except InvalidTag:
            raise OpenError from None
        self._take(padded)
        if (
            self._blob.digest() != self._names.blob
            or self._received != padme(self._names.length)
            or self._plaintext.digest() != self._names.plaintext
        ):
            raise OpenError
        return VerifiedAttachment(self._names)

    def _begin(self) -> None:
        """Take the opener as spent until the call has come to its end."""
        if self._spent:
            raise RuntimeError("an attachment opener was used after its end")
        self._spent = True

    def _take(self, padded: bytes) -> None:
        """Give the sink what is content; require zeros of what is padding."""
        room = max(0, self._names.length - self._received)
        content, padding = padded[:room], padded[room:]
        self._received += len(padded)
        if padding.strip(b"\0") or self._received > padme(self._names.length):
            raise OpenError
        self._plaintext.update(content)
        self._sink(content)
