import pytest

from crypto.digest import H
from crypto.types import PrekeyId
from protocol.delivery import (
    Acknowledged,
    Alarm,
    Delivered,
    Delivery,
    Deposit,
    Doubt,
    Effect,
    Event,
    Missed,
    Nacked,
    Proven,
    Raise,
    Read,
    Refused,
    Release,
    Seal,
    Sealed,
    State,
    Stored,
    Tick,
    Voided,
    begin,
    step,
)
from protocol.errors import UnexpectedMessageError
from protocol.limits import MAX_RESEALS

KID = [PrekeyId(bytes([n]) * 16) for n in range(9)]
ENV = [H(bytes([n])) for n in range(9)]
SEALED = Sealed(ENV[0], KID[0])
DEADLINE = 1000


def after(*events: Event, archive: bool = False) -> Delivery:
    delivery, _ = begin(DEADLINE, archive=archive)
    for event in events:
        delivery, _ = step(delivery, event)
    return delivery


def effects(delivery: Delivery, event: Event) -> tuple[Effect, ...]:
    return step(delivery, event)[1]


def test_a_record_goes_the_whole_way() -> None:
    delivery, first = begin(DEADLINE)
    assert first == (Seal(()),)
    for event, state, expected in (
        (SEALED, State.SEALED, (Deposit(ENV[0]),)),
        (Stored(ENV[0]), State.STORED, ()),
        (Proven(ENV[0]), State.ACCEPTED, ()),
        (Delivered(whole=False), State.DELIVERED, ()),
        (Delivered(whole=True), State.DELIVERED, (Release(),)),
        (Read(), State.READ, ()),
        (Acknowledged(), State.ACKNOWLEDGED, ()),
    ):
        delivery, found = step(delivery, event)
        assert (delivery.state, found) == (state, expected)


@pytest.mark.parametrize(
    "before",
    [(), (SEALED,), (SEALED, Stored(ENV[0])), (SEALED, Proven(ENV[0]))],
)
@pytest.mark.parametrize(
    ("receipt", "state"),
    [
        (Delivered(whole=True), State.DELIVERED),
        (Read(), State.READ),
        (Acknowledged(), State.ACKNOWLEDGED),
        (Refused(), State.REFUSED),
    ],
)
def test_a_receipt_counts_whatever_the_relay_said(
    before: tuple[Event, ...], receipt: Event, state: State
) -> None:
    assert after(*before, receipt).state is state


def test_nothing_is_released_before_the_terminal_has_it_with_every_attachment() -> None:
    delivery = after(SEALED, Stored(ENV[0]), Proven(ENV[0]))
    assert not delivery.released
    for event in (Delivered(whole=False), Read(), Acknowledged()):
        delivery, found = step(delivery, event)
        assert found == ()
    delivery, found = step(delivery, Delivered(whole=True))
    assert found == (Release(),)
    assert delivery.state is State.ACKNOWLEDGED
    assert effects(delivery, Delivered(whole=True)) == ()


def test_a_refusal_ends_it_and_comes_too_late_after_a_delivery() -> None:
    assert effects(after(SEALED), Refused()) == (Release(),)
    delivered = after(SEALED, Delivered(whole=False))
    assert step(delivered, Refused()) == (delivered, ())


def test_doubt_deposits_the_same_bytes_again() -> None:
    sealed = after(SEALED)
    for _ in range(3):
        assert step(sealed, Doubt()) == (sealed, (Deposit(ENV[0]),))
    stored = after(SEALED, Stored(ENV[0]))
    assert step(stored, Doubt()) == (stored, ())


@pytest.mark.parametrize("confirmed", [Stored(ENV[0]), Proven(ENV[0])])
def test_a_relay_that_forgot_gets_the_same_bytes_again(confirmed: Event) -> None:
    delivery, found = step(after(SEALED, confirmed), Doubt(forgotten=True))
    assert (delivery.state, found) == (State.SEALED, (Deposit(ENV[0]),))
    delivered = after(SEALED, Delivered(whole=False))
    assert step(delivered, Doubt(forgotten=True)) == (delivered, ())


def test_nothing_is_deposited_without_a_seal_or_after_the_end() -> None:
    for delivery in (after(), after(SEALED, Delivered(whole=True))):
        assert step(delivery, Doubt()) == (delivery, ())


def test_the_word_of_a_relay_counts_for_the_current_seal_only() -> None:
    delivery = after(SEALED)
    for event in (Stored(ENV[1]), Proven(ENV[1])):
        with pytest.raises(UnexpectedMessageError):
            step(delivery, event)
    resealed = after(SEALED, Nacked(KID[0]), Sealed(ENV[1], KID[1]))
    with pytest.raises(UnexpectedMessageError):
        step(resealed, Stored(ENV[0]))


def test_confirmations_in_any_order_never_lead_back() -> None:
    accepted = after(SEALED, Proven(ENV[0]))
    assert step(accepted, Stored(ENV[0])) == (accepted, ())
    delivered = after(SEALED, Delivered(whole=False), Proven(ENV[0]))
    assert (delivered.state, delivered.proven) == (State.DELIVERED, True)


def test_a_nack_asks_for_another_seal_to_another_key() -> None:
    delivery, found = step(after(SEALED, Stored(ENV[0])), Nacked(KID[0]))
    assert (delivery.state, found) == (State.COMPOSED, (Seal((KID[0],)),))
    with pytest.raises(UnexpectedMessageError):
        step(delivery, Sealed(ENV[1], KID[0]))  # B22: a key that was used before
    delivery, found = step(delivery, Sealed(ENV[1], KID[1]))
    assert found == (Deposit(ENV[1]),)


def test_b22_a_nack_for_another_seal_or_after_a_receipt_says_nothing() -> None:
    for delivery in (
        after(),
        after(SEALED, Nacked(KID[0]), Sealed(ENV[1], KID[1])),
        after(SEALED, Delivered(whole=False)),
    ):
        assert step(delivery, Nacked(KID[0])) == (delivery, ())


def test_after_three_reseals_people_are_told_once() -> None:
    delivery = after(SEALED)
    for number in range(MAX_RESEALS):
        delivery, found = step(delivery, Nacked(KID[number]))
        assert found == (Seal(tuple(KID[: number + 1])),)
        seal = Sealed(ENV[number + 1], KID[number + 1])
        delivery, _ = step(delivery, seal)
    delivery, found = step(delivery, Nacked(KID[MAX_RESEALS]))
    assert found == (Raise(Alarm.RESEALS_SPENT),)
    assert delivery.state is State.SEALED
    assert step(delivery, Nacked(KID[MAX_RESEALS])) == (delivery, ())


def test_a_seal_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(UnexpectedMessageError):
        step(after(SEALED), Sealed(ENV[1], KID[1]))


def test_people_are_told_once_when_the_deadline_passes() -> None:
    delivery = after(SEALED, Stored(ENV[0]))
    assert step(delivery, Tick(DEADLINE - 1)) == (delivery, ())
    delivery, found = step(delivery, Tick(DEADLINE))
    assert found == (Raise(Alarm.OVERDUE),)
    assert step(delivery, Tick(DEADLINE + 1)) == (delivery, ())
    assert effects(after(SEALED, Delivered(whole=False)), Tick(DEADLINE)) == ()


def test_an_archive_is_done_when_its_leaf_is_proven() -> None:
    stored = after(SEALED, Stored(ENV[0]), archive=True)
    assert effects(stored, Tick(DEADLINE)) == (Raise(Alarm.OVERDUE),)
    accepted, found = step(stored, Proven(ENV[0]))
    assert found == (Release(),)
    assert step(accepted, Proven(ENV[0])) == (accepted, ())
    assert step(accepted, Tick(DEADLINE)) == (accepted, ())
    assert step(accepted, Doubt(forgotten=True)) == (accepted, ())


def test_a_place_that_is_missed_is_sealed_anew_where_the_relay_has_it() -> None:
    for told in (Stored(ENV[0]), Proven(ENV[0])):
        delivery, found = step(after(SEALED, told), Missed())
        assert (delivery.state, found) == (State.COMPOSED, (Seal((KID[0],)),))
        assert (delivery.envelope, delivery.proven) == (None, False)
    for elsewhere in (after(), after(SEALED), after(SEALED, Delivered(whole=False))):
        assert step(elsewhere, Missed()) == (elsewhere, ())


def test_a_voided_seal_is_made_again_and_not_counted() -> None:
    for told in ((), (Stored(ENV[0]),), (Stored(ENV[0]), Proven(ENV[0]))):
        delivery, found = step(after(SEALED, *told), Voided())
        assert (delivery.state, found) == (State.COMPOSED, (Seal(()),))
        assert (delivery.envelope, delivery.proven) == (None, False)
        again, _ = step(delivery, Sealed(ENV[1], KID[0]))  # the same epoch key
        assert again.kids == (KID[0],)
    for elsewhere in (after(), after(SEALED, Delivered(whole=False))):
        assert step(elsewhere, Voided()) == (elsewhere, ())
    second = after(SEALED, Nacked(KID[0]), Sealed(ENV[1], KID[1]))
    assert step(second, Voided())[1] == (Seal((KID[0],)),)


def test_nacks_and_missed_places_share_one_limit() -> None:
    delivery = after(SEALED)
    for number in range(MAX_RESEALS):
        asked = Missed() if number % 2 else Nacked(KID[number])
        delivery, _ = step(delivery, Stored(ENV[number]))
        delivery, _ = step(delivery, asked)
        delivery, _ = step(delivery, Sealed(ENV[number + 1], KID[number + 1]))
    delivery, _ = step(delivery, Stored(ENV[MAX_RESEALS]))
    assert step(delivery, Missed())[1] == (Raise(Alarm.RESEALS_SPENT),)
