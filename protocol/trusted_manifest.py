"""One door to prekeys: the manifest that the key log names, and keys out of it.

::

    book = book.adopt(terminal, signed_manifest, view)
    prekey = book.prekey(terminal, offer.index, offer.key, offer.path, view)
    chosen = choose(prekeys, now)

The last entry of the key log that names a terminal decides which manifest it has.
If that one is missing or false, nothing is sealed to the terminal: there is no
falling back to the one before, since a relay would choose for us.

Source: docs/spec/prekeys.md sections 3 and 4.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from crypto.digest import H
from crypto.errors import KeyFormatError, ProofError
from crypto.kem import parse_public
from crypto.merkle import verify_inclusion
from crypto.sign import Usage
from crypto.types import Digest, KeyId, Mailbox, PrekeyId, PublicKey
from protocol.codec import decode
from protocol.directory_state import Notice
from protocol.directory_view import DirectoryView, Terminal
from protocol.errors import (
    BindingError,
    ChainError,
    ExpiredError,
    RollbackError,
)
from protocol.manifest import (
    Manifest,
    PrekeyKind,
    SignedManifest,
    Window,
    check_shape,
    prekey_id,
    prekey_leaf,
    window,
)
from protocol.signed import SignatureLine, verify_one


class PrekeyView(DirectoryView, Protocol):
    """A directory that also knows the manifests that the key log names."""

    def notice(self, terminal: KeyId) -> Notice | None:
        """Return the last manifest that the log names for a terminal."""


@dataclass(frozen=True, slots=True)
class TrustedManifest:
    """A manifest that verified under its terminal's current key."""

    manifest: Manifest
    digest: Digest


@dataclass(frozen=True, slots=True)
class Prekey:
    """One key to seal to, with its place in the directory proven."""

    terminal: KeyId
    mailbox: Mailbox
    kid: PrekeyId
    public: PublicKey
    window: Window


@dataclass(frozen=True, slots=True)
class PrekeyBook:
    """The last verified manifest of each terminal key; changes are new books."""

    manifests: Mapping[KeyId, TrustedManifest] = field(default_factory=dict)

    def adopt(
        self, terminal: KeyId, signed: SignedManifest, view: PrekeyView
    ) -> "PrekeyBook":
        """Return the book with the manifest that the log names for ``terminal``.

        Raises:
            ChainError: the terminal is not current, or the log names another.
            VerificationError: the signature is not by the terminal's current key.
            MalformedError: not a manifest.
            BindingError: another terminal, mailbox (B14) or suite (B16).
            RollbackError: a number that is not above the last verified one.
        """
        owner = _current(terminal, view)
        line = SignatureLine(terminal, signed.signature)
        verify_one(
            owner.key, line, signed.manifest, usage=Usage.PREKEYS, realm=view.realm
        )
        manifest = decode(signed.manifest, Manifest)
        check_shape(manifest)
        if manifest.terminal != terminal or manifest.mailbox != owner.mailbox:
            raise BindingError("B14")
        if manifest.suite is not view.suite:
            raise BindingError("B16")
        found = TrustedManifest(manifest, H(signed.manifest))
        _named(terminal, found, view)
        last = self.manifests.get(terminal)
        if last == found:
            return self
        if last is not None and manifest.number <= last.manifest.number:
            raise RollbackError("a manifest that is not newer")
        return PrekeyBook({**self.manifests, terminal: found})

    def prekey(
        self,
        terminal: KeyId,
        index: int,
        public: PublicKey,
        path: Sequence[Digest],
        view: PrekeyView,
    ) -> Prekey:
        """Return one offered key, proven to be the terminal's for its days.

        Raises:
            ChainError: the terminal is not current, or its named manifest is not
                the one in this book: fetch it, and seal nothing until then.
            BindingError: another key, index or day than the manifest's (B14), or a
                key that must be refused (B15).
        """
        owner = _current(terminal, view)
        found = self.manifests.get(terminal)
        if found is None:
            raise ChainError("no manifest of this terminal")
        _named(terminal, found, view)
        manifest = found.manifest
        when = window(manifest, index)
        leaf = prekey_leaf(index, when, public)
        try:
            verify_inclusion(leaf, index, manifest.n, path, manifest.root)
        except ProofError:
            raise BindingError("B14") from None
        try:
            parse_public(manifest.suite, public)
        except KeyFormatError:
            raise BindingError("B15") from None
        return Prekey(
            terminal=terminal,
            mailbox=owner.mailbox,
            kid=prekey_id(manifest.suite, found.digest, index),
            public=public,
            window=when,
        )


def choose(prekeys: Iterable[Prekey], now: int) -> Prekey:
    """Return the key to seal to: one-time if there is one, else today's.

    Raises:
        ExpiredError: none of them is for now.
    """
    today = [prekey for prekey in prekeys if prekey.window.covers(now)]
    for prekey in today:
        if prekey.window.kind is PrekeyKind.ONE_TIME:
            return prekey
    if not today:
        raise ExpiredError("no prekey for now")
    return today[0]


def _current(terminal: KeyId, view: PrekeyView) -> Terminal:
    owner = view.terminal(terminal)
    if owner is None or owner.ended is not None:
        raise ChainError("a terminal that is not current")
    return owner


def _named(terminal: KeyId, found: TrustedManifest, view: PrekeyView) -> None:
    """Compare with the last entry of the log that names the terminal."""
    last = view.notice(terminal)
    if last is None:
        raise ChainError("the log names no manifest of this terminal")
    named = last.notice
    if named.manifest != found.digest or named.number != found.manifest.number:
        raise ChainError("the log names another manifest")
