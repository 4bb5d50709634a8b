"""What a receiver believes of a record that is sent again, and what it refuses."""

from dataclasses import replace

import pytest
from msgspec import structs

from client.core.sealing import UnreadableError, arrived, open_envelope
from crypto.suite import SuiteId
from crypto.types import Digest
from protocol.admit import Admitted, Outcome, Refused
from protocol.bodies import CableBody, HistoryAnswerBody, Paragraph
from protocol.by_position import parse_inner, parse_slip
from protocol.codec import Message, encode
from protocol.directory_view import Ended
from protocol.errors import Reason, StrangerError
from protocol.history import (
    Seen,
    Worth,
    key_log_seen,
    label_of_resent,
    may_be_resent,
    resent,
)
from protocol.label import Label, Level
from protocol.leaf import leaf_commitment, message_leaf
from protocol.limits import MAX_RESENT
from protocol.machine_bodies import HistoryBody, HistoryEndBody
from protocol.receiver import Receiver
from protocol.record import Record
from protocol.record_type import RULES, RecordType
from protocol.root import RootDocument
from protocol.signed import SignatureLine
from protocol.slip import Inner
from protocol.tlog_proof import write_proof
from tests.support.forge import forge
from tests.support.log import NOW as LOGGED
from tests.support.log import GrownLog, leaves
from tests.support.ministry import ministry
from tests.support.posts import (
    DEP_V,
    HEADS,
    LATER,
    NOW,
    Cast,
    Station,
    cast_of,
    record_of,
    seal_to,
)
from tests.support.witnesses import WITNESS_POLICY, log_key

REQUEST = Digest(b"q" * 32)
ENDED = Ended("revoked", 6, 0)  # as a terminal sees it that adopted all at once


@pytest.fixture
def cast() -> Cast:
    return cast_of(SuiteId.S1)


@pytest.fixture(scope="module")
def root() -> RootDocument:
    """Return a root document with the log keys and witnesses of `GrownLog`."""
    document = ministry().directory.root.document
    logs = {f"{name}_log": log_key(f"{name}-log") for name in ("key", "message")}
    return structs.replace(document, witnesses=WITNESS_POLICY, **logs)


def old_sealing(sender: Station, record: Record, to: Station) -> tuple[Inner, Digest]:
    """Return the inner parts of an honest sealing, and H(its body)."""
    sealed = seal_to(sender, record, to)
    lines = [SignatureLine(sender.key.id, sealed.signature)]
    if sealed.release is not None:
        lines.append(sealed.release)
    return Inner(sealed.record, sealed.slip, tuple(lines)), sealed.body


def history_of(
    sender: Station, record: Record, to: Station, **changes: object
) -> HistoryBody:
    inner, body = old_sealing(sender, record, to)
    whole = HistoryBody(request=REQUEST, number=1, inner=encode(inner), body=body)
    return structs.replace(whole, **changes)


def carried(
    cast: Cast, body: Message, label: Label | None = DEP_V, by: Station | None = None
) -> Record:
    """Return a record of TFC to Bern that brings ``body``."""
    kind = RecordType.HISTORY
    if isinstance(body, HistoryEndBody):
        kind = RecordType.HISTORY_END
    record = record_of(by or cast.tfc, "bern", kind=kind, body=body, seed="carrier")
    return structs.replace(record, by=(), drafter=None, label=label)


def receiver_of(cast: Cast, root: RootDocument | None = None) -> Receiver:
    asked = {REQUEST: "tfc"}
    return replace(cast.bern.receiver(), asked=asked.get, root=root)


def outcome(cast: Cast, record: Record, by: Station | None = None) -> Outcome:
    receiver = receiver_of(cast)
    data = forge(by or cast.tfc, record, cast.bern.at()).sealed()
    return open_envelope(arrived(data, receiver), cast.bern.prekey, receiver)


def reason(cast: Cast, record: Record, by: Station | None = None) -> Reason | None:
    found = outcome(cast, record, by)
    if isinstance(found, Refused):
        return found.reason
    assert isinstance(found, Admitted)
    return None


# --- what comes


@pytest.mark.parametrize("way", ["to us", "from us"])
def test_what_the_two_exchanged_is_admitted(cast: Cast, way: str) -> None:
    ends = (cast.tfc, cast.bern) if way == "to us" else (cast.bern, cast.tfc)
    sender, to = ends
    body = history_of(sender, record_of(sender, to.post), to)
    assert reason(cast, carried(cast, body)) is None


def test_the_end_of_it_is_admitted(cast: Cast) -> None:
    body = HistoryEndBody(request=REQUEST, sent=3, left_out=1)
    assert reason(cast, carried(cast, body, label=None)) is None


def test_nobody_is_believed_who_was_not_asked(cast: Cast) -> None:
    """HIST-3: another request, or another post than the one that was asked."""
    record = record_of(cast.tfc, "bern")
    other = history_of(cast.tfc, record, cast.bern, request=Digest(b"x" * 32))
    assert reason(cast, carried(cast, other)) is Reason.NOT_ASKED
    end = HistoryEndBody(request=Digest(b"x" * 32), sent=0, left_out=0)
    assert reason(cast, carried(cast, end, label=None)) is Reason.NOT_ASKED
    mine = history_of(cast.oslo, record_of(cast.oslo, "bern"), cast.bern)
    by_oslo = carried(cast, mine, by=cast.oslo)
    assert reason(cast, by_oslo, by=cast.oslo) is Reason.NOT_ASKED
    asked_nothing = cast.bern.receiver()
    data = forge(
        cast.tfc,
        carried(cast, history_of(cast.tfc, record, cast.bern)),
        cast.bern.at(),
    ).sealed()
    found = open_envelope(arrived(data, asked_nothing), cast.bern.prekey, asked_nothing)
    assert isinstance(found, Refused)
    assert found.reason is Reason.NOT_ASKED


def test_what_others_exchanged_is_refused(cast: Cast) -> None:
    """HIST-4: the peer may not pass on what a third post wrote or got."""
    for sender, to in ((cast.oslo, cast.tfc), (cast.tfc, cast.oslo)):
        body = history_of(sender, record_of(sender, to.post), to)
        assert reason(cast, carried(cast, body)) is Reason.INCONSISTENT


def test_only_what_people_write_to_other_posts_is_history(cast: Cast) -> None:
    for kind in RecordType:
        record = structs.replace(record_of(cast.tfc, "bern"), type=kind)
        rule = RULES[kind]
        expected = rule.written and not rule.own_post and kind not in {16, 17}
        assert may_be_resent(record, "bern", "tfc") is expected, kind
    unknown = structs.replace(record_of(cast.tfc, "bern"), type=63)
    assert not may_be_resent(unknown, "bern", "tfc")
    assert not may_be_resent(record_of(cast.tfc, "tfc"), "tfc", "tfc")


def test_a_record_may_not_travel_under_another_label(cast: Cast) -> None:
    """HIST-5: under a lower one it would go where it may not."""
    low = Label(level=Level.ONGERUBRICEERD, until=LATER)
    body = history_of(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    assert reason(cast, carried(cast, body, label=low)) is Reason.INCONSISTENT


def test_the_originator_is_put_on_its_own_list(cast: Cast) -> None:
    named = structs.replace(DEP_V, releasable=("tfc",))
    mine = structs.replace(record_of(cast.bern, "tfc"), label=named)
    both = structs.replace(DEP_V, releasable=("bern", "tfc"))
    assert label_of_resent(mine, "bern") == both
    body = history_of(cast.bern, mine, cast.tfc)
    assert reason(cast, carried(cast, body, label=both)) is None
    assert reason(cast, carried(cast, body, label=named)) is Reason.NOT_RELEASABLE
    theirs = structs.replace(record_of(cast.tfc, "bern"), label=named)
    assert label_of_resent(theirs, "bern") == named  # and bern may not have it
    assert label_of_resent(record_of(cast.tfc, "bern"), "bern") == DEP_V


# --- signatures


def lies(cast: Cast) -> dict[str, HistoryBody]:
    honest, body = old_sealing(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    second = record_of(cast.tfc, "bern", seed="2")
    another, _ = old_sealing(cast.tfc, second, cast.bern)
    other = CableBody(subject="Anders", paragraphs=(Paragraph(text="Anders."),))
    record = encode(record_of(cast.tfc, "bern", body=other))
    terminal, member = honest.sigs
    forged = SignatureLine(terminal.key, type(terminal.signature)(bytes(3373)))
    parts = {
        "another text": honest._replace(record=record),
        "a slip of another": honest._replace(slip=another.slip),
        "no release": honest._replace(sigs=(terminal,)),
        "the wrong way round": honest._replace(sigs=(member, terminal)),
        "a signature that does not hold": honest._replace(sigs=(forged, member)),
    }
    made = {
        what: HistoryBody(request=REQUEST, number=1, inner=encode(inner), body=body)
        for what, inner in parts.items()
    }
    made["no parts at all"] = HistoryBody(
        request=REQUEST, number=1, inner=b"\x80", body=body
    )
    return made


@pytest.mark.parametrize(
    "lie",
    [
        "another text",
        "a slip of another",
        "no release",
        "the wrong way round",
        "a signature that does not hold",
        "no parts at all",
    ],
)
def test_what_was_not_signed_like_that_is_refused(cast: Cast, lie: str) -> None:
    """HIST-6: the word of whoever sends it again is worth nothing."""
    assert reason(cast, carried(cast, lies(cast)[lie])) is Reason.HISTORY_FALSE


def test_an_unknown_signer_may_be_news_and_else_is_false(cast: Cast) -> None:
    body = history_of(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    record = carried(cast, body)
    unknown = cast.tfc.member_key.id
    del cast.directory.members[unknown]
    assert reason(cast, record) is Reason.HISTORY_FALSE
    cast.directory.key_log = (HEADS.key_size - 1, Digest(b"k" * 32))
    with pytest.raises(UnreadableError) as unreadable:
        outcome(cast, record)
    assert isinstance(unreadable.value.__cause__, StrangerError)


# --- what it is worth


def proven(body: HistoryBody, slip_r: bytes, slip: bytes) -> bytes:
    leaf = message_leaf(leaf_commitment(slip_r, slip), body.body)
    log = GrownLog().grow([*leaves(4), leaf, *leaves(4, "b")])
    return write_proof(4, log.inclusion(4, 9), log.cosigned(9))


def with_proof(cast: Cast) -> HistoryBody:
    body = history_of(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    slip = parse_inner(body.inner).slip
    return structs.replace(body, proof=proven(body, parse_slip(slip).r, slip))


def end_terminal(cast: Cast, ended: Ended) -> None:
    key = cast.tfc.key.id
    cast.directory.found[key] = replace(cast.directory.found[key], ended=ended)


def test_keys_without_an_end_need_no_proof(cast: Cast) -> None:
    body = history_of(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    found = resent(body, cast.directory, None, now=NOW)
    assert (found.worth([]), found.witnessed, found.ends) == (Worth.CURRENT, None, ())
    assert resent(body, cast.directory, None, now=LATER).worth([]) is Worth.DOUBTED


def test_a_key_that_ended_needs_the_logs(cast: Cast, root: RootDocument) -> None:
    """HIST-7: by our own view of the end, or by the key log as it was before it."""
    body = with_proof(cast)
    end_terminal(cast, ENDED)
    found = resent(body, cast.directory, root, now=NOW)
    assert (found.witnessed, found.ends) == (LOGGED, (ENDED,))
    assert found.worth([]) is Worth.DOUBTED
    assert found.worth([Seen(6, LOGGED)]) is Worth.BEFORE
    assert found.worth([Seen(7, LOGGED)]) is Worth.DOUBTED  # the end was in it
    assert found.worth([Seen(6, LOGGED - 1)]) is Worth.DOUBTED  # and then logged
    end_terminal(cast, Ended("revoked", 6, LOGGED + 1))
    own = resent(body, cast.directory, root, now=NOW)
    assert own.worth([]) is Worth.BEFORE
    end_terminal(cast, Ended("restricted", None, LOGGED))
    told = resent(body, cast.directory, root, now=NOW)
    assert told.worth([Seen(1, LOGGED + 9)]) is Worth.DOUBTED


def test_every_end_must_come_later(cast: Cast, root: RootDocument) -> None:
    body, key = with_proof(cast), cast.tfc.member_key.id
    end_terminal(cast, Ended("revoked", 6, LOGGED + 1))
    cast.directory.members[key] = replace(cast.directory.members[key], ended=ENDED)
    found = resent(body, cast.directory, root, now=NOW)
    assert len(found.ends) == 2
    assert found.worth([]) is Worth.DOUBTED
    assert found.worth([Seen(3, LOGGED)]) is Worth.BEFORE


def test_a_proof_that_shows_nothing_is_none(cast: Cast, root: RootDocument) -> None:
    body = with_proof(cast)
    assert resent(body, cast.directory, None, now=NOW).witnessed is None
    other = structs.replace(body, body=Digest(b"o" * 32))  # of another sealing
    assert resent(other, cast.directory, root, now=NOW).witnessed is None
    nonsense = structs.replace(body, proof=b"nonsense")
    assert resent(nonsense, cast.directory, root, now=NOW).witnessed is None
    none = structs.replace(body, proof=None)
    assert resent(none, cast.directory, root, now=NOW).witnessed is None


def test_a_checkpoint_of_the_key_log_is_verified(root: RootDocument) -> None:
    log = GrownLog("key-log").grow(leaves(9))

    def root_at(size: int) -> Digest | None:
        return log.roots[size] if size <= 6 else None

    note = log.cosigned(6)
    assert key_log_seen(note, root, root_at) == Seen(6, LOGGED)
    assert key_log_seen(log.cosigned(9), root, root_at) is None  # beyond our own
    assert key_log_seen(log.cosigned(6, ("w1",)), root, root_at) is None
    assert key_log_seen(b"nonsense", root, root_at) is None
    other = GrownLog("key-log").grow(leaves(9, "other"))
    assert key_log_seen(other.cosigned(6), root, root_at) is None
    wrong = GrownLog().grow(leaves(9))  # the message log's
    assert key_log_seen(wrong.cosigned(6), root, root_at) is None


def test_bounds_are_those_of_a_record() -> None:
    assert MAX_RESENT < 4 << 20
    answer = HistoryAnswerBody(request=REQUEST)
    assert (answer.granted, answer.notes) == (None, ())
