from unittest.mock import patch

import pytest

from crypto.digest import H
from protocol import mailbox as module
from protocol.errors import BusyError
from protocol.mailbox import (
    KEY_SECONDS,
    Answer,
    Collect,
    Confirmed,
    Drop,
    Event,
    Expire,
    Mailbox,
    Offer,
    State,
    Submitted,
    step,
)

A, B, C = H(b"a"), H(b"b"), H(b"c")


def after(*events: Event) -> Mailbox:
    mailbox = Mailbox()
    for event in events:
        mailbox, _ = step(mailbox, event)
    return mailbox


def test_a_submission_is_answered_and_offered() -> None:
    mailbox, effects = step(Mailbox(), Submitted(A, 3, 0))
    assert effects == (Answer(A, 1), Offer(1, A))
    assert mailbox.state(A) is State.WAITING
    assert mailbox.state(B) is State.ABSENT


def test_the_same_submission_gets_the_same_answer_and_is_not_delivered_again() -> None:
    waiting = after(Submitted(A, 3, 0))
    confirmed = after(Submitted(A, 3, 0), Confirmed((1,), 5))
    for mailbox in (waiting, confirmed):
        assert step(mailbox, Submitted(A, 3, 9)) == (mailbox, (Answer(A, 1),))


def test_everything_that_waits_is_offered_by_lane_and_then_by_cursor() -> None:
    mailbox = after(Submitted(A, 3, 0), Submitted(B, 0, 0), Submitted(C, 3, 0))
    offers = (Offer(2, B), Offer(1, A), Offer(3, C))
    for _ in range(2):
        assert step(mailbox, Collect()) == (mailbox, offers)


def test_what_is_confirmed_is_dropped_once() -> None:
    mailbox = after(Submitted(A, 3, 0), Submitted(B, 3, 0))
    mailbox, effects = step(mailbox, Confirmed((1, 1, 99), 5))
    assert effects == (Drop(1, A),)
    assert mailbox.waiting == 1
    assert step(mailbox, Confirmed((1,), 6)) == (mailbox, ())
    assert step(mailbox, Collect())[1] == (Offer(2, B),)


def test_a_cursor_is_never_given_twice() -> None:
    mailbox = after(
        Submitted(A, 3, 0), Confirmed((1,), 0), Expire(KEY_SECONDS), Submitted(B, 3, 0)
    )
    assert mailbox.keys == {B: 2}


def test_keys_are_forgotten_long_after_the_confirmation_and_never_before() -> None:
    mailbox = after(Submitted(A, 3, 0), Submitted(B, 3, 0), Confirmed((1,), 100))
    early = after_expiry(mailbox, 100 + KEY_SECONDS - 1)
    assert early.state(A) is State.CONFIRMED
    late = after_expiry(mailbox, 100 + KEY_SECONDS)
    assert late.state(A) is State.ABSENT
    assert after_expiry(mailbox, 10**12).state(B) is State.WAITING


def after_expiry(mailbox: Mailbox, now: int) -> Mailbox:
    return step(mailbox, Expire(now))[0]


def test_a_full_mailbox_refuses_and_changes_nothing() -> None:
    with patch.object(module, "MAX_WAITING", 1):
        mailbox = after(Submitted(A, 3, 0))
        with pytest.raises(BusyError):
            step(mailbox, Submitted(B, 3, 0))
        assert step(mailbox, Submitted(A, 3, 0))[1] == (Answer(A, 1),)
        mailbox, _ = step(mailbox, Confirmed((1,), 0))
        step(mailbox, Submitted(B, 3, 0))
