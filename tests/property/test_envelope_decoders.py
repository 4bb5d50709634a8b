"""Every decoder of records and envelopes, on bytes that a stranger chose.

Nothing but the one error comes out, whatever goes in; and what is taken is the one
encoding of its value.
"""

import json
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from client.core.sealing import UnreadableError, arrived, open_envelope
from crypto.suite import SuiteId
from crypto.types import Mailbox, PrekeyId
from protocol.bodies import CableBody, Paragraph
from protocol.codec import decode, encode
from protocol.envelope import Envelope, parse_envelope
from protocol.errors import MalformedError
from protocol.label import Level
from protocol.nack import Nack
from protocol.receipt import Statement
from protocol.record import Record
from protocol.record_type import RULES
from protocol.slip import Inner, Slip
from tests.support.edited import Change, changes_at, edited
from tests.support.forge import forge
from tests.support.posts import cast_of, record_of

GOLDEN = Path(__file__).parents[1] / "golden"
TOLD = json.loads((GOLDEN / "cable-s1.json").read_text(encoding="ascii"))
ENVELOPE = (GOLDEN / "receipt-s1.cbor").read_bytes()
VALID: list[tuple[type[Any], bytes]] = [
    (Record, bytes.fromhex(TOLD["record"])),
    (Slip, bytes.fromhex(TOLD["slip"])),
    (Envelope, ENVELOPE),
    (
        CableBody,
        encode(
            CableBody(
                subject="s",
                paragraphs=(Paragraph(text="é", mark=Level.DEP_V),),
                deskby=7,
            )
        ),
    ),
]
CAST = cast_of(SuiteId.S1)
SEALED = forge(CAST.tfc, record_of(CAST.tfc, "bern"), CAST.bern.at()).sealed()

edits = changes_at(st.integers(0, 1 << 16), most=4)


def taken(kind: type[Any], data: bytes) -> None:
    """Decode; what is not refused is what its value encodes to."""
    try:
        value = decode(data, kind)
    except MalformedError:
        return
    assert encode(value) == data


@pytest.mark.parametrize(("kind", "valid"), VALID, ids=lambda it: str(it)[:20])
@given(changes=edits)
def test_an_edited_document_is_refused_or_another_value(
    kind: type[Any], valid: bytes, changes: list[Change]
) -> None:
    taken(kind, edited(valid, changes))


BODIES = [rule.body for rule in RULES.values()]


@given(
    kind=st.sampled_from([Record, Slip, Inner, Envelope, Nack, Statement, *BODIES]),
    data=st.binary(max_size=200),
)
@example(kind=Record, data=b"")
@example(kind=Inner, data=b"\x83\x40\x40\x80")
def test_any_bytes_are_refused_or_their_value(kind: type[Any], data: bytes) -> None:
    taken(kind, data)


@given(changes=edits)
def test_an_edited_envelope_opens_for_nobody(
    changes: list[Change],
) -> None:
    """Only the one error, whichever byte it is; unless nothing changed."""
    data = edited(SEALED, changes)
    receiver = CAST.bern.receiver()
    if data == SEALED:
        return
    with pytest.raises(UnreadableError):
        open_envelope(arrived(data, receiver), CAST.bern.prekey, receiver)


@given(data=st.binary(max_size=100))
def test_any_bytes_are_no_envelope(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_envelope(data)


@pytest.mark.parametrize("extra", [0, 1])
def test_an_envelope_is_looked_at_by_its_length_first(extra: int) -> None:
    limit = len(ENVELOPE) - extra
    if extra:
        with pytest.raises(MalformedError):
            parse_envelope(ENVELOPE, limit=limit)
    else:
        assert parse_envelope(ENVELOPE, limit=limit).encoded() == ENVELOPE


@pytest.mark.parametrize("order", ["descending", "twice"])
def test_wraps_ascend_by_mailbox(order: str) -> None:
    envelope = parse_envelope(ENVELOPE)
    (wrap,) = envelope.wraps
    higher = wrap._replace(mailbox=Mailbox(b"\xff" * 16))
    assert parse_envelope(envelope._replace(wraps=(wrap, higher)).encoded())
    wraps = (higher, wrap) if order == "descending" else (wrap, wrap)
    with pytest.raises(MalformedError):
        parse_envelope(envelope._replace(wraps=wraps).encoded())


def test_a_kid_has_the_length_of_its_suite() -> None:
    envelope = parse_envelope(ENVELOPE)
    (wrap,) = envelope.wraps
    longer = wrap._replace(kid=PrekeyId(wrap.kid + wrap.kid))
    with pytest.raises(MalformedError):
        parse_envelope(envelope._replace(wraps=(longer,)).encoded())
