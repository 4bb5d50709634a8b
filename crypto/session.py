"""The sealed session between a terminal and its relay, inside TLS.

This is the one thing the relay opens.  It has its own key type and its own labels,
so that a key of the session opens no envelope and the other way round::

    terminal                                        relay
    handshake = Handshake(suite, relay, nonce, day_key)   (both)
    secret = Secret(entropy(32))
    proof = identity.sign(Usage.SESSION, handshake.transcript(identity.id, secret), ..)
    seal_hello(handshake, identity.id, secret, proof)  ->  open_hello(handshake, key, _)
                                                       verify the proof over transcript
    terminal_frames(handshake, ...)  <- sealed cells ->  relay_frames(handshake, ...)

Bindings (B20): relay, nonce and day key are in HPKE's info, in what the proof signs
and in the frame keys; the secret's hash is in the proof, so that a relay cannot pass
a proof on to another relay; each direction has its own key.

A nonce is spent by the first hello and a session is never resumed: who keeps that is
``protocol.relay_session``.

Source: docs/spec/session.md; RFC 9180; RFC 5869; SP 800-38D section 8.2.1 for the
nonce, a counter under a key that lives for one session.
"""

import enum
from dataclasses import dataclass
from typing import Final, NoReturn, Self, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto import _hpke
from crypto.digest import H, T, u32, u64
from crypto.errors import OpenError
from crypto.kdf import derive
from crypto.kem import KemKey
from crypto.suite import SUITES, SuiteId
from crypto.types import KeyId, PublicKey, Secret, Signature

SESSION_SECRET: Final = 32  # bytes, drawn by the terminal
FRAME_OVERHEAD: Final = 16  # bytes, the tag
# Far below the 2^64 of the nonce: 2^48 cells of 1 KiB are 256 PiB, so reaching it is
# a fault, and GCM's bound on blocks under one key is still respected.
MAX_CELLS: Final = 2**48

_HELLO_LABEL: Final = b"koerier/v1/session"
_KEY_LABEL: Final = b"koerier/v1/session-key"
_KEY_ID: Final = 32


@enum.unique
class Direction(enum.Enum):
    """Who seals.  The value enters the derivation of the frame key."""

    TO_RELAY = b"to-relay"
    TO_TERMINAL = b"to-terminal"


@final
class SessionKemKey:
    """The relay's day key.  It opens hellos; no envelope function takes it."""

    __slots__ = ("_key", "public", "suite")

    def __init__(self, suite_id: SuiteId, seed: Secret) -> None:
        self._key = KemKey.from_seed(suite_id, seed)
        self.suite: Final = suite_id
        self.public: Final = self._key.public

    @classmethod
    def from_seed(cls, suite_id: SuiteId, seed: Secret) -> Self:
        """Return the key of a 32-byte seed.

        Raises:
            ValueError: a seed of another length, a caller's bug.
        """
        return cls(suite_id, seed)

    def open_(self, suite_id: SuiteId, info: bytes, ciphertext: bytes) -> bytes:
        """Return the plaintext of a hello; called by :func:`open_hello`.

        Raises:
            OpenError: another key, suite, info or ciphertext.
        """
        return _hpke.open_(suite_id, self._key, info, ciphertext)

    def __repr__(self) -> str:
        return f"<session KEM key of {self.suite.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session KEM key is not pickled or copied")


@dataclass(frozen=True, slots=True)
class Handshake:
    """What both ends know before the hello, from the root and the relay's offer."""

    suite: SuiteId
    relay: bytes  # the relay's id in the root document
    nonce: bytes  # fresh from the relay, spent by the first hello
    day_key: PublicKey  # of the relay, under its signature of usage `relaykey`

    @property
    def info(self) -> bytes:
        """HPKE's info of the hello."""
        return T(
            _HELLO_LABEL, self.suite.octet, self.relay, self.nonce, H(self.day_key)
        )

    def transcript(self, terminal: KeyId, secret: Secret) -> bytes:
        """Return what the terminal's identity key signs with usage ``session``."""
        return T(
            self.suite.octet,
            self.relay,
            self.nonce,
            H(self.day_key),
            terminal,
            H(secret.reveal()),
        )

    def frame_key(
        self, terminal: KeyId, secret: Secret, direction: Direction
    ) -> Secret:
        """Return the 32-byte key of one direction."""
        return derive(
            self.suite,
            secret,
            _KEY_LABEL,
            self.relay,
            self.nonce,
            H(self.day_key),
            terminal,
            direction.value,
        )


@dataclass(frozen=True, slots=True, repr=False)
class Hello:
    """What a hello holds.  Nothing of it is believed before the proof verifies."""

    terminal: KeyId
    secret: Secret
    proof: Signature


def hello_size(suite_id: SuiteId) -> int:
    """Return the length of a hello, 4573 (S1) or 6486 bytes (S2)."""
    suite = SUITES[suite_id]
    content = SESSION_SECRET + _KEY_ID + suite.signature
    return suite.kem_enc + content + FRAME_OVERHEAD


def seal_hello(
    handshake: Handshake, terminal: KeyId, secret: Secret, proof: Signature
) -> bytes:
    """Return the hello: HPKE over secret || terminal || proof, each of fixed length.

    Raises:
        KeyFormatError: the relay's day key is not a key of the suite.
        ValueError: a part of another length, a caller's bug.
    """
    content = secret.reveal() + terminal + proof
    lengths = (len(secret), len(terminal), len(proof))
    if lengths != (SESSION_SECRET, _KEY_ID, SUITES[handshake.suite].signature):
        raise ValueError("a part of the hello has another length")
    return _hpke.seal(handshake.suite, handshake.day_key, handshake.info, content)


def open_hello(handshake: Handshake, key: SessionKemKey, hello: bytes) -> Hello:
    """Return what the hello holds.

    Raises:
        OpenError: another length, suite, relay, nonce or day key.
    """
    if len(hello) != hello_size(handshake.suite):
        raise OpenError
    content = key.open_(handshake.suite, handshake.info, hello)
    return Hello(
        secret=Secret(content[:SESSION_SECRET]),
        terminal=KeyId(content[SESSION_SECRET : SESSION_SECRET + _KEY_ID]),
        proof=Signature(content[SESSION_SECRET + _KEY_ID :]),
    )


def _nonce(cell: int) -> bytes:
    return u32(0) + u64(cell)


@final
class FrameSealer:
    """Seals the cells of one direction, in order, each under the next number.

    One key has one sealer: the number lives here and nowhere else.  The cipher is
    made for each cell: that takes a microsecond, and one that is kept takes 2,500
    bytes of every terminal that is connected and says nothing.
    """

    __slots__ = ("_cells", "_key")

    def __init__(self, key: Secret) -> None:
        self._key = key
        self._cells = 0

    @property
    def cells(self) -> int:
        """How many cells were sealed: the number of the next one."""
        return self._cells

    def seal(self, cell: bytes) -> bytes:
        """Return the sealed cell, 16 bytes longer.

        Raises:
            RuntimeError: 2^48 cells were sealed; the session must end.
        """
        if self._cells >= MAX_CELLS:
            raise RuntimeError("a session that sealed 2^48 cells must end")
        aead = AESGCM(self._key.reveal())
        sealed = aead.encrypt(_nonce(self._cells), cell, None)
        self._cells += 1
        return sealed

    def __reduce__(self) -> NoReturn:
        raise TypeError("a copied sealer would use a nonce twice")


@final
class FrameOpener:
    """Opens the cells of one direction, in order and without a gap."""

    __slots__ = ("_cells", "_key")

    def __init__(self, key: Secret) -> None:
        self._key = key
        self._cells = 0

    @property
    def cells(self) -> int:
        """How many cells were opened: the number of the next one."""
        return self._cells

    def open_(self, sealed: bytes) -> bytes:
        """Return the cell.  A refused cell changes nothing.

        Raises:
            OpenError: changed, repeated, out of order, of another key, or beyond
                2^48 cells.
        """
        if self._cells >= MAX_CELLS:
            raise OpenError
        aead = AESGCM(self._key.reveal())  # made for each cell, as the sealer's
        try:
            cell = aead.decrypt(_nonce(self._cells), sealed, None)
        except InvalidTag:
            raise OpenError from None
        self._cells += 1
        return cell

    def __reduce__(self) -> NoReturn:
        raise TypeError("a copied opener would take a cell twice")


Frames = tuple[FrameSealer, FrameOpener]


def terminal_frames(handshake: Handshake, terminal: KeyId, secret: Secret) -> Frames:
    """Return the terminal's sealer and opener."""
    return (
        FrameSealer(handshake.frame_key(terminal, secret, Direction.TO_RELAY)),
        FrameOpener(handshake.frame_key(terminal, secret, Direction.TO_TERMINAL)),
    )


def relay_frames(handshake: Handshake, terminal: KeyId, secret: Secret) -> Frames:
    """Return the relay's sealer and opener."""
    return (
        FrameSealer(handshake.frame_key(terminal, secret, Direction.TO_TERMINAL)),
        FrameOpener(handshake.frame_key(terminal, secret, Direction.TO_RELAY)),
    )
