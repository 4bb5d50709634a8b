"""B17: an attachment is the one that the signed record names, whole, or nothing."""

from dataclasses import replace

import pytest
from msgspec import structs

from client.core.attached import attachment_line, demanded
from crypto.errors import OpenError
from crypto.stream import AttachmentOpener, AttachmentSealer, VerifiedAttachment
from crypto.suite import SuiteId
from crypto.types import Secret
from protocol.admit import Admitted
from protocol.codec import encode
from protocol.record import Attachment, Record
from tests.support.forge import forge
from tests.support.posts import Cast, cast_of, record_of
from tests.support.refusals import stopped_by

TEXT = b"Bijlage. " * 4_000  # three chunks


@pytest.fixture(params=list(SuiteId), ids=lambda suite: suite.name)
def cast(request: pytest.FixtureRequest) -> Cast:
    return cast_of(request.param)


def sealed_file(suite: SuiteId, text: bytes, key: Secret) -> tuple[Attachment, bytes]:
    blob: list[bytes] = []
    sealer = AttachmentSealer(suite, key, blob.append)
    sealer.update(text)
    names = sealer.finish()
    line = attachment_line(names, key, media="text/plain", name="bijlage.txt")
    return line, b"".join(blob)


def opened(suite: SuiteId, line: Attachment, blob: bytes) -> tuple[bytes, object]:
    """Return the quarantined plaintext and the proof, as a receiver gets them."""
    quarantine: list[bytes] = []
    key, names = demanded(line)
    opener = AttachmentOpener(suite, key, names, quarantine.append)
    opener.update(blob)
    proof = opener.finish()
    return b"".join(quarantine), proof


def received(cast: Cast, line: Attachment) -> Attachment:
    """Return the line as it stands in the record that Bern admitted."""
    record = structs.replace(record_of(cast.tfc, "bern"), atts=(line,))
    outcome = cast.bern.open_bytes(forge(cast.tfc, record, cast.bern.at()).sealed())
    assert isinstance(outcome, Admitted)
    return outcome.genuine.record.atts[0]


def test_what_was_attached_is_opened(cast: Cast) -> None:
    suite = cast.directory.suite
    line, blob = sealed_file(suite, TEXT, Secret(b"a" * 32))
    text, proof = opened(suite, received(cast, line), blob)
    assert text[: line.length] == TEXT
    assert isinstance(proof, VerifiedAttachment)


def test_b17_a_blob_that_is_cut_is_refused(cast: Cast) -> None:
    suite = cast.directory.suite
    line, blob = sealed_file(suite, TEXT, Secret(b"a" * 32))
    for end in (0, 16_384, len(blob) - 1):
        with pytest.raises(OpenError):
            opened(suite, line, blob[:end])


def test_b17_a_blob_is_not_exchanged_for_another_of_the_record(cast: Cast) -> None:
    suite = cast.directory.suite
    first, _ = sealed_file(suite, TEXT, Secret(b"a" * 32))
    _, second = sealed_file(suite, TEXT[::-1], Secret(b"b" * 32))
    with pytest.raises(OpenError):
        opened(suite, first, second)


def test_b17_another_file_under_the_same_key_is_refused(cast: Cast) -> None:
    """A sender that keeps the key puts another file in its place afterwards."""
    suite = cast.directory.suite
    line, _ = sealed_file(suite, TEXT, Secret(b"a" * 32))
    _, other = sealed_file(suite, TEXT[::-1], Secret(b"a" * 32))
    with pytest.raises(OpenError):
        opened(suite, line, other)


@pytest.mark.parametrize("change", [{"length": len(TEXT) - 1}, {"digest": b"d" * 32}])
def test_b17_length_and_hash_of_the_plaintext_are_the_records(
    change: dict[str, object], cast: Cast
) -> None:
    suite = cast.directory.suite
    line, blob = sealed_file(suite, TEXT, Secret(b"a" * 32))
    with pytest.raises(OpenError):
        opened(suite, structs.replace(line, **change), blob)


def test_b17_the_line_is_inside_the_signature(cast: Cast) -> None:
    """Somebody between exchanges the line for one of a blob of its own."""
    suite = cast.directory.suite
    genuine, _ = sealed_file(suite, TEXT, Secret(b"a" * 32))
    planted, _ = sealed_file(suite, b"planted", Secret(b"b" * 32))
    record = structs.replace(record_of(cast.tfc, "bern"), atts=(genuine,))
    parts = forge(cast.tfc, record, cast.bern.at())
    other: Record = structs.replace(record, atts=(planted,))
    inner = parts.inner._replace(record=encode(other))
    assert stopped_by(cast.bern, replace(parts, inner=inner).sealed()) == (
        "VerificationError"
    )
