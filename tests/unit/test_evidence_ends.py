"""Evidence under keys and root documents that have ended since."""

from dataclasses import replace

import pytest
from msgspec import structs

from client.core.evidence import Lacking, LackingError, gather
from client.core.kept_notes import MOST, keep_notes, kept_notes
from crypto.merkle import consistency_path, inclusion_path
from crypto.types import Digest
from protocol.codec import decode, encode
from protocol.directory_entry import Action, Revocation, Rotation, Rotations
from protocol.directory_state import Adopted
from protocol.errors import ChainError
from protocol.evidence.bundle import read_bundle, write_bundle
from protocol.evidence.check import verify_bundle
from protocol.evidence.findings import EvidenceError, Part, Standing
from protocol.key_log_entry import LeafKind
from protocol.proposal import prove
from protocol.receipt import Kind
from protocol.requests import LogName
from protocol.root import DAY
from protocol.signed import carried
from protocol.slip import Slip
from protocol.tlog_proof import read_proof, write_proof
from tests.second.plain_evidence import check
from tests.support.evidence import Case, case, follow_root, refresh, settle
from tests.support.ministry import YEAR, Ministry, ministry


@pytest.fixture
def known() -> Case:
    return case(ministry())


def logged(known: Case, leaf: bytes) -> None:
    """Log a leaf of the key log an hour later, and let both adopt it."""
    refresh(known.bern, known.tfc)
    known.relay.now += 3600
    known.relay.logs[LogName.KEY].append(leaf)
    known.hague.follow(leaf)
    settle(known.bern, known.tfc)
    refresh(known.bern, known.tfc)


def revoked(hague: Ministry) -> bytes:
    gone = Revocation(keys=(hague.posts["bern"].terminal.key.id,))
    return hague.entry("bern", Action.REVOKE, gone)


def restricted(hague: Ministry) -> bytes:
    key = hague.posts["bern"].terminal.key.id
    return hague.restriction(key, by=hague.operators["anna"])


def rotated(hague: Ministry) -> bytes:
    post = hague.posts["bern"]
    place, new = hague.place("bern", Action.ROTATE), hague.key("bern/t1/next")
    rotation = Rotation(
        old=post.terminal.key.id,
        key=carried(new),
        until=hague.now + YEAR,
        proof=prove(new, place, nonce=hague.fresh(32), realm=hague.realm),
    )
    signers = [*hague.pair, post.terminal.key]
    change = Rotations(rotations=(rotation,))
    return hague.entry("bern", Action.ROTATE, change, signers)


ENDS = {"revoked": revoked, "restricted": restricted, "rotated": rotated}


@pytest.mark.parametrize("name", ENDS)
def test_a_record_from_before_the_end_of_its_key_is_shown_as_such(
    known: Case, name: str
) -> None:
    """TIME-8: two checkpoints around the end show that the record is older."""
    logged(known, ENDS[name](known.hague))
    data = known.bundle(known.tfc)
    found = known.findings(data)
    assert check(data, known.pin, "koerier-demo")[0].name == known.name
    assert len(found.checkpoints) == 3  # without it, with it, and the last
    terminal = found.record.terminal
    assert terminal.standing is Standing.BEFORE
    assert terminal.ended is not None
    assert terminal.ended.reason == name
    assert found.record.member is not None
    assert found.record.member.standing is Standing.CURRENT


@pytest.mark.parametrize("name", ENDS)
def test_without_those_checkpoints_it_counts_as_signed_too_late(
    known: Case, name: str
) -> None:
    logged(known, ENDS[name](known.hague))
    bundle = read_bundle(known.bundle(known.tfc))
    alone = structs.replace(bundle, notes=bundle.notes[-1:])
    found = known.findings(write_bundle(alone))
    assert found.record.terminal.standing is Standing.ENDED


def test_a_key_log_that_was_witnessed_before_leaves_it_open(known: Case) -> None:
    bundle = read_bundle(known.bundle(known.bern))
    log = known.relay.logs[LogName.KEY]
    early = log.checkpoint(known.hague.now - DAY, ("w1", "w2"))
    found = known.findings(write_bundle(structs.replace(bundle, notes=(early,))))
    assert found.record.terminal.standing is Standing.OPEN


def test_checkpoints_ascend_and_say_something_new(known: Case) -> None:
    bundle = read_bundle(known.bundle(known.bern))
    log, now = known.relay.logs[LogName.KEY], known.relay.now
    early, late = (log.checkpoint(now + more, ("w1", "w2")) for more in (0, 9))
    both = structs.replace(bundle, notes=(early, late))
    assert len(known.findings(write_bundle(both)).checkpoints) == 2
    for notes in ((late, early), (late, late)):
        wrong = structs.replace(bundle, notes=notes)
        with pytest.raises(EvidenceError) as error:
            known.findings(write_bundle(wrong))
        assert error.value.part is Part.KEY_LOG
        assert isinstance(error.value.__cause__, ChainError)


def test_an_earlier_root_documents_witnesses_count_for_what_they_saw_then(
    known: Case,
) -> None:
    """EVID-7, by the hash of either version."""
    first = known.pin
    follow_root(known.bern, known.tfc)
    data = known.bundle(known.bern)
    for pin in (first, known.pin):
        found = verify_bundle(data, pin, known.hague.realm)
        assert found.version == 2
        seen, _ = check(data, pin, "koerier-demo")
        assert seen.shown.time == found.record.witnessed
        assert len(found.record.checkpoint.lines) == 3  # two witnesses, as then
    bern, tfc = known.bern, known.tfc
    late = replace(known, name=bern.write("tfc", "Daarna.").name)
    settle(bern, tfc)
    refresh(known.bern, known.tfc)
    for fresh, one in ((False, late), (True, late), (True, known)):
        found = one.findings(one.bundle(bern, fresh=fresh))
        assert len(found.record.checkpoint.lines) == 2


def test_a_quorum_of_an_earlier_root_document_ends_with_it(known: Case) -> None:
    """What it saw counts up to the last time that the log had no other."""
    follow_root(known.bern, known.tfc)
    bundle = read_bundle(known.bundle(known.bern))
    proof = read_proof(bundle.record.proof)
    log = known.relay.logs[LogName.MESSAGE]
    late = log.checkpoint(known.relay.now, ("w2", "w3"))
    size = log.frontier.size
    path = inclusion_path(proof.index, size, log.node)
    forged = structs.replace(
        bundle.record,
        proof=write_proof(proof.index, path, late),
        path=consistency_path(0, size, log.node),
    )
    for wrong in (
        structs.replace(bundle, record=forged),
        structs.replace(bundle, notes=bundle.notes[-1:]),
    ):
        with pytest.raises(EvidenceError) as error:
            known.findings(write_bundle(wrong))
        assert error.value.part is Part.RECORD


# --- what a vault keeps, and what it lacks


def test_only_notes_around_an_end_are_kept_and_not_for_ever(known: Case) -> None:
    store = known.bern.store
    assert kept_notes(store) == ()
    root = Adopted(9, LeafKind.ROOT, Digest(bytes(32)))
    keep_notes(store, (b"", b"first"), (root,))
    keep_notes(store, (b"a", b"b"), ())
    assert kept_notes(store) == ()
    keep_notes(store, (b"a", b"b"), (root,))
    keep_notes(store, (b"b", b"c"), (root,))
    assert kept_notes(store) == (b"a", b"b", b"c")
    for number in range(MOST):
        keep_notes(store, (b"%d" % number, b"%d+" % number), (root,))
    assert len(kept_notes(store)) == MOST
    assert kept_notes(store)[-1] == b"%d+" % (MOST - 1)


def lacking(known: Case, name: Digest | None = None) -> Lacking:
    row = known.bern.store.record(known.name if name is None else name)
    assert row is not None
    with pytest.raises(LackingError) as error:
        gather(known.bern.store, row)
    return error.value.lacking


def test_what_is_not_logged_is_no_evidence(known: Case) -> None:
    fresh = known.bern.write("tfc", "Nieuw.")
    assert lacking(known, fresh.name) is Lacking.LEAF  # not even sealed
    known.bern.run()
    assert lacking(known, fresh.name) is Lacking.LEAF  # no checkpoint over it yet


def test_what_was_sealed_before_signatures_were_kept_is_none(known: Case) -> None:
    store = known.bern.store
    (deposit,) = store.deposits(known.name)
    assert deposit.signature
    store.set_deposit(replace(deposit, signature=b""))
    assert lacking(known) is Lacking.SIGNATURE


def test_a_sender_who_saw_more_of_the_key_log_is_waited_for(known: Case) -> None:
    store = known.bern.store
    (deposit,) = store.deposits(known.name)
    slip = decode(deposit.slip, Slip)
    ahead = structs.replace(slip, dir=slip.dir._replace(key_size=999))
    store.set_deposit(replace(deposit, slip=encode(ahead)))
    assert lacking(known) is Lacking.BEHIND


def test_a_receipt_that_is_not_logged_yet_is_counted_and_left_out(known: Case) -> None:
    bern, tfc = known.bern, known.tfc
    sent = bern.write("tfc", "Nog een.")
    bern.run()
    bern.notice()
    tfc.notice()
    tfc.fetch()
    bern.fetch()
    row = bern.store.record(sent.name)
    assert row is not None
    gathered = gather(bern.store, row)
    assert (len(gathered.receipts), gathered.unproven) == (0, 1)


def test_one_record_may_carry_receipts_for_several(known: Case) -> None:
    bern, tfc = known.bern, known.tfc
    names = [bern.write("tfc", text).name for text in ("Een.", "Twee.")]
    bern.run()
    settle(bern, tfc)
    for row in tfc.inbox()[:2]:
        tfc.machine.read(row, tfc.now)
    tfc.effects.extend(tfc.machine.pump(tfc.now))
    settle(bern, tfc)
    for name in names:
        other = replace(known, name=name)
        for desk in (bern, tfc):
            found = other.findings(other.bundle(desk))
            kinds = [told.statement.kind for told in found.receipts]
            assert kinds == [Kind.DELIVERED, Kind.READ]
            assert all(told.statement.record == name for told in found.receipts)
