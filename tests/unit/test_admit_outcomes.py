"""Admitted, refused or held: what a genuine record is worth (section 7)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from msgspec import structs

from crypto.suite import SuiteId
from crypto.types import Digest, Salt
from protocol.admit import Admitted, Held, Refused, ViewCheck
from protocol.bodies import RefusalBody
from protocol.codec import encode
from protocol.directory_view import Ended
from protocol.errors import Reason
from protocol.genuine import Unsealed
from protocol.label import Clearance, Label, Level
from protocol.record import Record
from protocol.streams import Accept, Arrived, Duplicate, Effect, Stream, step
from tests.support.forge import forge
from tests.support.posts import (
    HEADS,
    LATER,
    NOW,
    Cast,
    Station,
    cast_of,
    record_of,
    seal_to,
)
from tests.support.refusals import stopped_by

REVOKED = Ended("revoked", 40, NOW - 100)


@pytest.fixture
def cast() -> Cast:
    return cast_of(SuiteId.S1)


def end_terminal(station: Station, ended: Ended) -> None:
    found = station.directory.found
    found[station.key.id] = replace(found[station.key.id], ended=ended)


def end_member(station: Station, ended: Ended) -> None:
    members, name = station.directory.members, station.member_key.id
    members[name] = replace(members[name], ended=ended)


def send(cast: Cast, record: Record | None = None) -> bytes:
    record = record or record_of(cast.tfc, "bern")
    return forge(cast.tfc, record, cast.bern.at()).sealed()


# --- time: keys that are no longer current


@pytest.mark.parametrize("end", [end_terminal, end_member])
def test_a_record_under_an_ended_key_is_held(
    end: Callable[[Station, Ended], None], cast: Cast
) -> None:
    sealed = seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    end(cast.tfc, REVOKED)
    outcome = cast.bern.open(sealed)
    assert isinstance(outcome, Held)
    assert outcome.ended == REVOKED


def test_a_leaf_witnessed_before_the_end_admits_it(cast: Cast) -> None:
    sealed = seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    end_terminal(cast.tfc, REVOKED)
    outcome = cast.bern.open(sealed, witnessed=REVOKED.witnessed - 1)
    assert isinstance(outcome, Admitted)
    assert outcome.genuine.ended == REVOKED


@pytest.mark.parametrize("after", [0, 1])
def test_a_leaf_witnessed_with_the_end_or_after_it_does_not(
    after: int, cast: Cast
) -> None:
    sealed = seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    end_terminal(cast.tfc, REVOKED)
    outcome = cast.bern.open(sealed, witnessed=REVOKED.witnessed + after)
    assert isinstance(outcome, Held)


def test_of_two_ended_keys_the_first_end_decides(cast: Cast) -> None:
    sealed = seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    end_terminal(cast.tfc, REVOKED)
    end_member(cast.tfc, Ended("rotated", 30, NOW - 500))
    assert isinstance(cast.bern.open(sealed, witnessed=NOW - 300), Held)
    assert isinstance(cast.bern.open(sealed, witnessed=NOW - 501), Admitted)


def test_a_key_past_its_day_is_ended_by_witnessed_time(cast: Cast) -> None:
    found = cast.directory.found
    sealed = seal_to(cast.tfc, record_of(cast.tfc, "bern"), cast.bern)
    found[cast.tfc.key.id] = replace(found[cast.tfc.key.id], valid_until=NOW + 1)
    assert isinstance(cast.bern.open(sealed), Admitted)
    found[cast.tfc.key.id] = replace(found[cast.tfc.key.id], valid_until=NOW)
    outcome = cast.bern.open(sealed)
    assert isinstance(outcome, Held)
    assert outcome.ended == Ended("expired", None, NOW)


def test_a_terminal_that_is_not_usable_yet_is_refused(cast: Cast) -> None:
    """No ghost terminals: a day after it was witnessed, and not before."""
    found = cast.directory.found
    envelope = send(cast)
    found[cast.tfc.key.id] = replace(found[cast.tfc.key.id], usable_from=NOW + 1)
    assert stopped_by(cast.bern, envelope) == "ExpiredError"
    found[cast.tfc.key.id] = replace(found[cast.tfc.key.id], usable_from=NOW)
    assert isinstance(cast.bern.open_bytes(envelope), Admitted)


# --- B19: the logs that the sender saw


@pytest.mark.parametrize(
    ("key", "message", "check"),
    [
        ({7: HEADS.key_root}, {9: HEADS.message_root}, ViewCheck.AGREES),
        ({7: HEADS.key_root}, {}, ViewCheck.UNKNOWN),
        ({}, {9: HEADS.message_root}, ViewCheck.UNKNOWN),
        ({7: Digest(b"x" * 32)}, {9: HEADS.message_root}, ViewCheck.DIFFERS),
        ({7: HEADS.key_root}, {9: Digest(b"x" * 32)}, ViewCheck.DIFFERS),
        ({}, {9: Digest(b"x" * 32)}, ViewCheck.DIFFERS),
    ],
)
def test_b19_logs_that_differ_between_two_posts_are_noticed(
    key: dict[int, Digest], message: dict[int, Digest], check: ViewCheck, cast: Cast
) -> None:
    cast.bern.logs.key, cast.bern.logs.message = key, message
    outcome = cast.bern.open_bytes(send(cast))
    assert outcome.view is check
    assert isinstance(outcome, Admitted)  # the record is genuine: only a question


def test_b19_the_relay_cannot_edit_what_the_sender_saw(cast: Cast) -> None:
    """`dir` is inside the signed slip: another one is another slip."""
    record = record_of(cast.tfc, "bern")
    parts = forge(cast.tfc, record, cast.bern.at())
    edited = forge(
        cast.tfc,
        record,
        cast.bern.at(),
        change=lambda slip: structs.replace(
            slip, dir=HEADS._replace(key_root=Digest(b"e" * 32))
        ),
    )
    inner = parts.inner._replace(slip=edited.inner.slip)
    assert stopped_by(cast.bern, replace(parts, inner=inner).sealed()) == (
        "VerificationError"
    )


# --- poison


def above_clearance(cast: Cast) -> Record:
    cleared = Clearance(level=Level.ONGERUBRICEERD)
    found = cast.directory.found
    found[cast.bern.key.id] = replace(found[cast.bern.key.id], clearance=cleared)
    return record_of(cast.tfc, "bern")


def unknown_type(cast: Cast) -> Record:
    return structs.replace(record_of(cast.tfc, "bern"), type=200)


def not_its_body(cast: Cast) -> Record:
    return structs.replace(record_of(cast.tfc, "bern"), body=b"\xa1\x00\x00")


POISON: dict[Callable[[Cast], Record], Reason] = {
    above_clearance: Reason.LEVEL_ABOVE_CLEARANCE,
    unknown_type: Reason.TYPE_UNKNOWN,
    not_its_body: Reason.INCONSISTENT,
}


@pytest.mark.parametrize("make", POISON)
def test_a_poisoned_record_counts_as_received_and_blocks_nothing(
    make: Callable[[Cast], Record], cast: Cast
) -> None:
    record = make(cast)
    bad = cast.bern.open_bytes(forge(cast.tfc, record, cast.bern.at(1)).sealed())
    assert isinstance(bad, Refused)
    assert bad.reason is POISON[make]
    found = cast.directory.found
    found[cast.bern.key.id] = cast.bern.terminal
    behind = record_of(cast.tfc, "bern", seed="behind")
    good = cast.bern.open_bytes(
        forge(cast.tfc, behind, cast.bern.at(2, bad.genuine.name)).sealed()
    )
    assert isinstance(good, Admitted)
    stream = Stream(bad.genuine.place.stream)
    for outcome in (bad, good):
        genuine = outcome.genuine
        stream, effects = step(
            stream, Arrived(genuine.place, genuine.name, known=False, lane=3, now=NOW)
        )
        assert effects == (Accept(late=False),)
    assert stream.floor == 2


def test_b3_a_replay_after_a_reseal_is_a_duplicate(cast: Cast) -> None:
    """The relay keeps the first envelope and delivers it after the second."""
    record = record_of(cast.tfc, "bern")
    again = cast.bern.new_prekey("next day")
    second = again.open(seal_to(cast.tfc, record, again, seed="two"))
    first = cast.bern.open(seal_to(cast.tfc, record, cast.bern, seed="one"))
    stream = Stream(first.genuine.place.stream)
    said: list[tuple[Effect, ...]] = []
    for outcome in (second, first):
        genuine = outcome.genuine
        stream, effects = step(
            stream,
            Arrived(genuine.place, genuine.name, known=bool(said), lane=3, now=NOW),
        )
        said.append(effects)
    assert said == [(Accept(late=False),), (Duplicate(),)]


def test_what_a_refusal_shows_of_the_content_is_nothing(cast: Cast) -> None:
    outcome = cast.bern.open_bytes(send(cast))
    assert isinstance(outcome, Admitted)
    unsealed = Unsealed(
        id=outcome.genuine.record.id,
        kid=cast.bern.kid,
        kc=b"",
        place=outcome.genuine.place,
        salt=Salt(b""),
        inner=encode(outcome.genuine.inner),
        body=outcome.genuine.body,
    )
    text = repr((outcome, unsealed))
    assert "nieuws" not in text
    assert outcome.genuine.record.label == Label(level=Level.DEP_V, until=LATER)
    assert encode(RefusalBody(target=outcome.genuine.name, reason="not ours"))
