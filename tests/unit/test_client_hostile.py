"""A relay that lies, a post that forks: nothing is adopted."""

from dataclasses import replace

import pytest
from msgspec import structs

from client.core.questions import Deposited, Question
from client.core.rows import IN, OUT
from crypto.types import ZERO_DIGEST, KeyId, MessageId
from protocol.codec import Message, encode
from protocol.delivery import State
from protocol.label import Clearance, Level, Precedence
from protocol.receipt import Kind, Statement
from protocol.record_type import RecordType
from protocol.requests import Ask, Entries, KeyLog, LogName, Offers
from tests.support.desk import Desk, box_of, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.keys import flipped
from tests.support.ministry import Ministry

NOBODY = MessageId(bytes(16))


# --- prekeys


@pytest.mark.parametrize("lie", ["key", "manifest", "signature", "index", "other"])
def test_a_prekey_that_is_not_the_addressees_seals_nothing(
    desks: tuple[Desk, Desk], lie: str
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    (question,) = bern.effects
    bern.effects.clear()
    assert isinstance(question, Question)
    honest = bern.relay.offer(tfc.post.terminal.key.id)
    own = bern.relay.offer(bern.post.terminal.key.id)
    lies = {
        "key": structs.replace(honest, key=own.key),
        "manifest": structs.replace(honest, manifest=b"\xa0"),
        "signature": structs.replace(honest, signature=flipped(honest.signature, 5)),
        "index": structs.replace(honest, index=honest.index + 1),
        "other": own,
    }
    answer = encode(Offers(offers=(lies[lie],)))
    effects = bern.machine.answered(question.tag, answer, bern.now)
    assert [e for e in effects if isinstance(e, Deposited)] == []
    assert bern.store.deposits(sent.name) == []
    (target,) = bern.store.targets(sent.name)
    assert target.delivery.state is State.COMPOSED
    # An honest answer in the next session still gets it there.
    bern.connect()
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1


def test_no_prekey_at_all_leaves_the_record_waiting(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    bern.write("tfc")
    (question,) = bern.effects
    bern.effects.clear()
    assert isinstance(question, Question)
    for answer in (None, encode(Offers())):
        assert bern.machine.answered(question.tag, answer, bern.now) == []
    assert bern.store.waiting(State.COMPOSED)
    assert tfc.inbox() == []


# --- deliveries


def test_envelopes_in_any_order_all_arrive_once(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    for number in range(5):
        bern.write("tfc", f"bericht {number}")
    bern.run()
    box_of(tfc).reverse()
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 5
    assert "fork" not in tfc.happened()


def test_a_dropped_envelope_delays_nothing_else(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    lost = bern.write("tfc", "eerste")
    bern.write("tfc", "tweede")
    bern.run()
    del box_of(tfc)[0]
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1
    (target,) = bern.store.targets(lost.name)
    assert target.delivery.state is not State.DELIVERED


def test_a_record_replayed_in_another_envelope_is_shown_once(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    bern.run()
    (target,) = bern.store.targets(sent.name)
    again = replace(target, delivery=replace(target.delivery, state=State.COMPOSED))
    with bern.store.transaction():
        bern.store.set_target(again)
    bern.connect()
    exchange(bern, tfc)
    assert len(bern.store.deposits(sent.name)) == 2
    assert len(tfc.inbox()) == 1


def test_two_records_at_one_place_freeze_the_stream(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.write("tfc", "eerste")
    exchange(bern, tfc)
    with bern.store.transaction():  # as a vault that was restored from a backup
        place = bern.store.stream_out(tfc.post.terminal.key.id)
        assert place is not None
        before = place._replace(seq=0, prev=ZERO_DIGEST)
        bern.store.set_stream_out(tfc.post.terminal.key.id, before)
    for text in ("een andere eerste", "erna"):  # Bern does not listen meanwhile
        bern.write("tfc", text)
        bern.run()
        tfc.fetch()
    assert "fork" in tfc.happened()
    assert len([row for row in tfc.inbox() if row.refused is None]) == 1
    kept = [row for row in tfc.store.records(IN, 50) if row.refused == "fork"]
    assert len(kept) == 2
    assert box_of(tfc) == []


def test_a_record_above_the_terminals_clearance_is_kept_unread_and_answered(
    desks: tuple[Desk, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    bern, tfc = desks
    real = type(tfc.machine.beliefs).view

    class Lower:
        """TFC's own directory, in which its clearance was lowered meanwhile."""

        def __init__(self, view: object) -> None:
            self._view = view

        def __getattr__(self, name: str) -> object:
            return getattr(self._view, name)

        def terminal(self, key: KeyId) -> object:
            found = self._view.terminal(key)  # type: ignore[attr-defined]
            if key != tfc.post.terminal.key.id:
                return found
            return replace(found, clearance=Clearance(level=Level.ONGERUBRICEERD))

    bern.write("tfc")
    bern.run()
    monkeypatch.setattr(
        type(tfc.machine.beliefs),
        "view",
        lambda beliefs: (
            Lower(real(beliefs)) if beliefs is tfc.machine.beliefs else real(beliefs)
        ),
    )
    tfc.fetch()
    (row,) = tfc.inbox()
    assert row.refused == "level-above-clearance"
    monkeypatch.undo()
    exchange(bern, tfc)
    (out,) = [r for r in bern.store.records(OUT, 9) if r.type == RecordType.CABLE]
    kinds = [receipt.kind for receipt in bern.store.receipts(out.name)]
    assert kinds == [Kind.REFUSED]
    assert {t.delivery.state for t in bern.store.targets(out.name)} == {State.REFUSED}
    assert "refused" in bern.happened()


@pytest.mark.parametrize("odd", ["unknown", "not-ours", "other-id"])
def test_a_receipt_that_speaks_of_something_else_counts_for_nothing(
    desks: tuple[Desk, Desk], odd: str
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    exchange(bern, tfc)
    (incoming,) = tfc.inbox()
    foreign = tfc.write("bern", "van tfc")
    exchange(bern, tfc)
    statement = {
        "unknown": Statement(
            kind=Kind.READ, record=ZERO_DIGEST, id=NOBODY, time=bern.now, index=0
        ),
        "not-ours": Statement(
            kind=Kind.READ,
            record=foreign.name,
            id=foreign.record.id,
            time=bern.now,
            index=0,
        ),
        "other-id": Statement(
            kind=Kind.READ, record=sent.name, id=NOBODY, time=bern.now, index=0
        ),
    }[odd]
    with tfc.store.transaction():
        tfc.store.owe_receipt(incoming.post, encode(statement), Precedence.ROUTINE)
    tfc.effects.extend(tfc.machine.pump(tfc.now))
    exchange(bern, tfc)
    assert "receipt-odd" in bern.happened()
    kinds = {receipt.kind for receipt in bern.store.receipts(sent.name)}
    assert kinds == {Kind.DELIVERED}


def test_receipts_for_a_post_without_terminals_wait_and_use_no_number(
    hague: Ministry, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    bern.write("tfc")
    exchange(bern, tfc)
    (row,) = tfc.inbox()
    leaf = hague.restriction(bern.post.terminal.key.id, by=hague.operators["anna"])
    hague.log(leaf)
    tfc.relay.logs[LogName.KEY].append(leaf)
    tfc.relay.now = max(tfc.relay.now, hague.now)
    tfc.notice()
    year = [tfc.store.get(f"serial.{y}") for y in (2026, 2027)]
    tfc.machine.read(row, tfc.now)
    for _ in range(3):
        tfc.machine.pump(tfc.now)
    assert tfc.store.owed_posts(tfc.machine.identity.signer) == ["bern"]
    assert [tfc.store.get(f"serial.{y}") for y in (2026, 2027)] == year


# --- a key log without an end


class Endless(FakeRelay):
    """Says that its key log is longer than any, and has an entry for every ask."""

    asked = 0

    def answer(self, ask: Ask, body: Message) -> bytes | None:
        """Return tiny entries: each takes more memory than it has bytes."""
        if not isinstance(body, KeyLog):
            return super().answer(ask, body)
        self.asked += 1
        assert self.asked <= 50, "it asks without end"
        entries = (b"x",) * 100
        return encode(Entries(start=body.start, size=1 << 40, entries=entries))


def memory_of(relay: FakeRelay) -> int:
    return sum(len(leaf) + 64 for leaf in relay.logs[LogName.KEY].leaves)


def test_a_key_log_without_an_end_is_let_go(
    hague: Ministry, relay: FakeRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = memory_of(relay) + 100
    monkeypatch.setattr("client.core.sync.MAX_UNCOVERED", room)
    endless = Endless(hague)
    desk = Desk(hague, hague.posts["bern"], endless)
    desk.connect()
    assert endless.asked == room // (100 * 65) + 1
    assert "relay-odd" in desk.happened()
    asked = endless.asked
    desk.effects.extend(desk.machine.noticed(1 << 40, 0))
    desk.run()
    assert endless.asked == asked
    desk.relay = relay  # an honest one, in the next session
    size, _ = relay.sizes
    desk.connect()
    assert desk.machine.beliefs.key_log.size == size


def test_entries_under_a_checkpoint_make_room_again(
    hague: Ministry, relay: FakeRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the session: what is covered does not count any more."""
    room = memory_of(relay) + 100
    monkeypatch.setattr("client.core.sync.MAX_UNCOVERED", room)
    desk = Desk(hague, hague.posts["bern"], relay)
    desk.connect()
    for number in range(5):
        relay.logs[LogName.KEY].append(f"nothing {number}".encode())
        desk.notice()
    assert desk.machine.beliefs.key_log.size == relay.sizes[0] > 5
