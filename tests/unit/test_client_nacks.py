"""A prekey whose seed is gone: nack, reseal, and what cannot be believed about it."""

from dataclasses import replace

import pytest

from client.core.questions import NackGiven, Question
from client.core.rows import OUT
from client.core.seeds import Seed
from crypto.sign import Usage
from crypto.types import Digest, Mailbox, PrekeyId, Signature
from protocol.codec import decode, encode
from protocol.delivery import State
from protocol.label import Precedence
from protocol.limits import MAX_RESEALS
from protocol.nack import Gone
from protocol.nack import Nack as NackDocument
from protocol.requests import Ask, LogName, Nack
from tests.support.desk import Desk, box_of, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.keys import flipped
from tests.support.ministry import Ministry


@pytest.fixture
def desks(hague: Ministry) -> tuple[Desk, Desk]:
    return pair(hague, FakeRelay(hague))


def lose_key_sheet(desk: Desk) -> dict[PrekeyId, Seed]:
    lost = dict(desk.seeds.held)
    desk.seeds.held.clear()
    desk.restart()
    return lost


def said(desk: Desk) -> list[NackDocument]:
    """Return the nacks that the relay holds for ``desk``."""
    requests = (decode(n, Nack) for n in desk.relay.nacks[desk.post.terminal.key.id])
    return [decode(request.nack, NackDocument) for request in requests]


def test_a_terminal_that_lost_its_prekeys_gets_everything(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    for number in range(5):
        bern.write("tfc", f"bericht {number}", list(Precedence)[number % 4])
    bern.run()
    lose_key_sheet(tfc)
    tfc.connect()
    tfc.fetch()
    assert tfc.inbox() == []
    assert "prekeys-lost" in tfc.alarms()
    assert [nack.reason for nack in said(bern)] == [Gone.LOST] * 5
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 5
    assert {row.refused for row in tfc.inbox()} == {None}
    for desk in desks:
        assert desk.alarms() == set()  # it was told, and is over
        assert desk.store.due_nacks() == []
    for row in bern.store.records(OUT, 9):
        (target,) = bern.store.targets(row.name)
        if target.delivery.state is State.DELIVERED:
            assert len(set(target.delivery.kids)) == 2
            assert target.place is not None
            assert target.delivery.released


def test_what_is_lost_with_the_key_sheet_is_not_sealed_to_again(
    desks: tuple[Desk, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log names the next manifest late: no reseal is spent on the lost one."""
    bern, tfc = desks
    for _ in range(2):
        bern.write("tfc")
    bern.run()
    tfc.seeds.held.clear()
    prekeys = tfc.machine._prekeys  # noqa: SLF001 -- it publishes late
    monkeypatch.setattr(prekeys, "pump", lambda _: [])
    tfc.fetch()
    nacks = bern.relay.nacks[bern.post.terminal.key.id]
    bern.effects.extend(bern.machine.nacked(nacks[0], bern.now))
    bern.run()
    bern.restart()
    bern.connect()
    for _ in range(MAX_RESEALS + 1):
        bern.notice()
        tfc.fetch()
        for nack in list(nacks):
            bern.effects.extend(bern.machine.nacked(nack, bern.now))
        bern.run()
    for row in bern.store.records(OUT, 9):
        (target,) = bern.store.targets(row.name)
        assert target.delivery.state is State.COMPOSED
        assert len(target.delivery.kids) == 1
    assert "reseals-spent" not in bern.alarms()

    tfc.restart()
    tfc.connect()
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 2


def test_an_envelope_that_came_twice_under_a_one_time_key_is_no_nack(
    desks: tuple[Desk, Desk],
) -> None:
    """The relay delivers again what it has no ACK for: the seed is gone by then."""
    bern, tfc = desks
    sent = bern.write("tfc")
    bern.run()
    (came,) = box_of(tfc)
    exchange(bern, tfc)
    for _ in range(2):
        assert tfc.takes(came)
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1
    assert "nacked" not in tfc.happened()
    assert tfc.alarms() == bern.alarms() == set()
    (target,) = bern.store.targets(sent.name)
    assert target.delivery.state is State.DELIVERED


def test_a_prekey_that_never_was_ours_is_not_answered(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.write("tfc")
    bern.run()
    (came,) = box_of(tfc)
    tfc.store.put("manifests.own", encode(()))
    tfc.seeds.held.clear()
    assert tfc.takes(came)
    assert tfc.store.due_nacks() == []
    assert tfc.alarms() == {"prekey-unknown"}


def test_a_nack_is_given_until_the_relay_has_it(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    bern.write("tfc")
    bern.run()
    tfc.seeds.held.clear()
    (came,) = box_of(tfc)
    assert tfc.takes(came)
    box_of(tfc).clear()

    def asked(desk: Desk) -> list[Question]:
        found = [e for e in desk.machine.pump(desk.now) if isinstance(e, Question)]
        return [question for question in found if question.ask is Ask.NACK]

    (question,) = asked(tfc)
    assert asked(tfc) == []  # once a session
    tfc.machine.answered(question.tag, None, tfc.now)  # refused: not now
    tfc.machine.disconnected()
    tfc.effects.extend(tfc.machine.connected(tfc.now))
    assert tfc.store.due_nacks() != []
    tfc.run()
    assert isinstance(question.tag, NackGiven)
    assert tfc.store.due_nacks() == []
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1


def test_a_relay_that_does_not_take_nacks_keeps_the_rest_of_the_envelopes(
    desks: tuple[Desk, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    bern, tfc = desks
    for number in range(3):
        bern.write("tfc", f"bericht {number}")
    bern.run()
    tfc.seeds.held.clear()
    monkeypatch.setattr("client.core.nacks.MAX_DUE", 2)
    took = [tfc.takes(came) for came in box_of(tfc)]
    assert took == [True, True, False]


def test_after_three_reseals_people_are_told(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    bern.run()
    for _ in range(MAX_RESEALS + 1):
        lose_key_sheet(tfc)
        tfc.connect()
        tfc.fetch()  # says that the key is gone
        bern.notice()
        exchange_prekeys(bern, tfc)
    (target,) = bern.store.targets(sent.name)
    assert len(target.delivery.kids) == MAX_RESEALS + 1
    assert "reseals-spent" in bern.alarms()
    assert tfc.inbox() == []


def exchange_prekeys(bern: Desk, tfc: Desk) -> None:
    """Synchronise without fetching: the new manifest is seen and sealed to."""
    for _ in range(3):
        for desk in (tfc, bern):
            desk.relay.now += 1
            desk.notice()


# --- nacks that are not what they seem


def one_nack(bern: Desk, tfc: Desk) -> tuple[Nack, Digest]:
    """Return a genuine nack that TFC made for a message of Bern, and its name."""
    sent = bern.write("tfc")
    bern.run()
    tfc.seeds.held.clear()
    tfc.fetch()
    (data,) = bern.relay.nacks.pop(bern.post.terminal.key.id)
    return decode(data, Nack), sent.name


@pytest.mark.parametrize("lie", ["signature", "document", "another", "nonsense"])
def test_a_forged_nack_seals_nothing_and_is_told(
    desks: tuple[Desk, Desk], lie: str
) -> None:
    bern, tfc = desks
    genuine, name = one_nack(bern, tfc)
    document = decode(genuine.nack, NackDocument)
    own = bern.post.terminal.key
    signed = {
        "signature": (genuine.nack, Signature(flipped(genuine.signatures[0], 9))),
        "document": (flipped(genuine.nack, 5), genuine.signatures[0]),
        "another": (encode(document), genuine.signatures[0]),
    }
    if lie == "another":  # signed by TFC, about another wrap
        other = NackDocument(
            v=1,
            id=document.id,
            body=document.body,
            mailbox=document.mailbox,
            kid=PrekeyId(bytes(len(document.kid))),
            reason=document.reason,
        )
        made = tfc.post.terminal.key.sign(
            Usage.NACK, encode(other), realm=tfc.machine.identity.realm
        )
        signed["another"] = (encode(other), made)
    if lie == "nonsense":
        bern.machine.nacked(b"\xff", bern.now)
    else:
        nack, signature = signed[lie]
        forged = Nack(nack=nack, signatures=(signature,), mailbox=genuine.mailbox)
        assert bern.machine.nacked(encode(forged), bern.now) == []
    (target,) = bern.store.targets(name)
    assert target.delivery.state is State.STORED
    assert own.id not in bern.relay.nacks
    assert "nack-odd" in bern.alarms()


@pytest.mark.parametrize("old", ["unknown", "resealed", "mailbox", "revoked"])
def test_a_nack_that_is_overtaken_says_nothing_and_is_no_alarm(
    hague: Ministry, desks: tuple[Desk, Desk], old: str
) -> None:
    bern, tfc = desks
    genuine, name = one_nack(bern, tfc)
    data = encode(genuine)
    if old == "unknown":
        document = decode(genuine.nack, NackDocument)
        with bern.store.transaction():
            (deposit,) = bern.store.deposits(name)
            bern.store.set_deposit(replace(deposit, leaf=bytes(65)))
        assert document.body
    elif old == "mailbox":
        data = encode(replace_mailbox(genuine))
    elif old == "resealed":
        bern.machine.nacked(data, bern.now)
        exchange(bern, tfc)
        assert len(tfc.inbox()) == 1
    else:
        leaf = hague.restriction(tfc.post.terminal.key.id, by=hague.operators["anna"])
        hague.log(leaf)
        bern.relay.logs[LogName.KEY].append(leaf)
        bern.relay.now = max(bern.relay.now, hague.now)
        bern.notice()
    before = bern.store.targets(name)
    assert bern.machine.nacked(data, bern.now) == []
    assert bern.store.targets(name) == before
    assert "nack-odd" not in bern.happened()


def replace_mailbox(nack: Nack) -> Nack:
    return Nack(nack=nack.nack, signatures=nack.signatures, mailbox=Mailbox(bytes(16)))


def test_a_nack_before_the_directory_waits(hague: Ministry) -> None:
    relay = FakeRelay(hague)
    bern, tfc = pair(hague, relay)
    genuine, name = one_nack(bern, tfc)
    fresh = Desk(hague, hague.posts["bern"], relay)
    assert fresh.machine.nacked(encode(genuine), fresh.now) == []
    assert bern.store.targets(name)


def test_an_offer_of_the_same_prekey_seals_nothing(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    terminal = tfc.post.terminal.key.id
    first = bern.relay.published[terminal]
    genuine, name = one_nack(bern, tfc)
    newer = bern.relay.published[terminal]
    bern.relay.published[terminal] = first
    first.next_once -= 1  # the relay hands the one-time key out again
    bern.effects.extend(bern.machine.nacked(encode(genuine), bern.now))
    bern.run()
    bern.relay.published[terminal] = newer
    (target,) = bern.store.targets(name)
    assert target.delivery.state is State.COMPOSED
    assert "prekey-odd" in bern.alarms()
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1
