"""A colleague's terminal in wrong hands: genuine keys, and envelopes meant to harm."""

from typing import NamedTuple

import pytest

from client.core.compose import Wish, action, compose
from client.core.identity import Identity
from client.core.inbox import MAX_STRANGERS
from client.core.sealing import Recipient, Sender, seal
from crypto.types import ZERO_DIGEST, Digest, Signature, StreamId
from protocol.bodies import CableBody, Paragraph
from protocol.codec import decode
from protocol.errors import Reason
from protocol.label import Label, Level, Precedence
from protocol.manifest import SignedManifest
from protocol.receipt import Kind, Statement
from protocol.record import Serial
from protocol.record_type import RecordType
from protocol.requests import LogName, Submit
from protocol.signed import SignatureLine
from protocol.slip import Heads, Place
from protocol.trusted_manifest import PrekeyBook
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import ministry

FIRST = Place(StreamId(b"s" * 16), 1, ZERO_DIGEST)
ANEW = Place(StreamId(b"t" * 16), 1, ZERO_DIGEST)
AGAIN = Place(StreamId(b"u" * 16), 1, ZERO_DIGEST)


class Made(NamedTuple):
    name: Digest
    document: bytes
    release: SignatureLine | None


@pytest.fixture
def desks() -> tuple[Desk, Desk]:
    """Bern, whose terminal will write envelopes by itself, and TFC."""
    hague = ministry()
    relay = FakeRelay(hague)
    bern, tfc = (Desk(hague, hague.posts[name], relay) for name in ("bern", "tfc"))
    for desk in (bern, tfc):
        desk.connect()
    exchange(bern, tfc)
    return bern, tfc


def written(bern: Desk, text: str, level: Level = Level.DEP_V) -> Made:
    """Return a signed record of Bern for TFC."""
    realm = bern.ministry.directory.root.realm
    own = bern.post
    who = Identity(realm, own.post, own.terminal.key, own.member)
    wish = Wish(
        type=RecordType.CABLE,
        body=CableBody(subject="Aan TFC", paragraphs=(Paragraph(text=text),)),
        to=action(("tfc",), Precedence.ROUTINE),
        label=Label(level=level, until=1_900_000_000),
    )
    made = compose(wish, who, Serial(1, 2026, 1), now=bern.now, entropy=bern.entropy)
    return Made(made.name, made.document, made.release)


def sender_of(desk: Desk, heads: Heads) -> Sender:
    return Sender(desk.post.terminal.key, desk.machine.beliefs.view(), heads, 6144)


def put(
    bern: Desk,
    tfc: Desk,
    made: Made,
    place: Place,
    sender: Sender | None = None,
) -> None:
    """Seal at a place of the attacker's choice, deposit, and let TFC fetch it."""
    relay, beliefs = bern.relay, bern.machine.beliefs
    view = beliefs.view()
    key_id = tfc.post.terminal.key.id
    offer = relay.offer(key_id)
    signed = SignedManifest(offer.manifest, Signature(offer.signature))
    book = PrekeyBook().adopt(key_id, signed, view)
    prekey = book.prekey(key_id, offer.index, offer.key, offer.path, view)
    to = Recipient("tfc", key_id, prekey.mailbox, prekey.kid, prekey.public, place)
    sealed = seal(
        made.document,
        sender=sender or sender_of(bern, beliefs.heads),
        recipients=[to],
        entropy=bern.entropy,
        release=made.release,
    )
    relay.submit(Submit(envelope=sealed.envelope, commitment=sealed.commitment))
    tfc.effects.clear()
    for delivery in list(relay.boxes[prekey.mailbox]):
        if tfc.takes(delivery):
            relay.boxes[prekey.mailbox].remove(delivery)


def waiting(desk: Desk) -> int:
    return len(desk.relay.boxes[desk.post.terminal.mailbox])


def owed(desk: Desk, post: str) -> list[Statement]:
    return [decode(s, Statement) for _, s, _ in desk.store.owed_receipts(post, 64)]


def shown(desk: Desk) -> set[Digest]:
    return {row.name for row in desk.inbox() if row.refused is None}


@pytest.mark.parametrize("seq", [0, 1 << 48, (1 << 64) - 1])
def test_a_place_that_no_stream_has_does_not_block_the_mailbox(
    desks: tuple[Desk, Desk], seq: int
) -> None:
    bern, tfc = desks
    put(bern, tfc, written(bern, "gif"), FIRST._replace(seq=seq))
    assert waiting(tfc) == 0
    assert "unreadable" in tfc.happened()
    after = written(bern, "daarna")
    put(bern, tfc, after, FIRST)
    assert shown(tfc) == {after.name}


def test_a_record_kept_apart_by_a_fork_is_shown_when_it_comes_anew(
    desks: tuple[Desk, Desk],
) -> None:
    """Its sender draws a new stream after the fork, as it must (DEL-8, DEL-11)."""
    bern, tfc = desks
    one, other = written(bern, "een"), written(bern, "twee")
    put(bern, tfc, one, FIRST)
    put(bern, tfc, other, FIRST)
    assert "fork" in tfc.happened()
    assert shown(tfc) == {one.name}
    assert [statement.record for statement in owed(tfc, "bern")] == [one.name]

    put(bern, tfc, other, ANEW)
    assert shown(tfc) == {one.name, other.name}


def test_what_stays_apart_in_a_frozen_stream_is_never_receipted(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    one, other = written(bern, "een"), written(bern, "twee")
    for made in (one, other, other):
        put(bern, tfc, made, FIRST)
    assert [statement.record for statement in owed(tfc, "bern")] == [one.name]


def test_a_refused_record_that_comes_again_is_refused_again(
    desks: tuple[Desk, Desk],
) -> None:
    """A relay that hands an envelope out twice turns no refusal into a delivery."""
    bern, tfc = desks
    secret = written(bern, "te hoog", Level.STG_C)
    for place in (FIRST, ANEW, AGAIN):
        put(bern, tfc, secret, place)
    said = {(statement.kind, statement.reason) for statement in owed(tfc, "bern")}
    assert said == {(Kind.REFUSED, Reason.RELEASE_NOT_PERMITTED.value)}
    assert shown(tfc) == set()


def test_a_sender_that_saw_another_log_is_told_to_people(
    desks: tuple[Desk, Desk],
) -> None:
    """B19: the record is genuine and shown; the difference is not swallowed."""
    bern, tfc = desks
    made = written(bern, "andere geschiedenis")
    forged = bern.machine.beliefs.heads._replace(key_root=Digest(b"x" * 32))
    put(bern, tfc, made, FIRST, sender_of(bern, forged))
    assert shown(tfc) == {made.name}
    assert "split-view" in tfc.happened()


def test_the_first_word_of_a_new_post_is_not_lost(desks: tuple[Desk, Desk]) -> None:
    """It comes before the directory does, as an honest relay may let it."""
    bern, tfc = desks
    hague = bern.ministry.fork()
    lima = Desk(hague, hague.enrol("lima"), bern.relay)
    for leaf in hague.leaves[-2:]:
        bern.relay.logs[LogName.KEY].append(leaf)
    bern.relay.now = hague.now + 60
    lima.connect()
    sent = lima.write("tfc")
    lima.run()
    tfc.fetch()
    assert waiting(tfc) == 1
    assert "unreadable" not in tfc.happened()
    exchange(tfc)
    assert shown(tfc) == {sent.name}


def test_what_nobody_signed_waits_for_one_directory_and_in_small_number(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    hague = bern.ministry.fork()
    stranger = Desk(hague, hague.enrol("lima"), FakeRelay(hague))
    stranger.connect()  # another ministry's log: TFC will never hear of it
    stranger.relay.published = bern.relay.published
    stranger.relay.boxes = bern.relay.boxes
    sender = sender_of(stranger, stranger.machine.beliefs.heads)
    for number in range(MAX_STRANGERS + 2):
        put(bern, tfc, written(stranger, str(number)), FIRST, sender)
    assert waiting(tfc) == MAX_STRANGERS
    (alarm,) = (a for a in tfc.store.alarms(9, ended=False) if a.what == "unreadable")
    assert alarm.times == 2
    tfc.relay.now += 60
    tfc.connect()
    tfc.fetch()
    assert waiting(tfc) == 0
    assert shown(tfc) == set()
