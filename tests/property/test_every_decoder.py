"""No decoder breaks on bytes that a stranger chose (short; campaigns go further)."""

import random

import cbor2
import pytest

from protocol.codec import Message, decode, encode
from protocol.errors import MalformedError
from protocol.limits import MAX_ENVELOPE, MAX_ITEMS
from tests.fuzz.decoders import Decoder, check, decoders, documents, message_types
from tests.fuzz.mutate import bombs, mutated

ALL = list(decoders())
TRIES = 150


@pytest.mark.parametrize("decoder", ALL, ids=[decoder.name for decoder in ALL])
def test_almost_right_bytes_are_refused_or_are_the_one_encoding(
    decoder: Decoder,
) -> None:
    rng = random.Random(decoder.name)
    for _ in range(TRIES):
        check(decoder, mutated(rng, decoder.corpus))


@pytest.mark.parametrize("decoder", ALL, ids=[decoder.name for decoder in ALL])
def test_a_bomb_is_refused(decoder: Decoder) -> None:
    for bomb in bombs(8 * 1024):
        check(decoder, bomb)


def test_the_work_that_a_document_can_cause_is_counted() -> None:
    """64 KiB of items cost no more than the bound on items allows."""
    for bomb in bombs(64 * 1024):
        with pytest.raises(MalformedError):
            decode(bomb, tuple[object, ...])
    allowed = b"\x99" + (MAX_ITEMS - 1).to_bytes(2, "big") + bytes(MAX_ITEMS - 1)
    assert len(decode(allowed, tuple[int, ...])) == MAX_ITEMS - 1


@pytest.mark.parametrize("kind", message_types(), ids=lambda kind: kind.__name__)
def test_a_valid_document_of_each_type_is_read_and_is_its_one_encoding(
    kind: type[Message],
) -> None:
    for data in documents(kind):
        assert encode(decode(data, kind, limit=MAX_ENVELOPE)) == data
        # Fields come in the order of their numbers: what the library sorts, stays.
        assert cbor2.dumps(cbor2.loads(data), canonical=True) == data
