"""A terminal follows the root document to other witnesses, and stays there."""

from collections import Counter

from msgspec import structs

from crypto.digest import H
from crypto.suite import SUITES, SuiteId
from crypto.types import Mailbox, MessageId, PrekeyId
from protocol.codec import encode
from protocol.envelope import Envelope, Wrap
from protocol.key_log_entry import LeafKind, read_leaf, read_signed, signed_leaf
from protocol.requests import Delivery, LogName
from protocol.root import OpenSuite, RootDocument
from protocol.witness_policy import WitnessPolicy
from tests.support.desk import Desk
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry, sign_root
from tests.support.witnesses import witness_key


def successor(hague: Ministry) -> RootDocument:
    """Return version 2: w1 alone, where two of three were needed."""
    root = hague.directory.root
    first = read_signed(read_leaf(hague.leaves[0]).body).document
    return structs.replace(
        root.document,
        version=2,
        prev=H(first),
        witnesses=WitnessPolicy(witnesses=(witness_key("w1"),), quorum=1),
    )


def publish(
    hague: Ministry, relay: FakeRelay, holders: int = 2, **changes: object
) -> None:
    document = structs.replace(successor(hague), **changes)
    signed = sign_root(encode(document), hague.holders[:holders], hague.realm)
    relay.logs[LogName.KEY].append(signed_leaf(LeafKind.ROOT, signed))
    relay.witnesses = ("w1",)


def quorum(desk: Desk) -> set[int]:
    beliefs = desk.machine.beliefs
    return {log.policy.quorum for log in (beliefs.key_log, beliefs.message_log)}


def test_the_new_witnesses_count_from_the_document_that_names_them(
    hague: Ministry, relay: FakeRelay
) -> None:
    desk = Desk(hague, hague.posts["bern"], relay)
    desk.connect()
    assert quorum(desk) == {2}
    publish(hague, relay)
    desk.connect()
    assert quorum(desk) == {1}
    assert desk.machine.beliefs.key_log.size == relay.sizes[0]
    desk.restart()
    assert quorum(desk) == {1}
    relay.logs[LogName.KEY].append(b"a leaf that counts for nothing")
    desk.connect()
    assert desk.machine.beliefs.key_log.size == relay.sizes[0]


def test_a_terminal_that_comes_later_starts_with_them(
    hague: Ministry, relay: FakeRelay
) -> None:
    publish(hague, relay)
    desk = Desk(hague, hague.posts["bern"], relay)
    desk.connect()
    assert quorum(desk) == {1}


def test_a_root_that_its_holders_did_not_make_changes_no_witness(
    hague: Ministry, relay: FakeRelay
) -> None:
    desk = Desk(hague, hague.posts["bern"], relay)
    desk.connect()
    size = desk.machine.beliefs.key_log.size
    publish(hague, relay, holders=1)
    desk.connect()
    assert quorum(desk) == {2}
    assert desk.machine.beliefs.key_log.size == size


def of_suite(suite: SuiteId, mailbox: Mailbox) -> Delivery:
    """Return an envelope to a prekey that nobody has: it is opened or it is not."""
    row = SUITES[suite]
    wrap = Wrap(mailbox, PrekeyId(bytes(row.prekey_id)), bytes(row.wrap))
    envelope = Envelope(1, suite, MessageId(bytes(16)), (wrap,), bytes(4_200))
    return Delivery(cursor=1, index=0, envelope=encode(envelope))


def alarmed(desk: Desk) -> Counter[str]:
    """Return how often each alarm was told."""
    alarms = desk.store.alarms(100, ended=True)
    return Counter({alarm.what: alarm.times for alarm in alarms})


def test_a_retired_suite_is_opened_until_its_date(
    hague: Ministry, relay: FakeRelay
) -> None:
    """B16, by witnessed time: what is of it after that day is not even tried."""
    desk = Desk(hague, hague.posts["bern"], relay)
    until = hague.now + 1000
    publish(hague, relay, opens=(OpenSuite(SuiteId.S2, until),))
    told: list[list[str]] = []
    for now in (until - 1, until):
        relay.now = now
        desk.connect()
        for suite in SuiteId:
            before = alarmed(desk)
            came = of_suite(suite, desk.post.terminal.mailbox)
            assert desk.takes(came)
            told.append([*(alarmed(desk) - before)])
    gone, unread = ["prekey-unknown"], ["unreadable"]
    assert told == [gone, gone, gone, unread]
