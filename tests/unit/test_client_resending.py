"""Sending again stops, waits and leaves out: what a consent does not reach."""

from dataclasses import replace

import pytest

from client.core.rows import OUT
from crypto.types import Digest
from tests.support.desk import Desk, exchange
from tests.support.ending import revoke, suspend
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry
from tests.support.pasts import Past, lost_past

FEW = 2


@pytest.fixture
def past(
    hague: Ministry,
    relay: FakeRelay,
    desks: tuple[Desk, Desk],
    monkeypatch: pytest.MonkeyPatch,
) -> Past:
    """Four letters, of which two are on their way at a time."""
    monkeypatch.setattr("client.core.resending.AT_ONCE", FEW)
    found = lost_past(hague, relay, desks)
    hague.posts["bern"] = replace(
        hague.posts["bern"], terminals=found.new.desk.post.terminals
    )
    return found


def begin(past: Past) -> None:
    """Agree, and queue the first few; none of them has left."""
    past.peer.run("history-agree", id=past.ask())
    (state,) = past.peer.desk.store.history.open_resendings()
    assert (state.sent, state.done) == (FEW, 0)


def test_a_terminal_that_is_revoked_meanwhile_gets_no_more(
    hague: Ministry, relay: FakeRelay, past: Past
) -> None:
    begin(past)
    revoke(hague, relay, "bern")
    exchange(past.peer.desk)
    assert past.peer.desk.store.history.open_resendings() == []
    mine = past.standing(past.peer)
    assert (mine["standing"], mine["sent"]) == ("done", FEW)


def test_for_a_suspended_one_it_waits(
    hague: Ministry, relay: FakeRelay, past: Past
) -> None:
    begin(past)
    suspend(hague, relay, "bern")
    exchange(past.peer.desk)
    (state,) = past.peer.desk.store.history.open_resendings()
    assert (state.sent, state.done) == (FEW, 0)


def test_more_than_may_be_asked_for_at_once_is_not_sent(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.core.resending.MAX_OFFER", 3)
    id_ = past.ask()
    assert past.peer.run("history-show", id=id_)["offer"]["too_many"]
    assert past.peer.refused("history-agree", id=id_).code == "past.too-many"
    assert past.peer.desk.store.history.open_resendings() == []
    past.peer.run("history-refuse", id=id_, reason="per jaar, alstublieft")
    past.meet()
    assert past.standing(past.new)["standing"] == "refused"


def test_what_is_too_large_to_travel_is_left_out(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = max(
        len(row.inner)
        for _, row in past.peer.desk.store.history.exchanged(
            "bern", (0, 1 << 40), (0, 1 << 40), 9
        )
    )
    monkeypatch.setattr("client.core.resending.MAX_RESENT", largest - 1)
    past.agree(past.ask())
    mine = past.standing(past.new)
    assert mine["left_out"] >= 1
    assert mine["sent"] + mine["left_out"] == len(past.before)
    assert len(past.old()) == mine["sent"]


def test_what_has_no_signature_any_more_is_left_out(past: Past) -> None:
    """Sealed before the signatures of slips were kept: nobody could verify it."""
    store = past.peer.desk.store
    own = own_of(past)
    with store.transaction():
        for deposit in store.deposits(own[0]):
            store.set_deposit(replace(deposit, signature=b""))
    past.agree(past.ask())
    assert past.names() == [name.hex() for name in past.before if name != own[0]]
    assert past.standing(past.peer)["left_out"] == 1


def test_what_would_not_verify_does_not_leave(past: Past) -> None:
    store = past.peer.desk.store
    own = own_of(past)
    with store.transaction():
        for deposit in store.deposits(own[0]):
            store.set_deposit(replace(deposit, signature=bytes(3_373)))
    past.agree(past.ask())
    assert own[0].hex() not in past.names()
    assert past.standing(past.peer)["left_out"] == 1


def own_of(past: Past) -> list[Digest]:
    """Return what the peer wrote of it, oldest first."""
    rows = (past.peer.desk.store.record(name) for name in past.before)
    return [row.name for row in rows if row is not None and row.way == OUT]
