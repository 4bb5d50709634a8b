"""Pure functions over bytes: what is sealed, opened, signed and verified.

A tour, from the bottom:

* ``errors``, ``types``, ``digest``, ``entropy``, ``suite`` -- the words: what can go
  wrong, one type per byte string, H and T, where randomness comes from, and the two
  suites as one table.
* ``sign`` -- composite signatures with a usage and a realm.  ``_edwards`` is their
  classical half.  ``notekey`` -- the keys of logs and witnesses, which sign notes.
* ``kem`` -- keys of the hybrid KEM, checked when parsed.  ``_hpke`` seals to them,
  for the two modules below only.
* ``envelope`` -- the content seal: a padded body, and its key wrapped per recipient.
  ``padding`` and ``_chunked`` are its parts.  **The relay cannot import it.**
* ``session`` -- what the relay does open: hellos and the cells of a session.
* ``stream`` -- attachments, in constant memory, with quarantine until verified.
* ``passphrase``, ``recordbox``, ``kdf`` -- secrets at rest, and keys from keys.
* ``merkle`` -- the log's trees and their proofs.

Rules that hold throughout.  Nothing here does I/O, reads a clock or draws randomness
(it takes ``Entropy``; the library's HPKE and ML-DSA draw their own).  Verifying and
opening raise, and return nothing that could be ignored.  No error says why, and no
key prints itself.  No primitive is written here: the functions compose those of
``cryptography`` and libsodium, and each names the standard it follows.

The chapters are docs/spec/{names-and-usages,suites,signatures,attachments}.md.
"""
