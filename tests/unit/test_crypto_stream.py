"""Attachments: binding B17, quarantine, constant memory."""

import tracemalloc
from dataclasses import replace

import pytest
from cryptography.cobblestone import Cobblestone256Encryptor

from crypto.digest import H, T
from crypto.errors import OpenError
from crypto.padding import padme
from crypto.stream import AttachmentNames, AttachmentOpener, AttachmentSealer
from crypto.suite import SuiteId
from crypto.types import Digest, Secret
from tests.support.keys import flipped, secret, stretched

S1 = SuiteId.S1
KEY = secret("attachment")


def whole(content: bytes) -> tuple[bytes, AttachmentNames]:
    """Return blob and names; the blob is complete only after finish."""
    blob = bytearray()
    sealer = AttachmentSealer(S1, KEY, blob.extend)
    sealer.update(content)
    names = sealer.finish()
    return bytes(blob), names


def opened(
    blob: bytes, names: AttachmentNames, key: Secret = KEY, suite: SuiteId = S1
) -> bytes:
    spool = bytearray()
    opener = AttachmentOpener(suite, key, names, spool.extend)
    opener.update(blob)
    assert opener.finish().names == names
    return bytes(spool)


def hostile(padded: bytes, names: AttachmentNames) -> tuple[bytes, AttachmentNames]:
    """Seal as a sender could who keeps to nothing, with a true blob name."""
    encryptor = Cobblestone256Encryptor(
        KEY.reveal(), T(b"koerier/v1/att", SuiteId.S1.octet)
    )
    blob = encryptor.update(padded) + encryptor.finalize()
    return blob, replace(names, blob=H(blob))


@pytest.mark.parametrize("size", [0, 1, 7, 9, 16383, 16384, 65536, 65537, 300_001])
def test_what_was_sealed_opens_again(size: int) -> None:
    content = stretched("file", size)
    blob, names = whole(content)
    assert opened(blob, names) == content
    assert names == AttachmentNames(H(blob), size, H(content))


def test_only_the_padme_length_shows() -> None:
    lengths = {len(whole(bytes(size))[0]) for size in (99_000, 99_500, 100_000)}
    assert len(lengths) == 1
    assert padme(99_000) == padme(100_000)


def test_a_blob_opens_under_its_key_and_suite_only() -> None:
    blob, names = whole(b"content")
    for key, suite in ((secret("another"), S1), (KEY, SuiteId.S2)):
        with pytest.raises(OpenError):
            opened(blob, names, key, suite)


def test_a_changed_cut_or_lengthened_blob_is_refused() -> None:
    chunk = 16 * 1024 + 16
    blob, names = whole(stretched("file", 100_000))
    header = 56  # salt and commitment
    first, second = blob[header : header + chunk], blob[header + chunk :][:chunk]
    for wrong in (
        b"",
        blob[:-1],
        blob[: header + chunk],
        blob[:header] + second + first + blob[header + 2 * chunk :],
        blob + b"\0",
        flipped(blob, 0),
        flipped(blob, len(blob) // 2),
        flipped(blob, len(blob) - 1),
    ):
        with pytest.raises(OpenError):
            opened(wrong, names)


def test_a_cut_blob_looks_right_until_the_end_so_nothing_leaves_quarantine() -> None:
    """Truncation at a chunk: plaintext reached the spool, no proof exists."""
    content = stretched("file", 100_000)
    blob, names = whole(content)
    spool = bytearray()
    opener = AttachmentOpener(S1, KEY, names, spool.extend)
    opener.update(blob[: 56 + 3 * (16 * 1024 + 16)])
    assert content.startswith(bytes(spool))
    assert spool
    with pytest.raises(OpenError):
        opener.finish()
    with pytest.raises(RuntimeError):
        opener.finish()


@pytest.mark.parametrize("change", ["blob", "plaintext", "length"])
def test_a_blob_that_is_not_the_one_the_record_names_is_refused(change: str) -> None:
    blob, names = whole(b"content")
    wrong = {
        "blob": replace(names, blob=H(b"another")),
        "plaintext": replace(names, plaintext=H(b"another")),
        "length": replace(names, length=names.length - 1),
    }[change]
    with pytest.raises(OpenError):
        opened(blob, wrong)


def test_an_exchanged_attachment_under_the_same_key_is_refused() -> None:
    """A sender's two versions: the record names one of them."""
    first, names = whole(b"one version")
    second, other = whole(b"two version")
    assert len(first) == len(second)
    with pytest.raises(OpenError):
        opened(second, names)
    assert opened(second, other) == b"two version"


@pytest.mark.parametrize(
    ("padded", "length"),
    [
        (b"content\x01", 7),
        (b"content" + bytes(2), 7),
        (b"content-content", 7),
        (b"content", 9),
        (b"content".ljust(10, b"\0"), 9),
        (b"", 1),
        (b"x", 0),
    ],
)
def test_a_sender_cannot_hide_bytes_or_lengths_in_the_padding(
    padded: bytes, length: int
) -> None:
    names = AttachmentNames(Digest(bytes(32)), length, H(padded[:length]))
    blob, named = hostile(padded, names)
    if padded == b"content".ljust(10, b"\0"):
        assert opened(blob, named) == padded[:length]  # canonical after all
    else:
        with pytest.raises(OpenError):
            opened(blob, named)


def test_a_used_up_sealer_or_opener_is_the_callers_bug() -> None:
    blob, names = whole(b"content")
    opener = AttachmentOpener(S1, KEY, names, bytearray().extend)
    opener.update(blob)
    opener.finish()
    sealer = AttachmentSealer(S1, KEY, bytearray().extend)
    sealer.finish()
    for attempt in (
        opener.finish,
        lambda: opener.update(b""),
        sealer.finish,
        lambda: sealer.update(b""),
    ):
        with pytest.raises(RuntimeError, match="after its end"):
            attempt()


def test_after_a_refusal_nothing_more_is_taken() -> None:
    blob, names = whole(b"content")
    opener = AttachmentOpener(S1, KEY, names, bytearray().extend)
    with pytest.raises(OpenError):
        opener.update(flipped(blob, 0))
    with pytest.raises(RuntimeError):
        opener.update(blob)


def test_a_sink_that_fails_spends_sealer_and_opener() -> None:
    """Or the caller could go on, and the spool would lack what the disk refused."""

    def full(_: bytes) -> None:
        raise OSError("disk full")

    blob, names = whole(stretched("file", 100_000))
    opener = AttachmentOpener(S1, KEY, names, full)
    sealer = AttachmentSealer(S1, KEY, full)
    with pytest.raises(OSError, match="disk full"):
        opener.update(blob)
    with pytest.raises(OSError, match="disk full"):
        sealer.update(stretched("file", 100_000))
    with pytest.raises(RuntimeError):
        opener.finish()
    with pytest.raises(RuntimeError):
        sealer.finish()


def test_memory_does_not_grow_with_the_file() -> None:
    """The padding of 16 MiB alone is half a megabyte: it goes out in steps, too."""
    names: list[AttachmentNames] = []
    piece = bytes(64 * 1024)
    tracemalloc.start()
    try:
        sealer = AttachmentSealer(S1, KEY, lambda _: None)
        for _ in range(256):
            sealer.update(piece)
        sealer.update(b"one byte over")
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        names.append(sealer.finish())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert padme(names[0].length) - names[0].length > 400_000
    assert peak - before < 250_000
