"""What can go wrong in the suite.

* :exc:`CryptoError`
    * :exc:`OpenError` -- an envelope, a chunk, a frame or a box would not open
    * :exc:`SignatureError` -- a signature does not verify
    * :exc:`PaddingError` -- authenticated content is not padded as specified
    * :exc:`KeyFormatError` -- bytes that are not a key of the suite
    * :exc:`ProofError` -- a Merkle proof does not lead to the root
    * :exc:`ParameterError` -- key derivation parameters below the floor

None of them carries a cause, a key, a length or a position: the same failure
looks the same from outside, whatever was tampered with.
"""


class CryptoError(Exception):
    """Base class; never raised itself."""


class OpenError(CryptoError):
    """Ciphertext, key and context do not belong together."""


class SignatureError(CryptoError):
    """The signature is not by this key, over these bytes, in this usage."""


class PaddingError(CryptoError):
    """The padding is not the one that the content's length demands."""


class KeyFormatError(CryptoError):
    """The bytes are not a key of this suite, or a key that must be refused."""


class ProofError(CryptoError):
    """The proof does not connect these hashes."""


class ParameterError(CryptoError):
    """Work factors weaker than the floor that is compiled in."""
