"""Attachments between two real cores: what is sent, believed and told."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from client.core.compose import Composed
from client.core.questions import Drop, Question, Upload
from client.core.rows import IN, OUT, BlobState
from client.vault.spool import seal_file, verify
from crypto.suite import SuiteId
from protocol.label import Precedence
from protocol.receipt import Kind
from protocol.requests import Announce, Ask
from tests.support.desk import Desk, cable, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.keys import stretched
from tests.support.ministry import Ministry

FILES = (stretched("one", 70_000), stretched("two", 10))


def send(
    desk: Desk,
    to: str = "tfc",
    files: Sequence[bytes] = FILES,
    precedence: Precedence = Precedence.ROUTINE,
) -> Composed:
    """Compose a cable with ``files``, sealed into the desk's spool."""
    source = desk.spool.folder.parent / f"{desk.spool.folder.name}.plain"
    spooled = []
    for number, content in enumerate(files):
        source.write_bytes(content)
        spooled.append(
            seal_file(
                desk.spool,
                source,
                suite=SuiteId.S1,
                name=f"{number}.bin",
                media="application/octet-stream",
                entropy=desk.entropy,
                progress=lambda _: None,
            )
        )
    source.unlink(missing_ok=True)
    wish = replace(cable(to, precedence=precedence), spooled=tuple(spooled))
    composed = desk.machine.compose(wish, desk.now)
    desk.effects.extend(desk.machine.pump(desk.now))
    return composed


def whole(desk: Desk, sent: Composed) -> list[bool]:
    return [target.delivery.whole for target in desk.store.targets(sent.name)]


def states(desk: Desk, sent: Composed) -> list[BlobState]:
    return [row.state for row in desk.store.blobs.of(sent.name)]


def test_blobs_arrive_are_told_and_let_go(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    sent = send(bern)
    exchange(bern, tfc)
    assert states(bern, sent) == states(tfc, sent) == [BlobState.DONE] * 2
    assert whole(bern, sent) == [True]
    assert list(bern.spool.folder.iterdir()) == []  # everybody has it
    assert not any(bern.relay.blobs.announced.values())  # the relay owes nothing
    assert {"attachments-stored", "whole"} <= set(bern.happened())
    assert "attachments-complete" in tfc.happened()
    delivered = [r for r in bern.store.receipts(sent.name) if r.kind == Kind.DELIVERED]
    assert len(delivered) == 1  # said twice, and one fact


def test_the_message_goes_first_and_is_text_only_until_all_is_there(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.relay.blobs.refusing = True
    sent = send(bern)
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1
    assert whole(bern, sent) == [False]
    assert bern.store.receipts(sent.name)
    assert not tfc.store.blobs.of(sent.name)[0].suite
    assert len(list(bern.spool.folder.iterdir())) == 2  # kept
    assert "attachment-refused" in bern.happened()
    bern.relay.blobs.refusing = False
    bern.machine.disconnected()
    bern.connect()
    exchange(bern, tfc)
    assert whole(bern, sent) == [True]


def test_a_blob_is_announced_when_the_relay_has_the_envelope(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    send(bern)
    asked: list[Ask | None] = []
    while bern.effects:
        effect = bern.effects.popleft()
        asked.append(effect.ask if isinstance(effect, Question) else None)
        bern.carry_out(effect)
    deposited = asked.index(None)  # the first that is no question
    assert asked.index(Ask.ANNOUNCE) > deposited > asked.index(Ask.PREKEYS)
    (first, *_) = (b for b in bern.relay.blobs.asked if isinstance(b, Announce))
    assert first.mailboxes == (tfc.post.terminal.mailbox,)


def test_a_false_blob_is_refused_fetched_again_and_not_without_end(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.machine.disconnected()
    sent = send(bern, files=FILES[:1])
    bern.connect()
    (blob,) = bern.relay.blobs.content
    true = bern.relay.blobs.content[blob]
    fetches: list[bytes] = []
    relay = bern.relay.blobs
    lies = [
        true[:-1] + bytes([true[-1] ^ 1]),  # a changed byte
        true[: 56 + 16_384 + 16].ljust(len(true), b"\0"),  # cut at a chunk, and filled
        stretched("another", len(true)),
    ]

    def fetched(name: bytes, _: object) -> bytes | None:
        fetches.append(name)
        return lies[len(fetches) - 1] if len(fetches) <= len(lies) else true

    relay.fetched = fetched  # type: ignore[method-assign, assignment]
    exchange(bern, tfc)
    assert len(fetches) == 3
    assert tfc.happened().count("attachment-false") == 3
    assert states(tfc, sent) == [BlobState.WAITING]
    assert list(tfc.spool.folder.iterdir()) == []
    assert whole(bern, sent) == [False]
    tfc.machine.disconnected()
    tfc.connect()  # another session, another try
    exchange(bern, tfc)
    assert whole(bern, sent) == [True]


def test_a_blob_of_another_length_is_not_taken(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    sent = send(bern, files=FILES[:1])
    bern.run()
    tfc.fetch()
    (row,) = tfc.store.blobs.of(sent.name)
    core = tfc.machine.attachments
    assert core.offered(row.blob[:16], row.total - 1, tfc.now) is None
    assert "attachment-false" in tfc.happened()
    assert core.offered(bytes(16), row.total, tfc.now) is None
    found = core.offered(row.blob[:16], row.total, tfc.now)
    assert found is not None
    tfc.restart()  # nothing was wished for in this session
    assert tfc.machine.attachments.offered(row.blob[:16], row.total, tfc.now) is None


def test_a_restart_before_each_step_loses_nothing(hague: Ministry) -> None:
    """After every single effect of sender and receiver, once each."""
    for lost in range(1, 40):
        bern, tfc = pair(hague, FakeRelay(hague))
        sent = send(bern)
        steps = 0
        for desk in (bern, tfc) * 12:
            desk.effects.extend(desk.machine.pump(desk.now))
            desk.fetch()
            desk.notice()
            while desk.effects:
                desk.carry_out(desk.effects.popleft())
                steps += 1
                if steps == lost:
                    desk.wishes.clear()
                    desk.restart()
                    desk.connect()
            desk.fetch_blobs()
        exchange(bern, tfc)
        assert whole(bern, sent) == [True], lost
        for row in tfc.store.blobs.of(sent.name):
            assert tfc.spool.size(row.file) == row.total
        assert len(tfc.inbox()) == 1
        if steps < lost:
            return
    raise AssertionError("not every step was reached")


def test_a_relay_that_lost_its_disk_gets_the_blobs_again(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    sent = send(bern)
    bern.run()
    assert states(bern, sent) == [BlobState.MOVED] * 2
    bern.relay.blobs.content.clear()
    bern.relay.blobs.announced.clear()
    bern.machine.disconnected()
    bern.connect()
    exchange(bern, tfc)
    assert whole(bern, sent) == [True]


def test_what_the_relay_was_not_told_it_is_told_in_the_next_session(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    sent = send(bern, files=FILES[:1])
    bern.run()
    tfc.fetch()
    (row,) = tfc.store.blobs.of(sent.name)
    tfc.spool.path(row.file).write_bytes(bern.relay.blobs.content[row.blob])
    core = tfc.machine.attachments
    demand = core.demand(row)
    found = verify(tfc.spool.path(row.file), demand)
    assert found is not None
    core.verified(row, *found, tfc.now)  # and the answer to Kept never comes
    assert states(tfc, sent) == [BlobState.MOVED]
    assert core.verified(row, *found, tfc.now) == []  # twice opened is once believed
    tfc.restart()
    tfc.connect()
    assert states(tfc, sent) == [BlobState.DONE]


def test_a_proof_of_another_attachment_is_a_bug(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    sent = send(bern)
    bern.run()
    tfc.fetch()
    one, two = tfc.store.blobs.of(sent.name)
    tfc.spool.path(one.file).write_bytes(bern.relay.blobs.content[one.blob])
    core = tfc.machine.attachments
    found = verify(tfc.spool.path(one.file), core.demand(one))
    assert found is not None
    with pytest.raises(RuntimeError, match="another attachment"):
        core.verified(two, *found, tfc.now)


def test_the_most_urgent_goes_first_and_few_at_a_time(
    desks: tuple[Desk, Desk],
) -> None:
    bern, _ = desks
    send(bern, files=[stretched(str(n), 10) for n in range(3)])
    urgent = send(bern, files=FILES[:1], precedence=Precedence.FLASH)
    begun: list[Upload] = []
    while bern.effects:
        effect = bern.effects.popleft()
        if isinstance(effect, Upload):
            begun.append(effect)  # and it stays under way
        else:
            bern.carry_out(effect)
    assert len(begun) == 2
    core = bern.machine.attachments
    (next_,) = core.uploaded(begun[0].blob[:16], bern.now)
    assert isinstance(next_, Upload)
    (flash,) = (row.blob for row in bern.store.blobs.of(urgent.name))
    assert flash in {one.blob for one in (*begun, next_)}
    assert core.not_taken(bytes(16), bern.now) == []
    core.not_taken(next_.blob[:16], bern.now)
    assert bern.happened().count("attachment-refused") == 1


def test_a_room_that_is_missing_is_told(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    sent = send(bern, files=FILES[:1])
    bern.run()
    tfc.fetch()
    (row,) = tfc.store.blobs.of(sent.name)
    tfc.machine.attachments.no_room(row, tfc.now)
    assert "attachment-no-room" in tfc.happened()


def test_files_that_nothing_speaks_of_go_and_others_stay(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    send(bern)
    (bern.spool.folder / "litter").write_bytes(b"x")
    bern.spool.keep_only(bern.store.blobs.files())
    assert len(list(bern.spool.folder.iterdir())) == 2
    exchange(bern, tfc)
    tfc.spool.keep_only(tfc.store.blobs.files())
    assert len(list(tfc.spool.folder.iterdir())) == 2  # what came in is kept
    assert bern.store.blobs.files() == frozenset()
    assert bern.store.blobs.open_(OUT) == bern.store.blobs.open_(IN) == []
    assert not any(isinstance(effect, Drop) for effect in bern.machine.pump(bern.now))
