"""What an evidence bundle proves, and what makes it prove nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from crypto.merkle import consistency_path, inclusion_path
from crypto.sign import Realm, Usage
from crypto.types import Digest
from protocol.codec import decode, encode
from protocol.errors import (
    BindingError,
    ChainError,
    MalformedError,
    ProtocolError,
    StrangerError,
    ThresholdError,
    VerificationError,
)
from protocol.evidence.bundle import (
    PAGE,
    Bundle,
    Sealing,
    read_bundle,
    read_pages,
    write_bundle,
    write_pages,
)
from protocol.evidence.check import verify_bundle
from protocol.evidence.findings import EvidenceError, Part, Standing
from protocol.evidence.notes import known_lines
from protocol.leaf import leaf_commitment, message_leaf
from protocol.note import parse_note, signature_line
from protocol.receipt import Kind
from protocol.requests import LogName
from protocol.signed import SignatureLine
from protocol.slip import MAX_INNER, Inner, Slip
from protocol.tlog_proof import read_proof, write_proof
from tests.support.evidence import Case, case
from tests.support.log import ED, PQ, cosigned_by
from tests.support.ministry import ministry
from tests.support.witnesses import WITNESS_POLICY, log_key

STRANGER = signature_line("stranger.example", b"1234", bytes(64))


@pytest.fixture(scope="module")
def known() -> Case:
    return case(ministry())


@pytest.fixture(scope="module")
def bundle(known: Case) -> Bundle:
    return read_bundle(known.bundle(known.bern))


@pytest.mark.parametrize("side", ["bern", "tfc"])
def test_both_ends_can_show_who_sent_what_and_who_read_it(
    known: Case, side: str
) -> None:
    desk = known.bern if side == "bern" else known.tfc
    found = known.findings(known.bundle(desk))
    assert (found.record.name, found.record.record.sender) == (known.name, "bern")
    assert (found.record.terminal.post, found.record.terminal.number) == ("bern", 1)
    assert found.record.member is not None
    assert found.record.member.name == "bern/m1"
    told = [(t.statement.kind, t.signer.post, t.signer.name) for t in found.receipts]
    assert set(told) == {
        (Kind.DELIVERED, "tfc", ""),
        (Kind.READ, "tfc", "tfc/m1"),
        (Kind.ACKNOWLEDGED, "tfc", "tfc/m1"),
    }
    assert all(t.carrier.witnessed >= found.record.witnessed for t in found.receipts)
    assert {s.standing for s in found.signers()} <= {Standing.CURRENT, Standing.OPEN}
    (shown,) = found.checkpoints
    assert [line.time is None for line in shown.lines] == [True, False, False]
    assert found.refused == ()


def test_what_is_written_is_read(known: Case) -> None:
    data = known.bundle(known.bern)
    assert write_bundle(read_bundle(data)) == data


def refused(
    known: Case, bundle: Bundle, part: Part, cause: type[ProtocolError]
) -> None:
    with pytest.raises(EvidenceError) as error:
        known.findings(write_bundle(bundle))
    assert error.value.part is part
    assert isinstance(error.value.__cause__, cause), error.value.__cause__


# --- the key log


def test_it_needs_the_hash_on_paper_and_the_realm(known: Case) -> None:
    data = known.bundle(known.bern)
    for pin, realm in (
        (Digest(bytes(32)), Realm.DEMO),
        (known.pin, Realm.KOERIER),
    ):
        with pytest.raises(EvidenceError) as error:
            verify_bundle(data, pin, realm)
        assert error.value.part is Part.KEY_LOG


def leaves_of(bundle: Bundle) -> list[bytes]:
    return list(read_pages(bundle.pages))


KEY_LOGS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "a leaf left out": lambda leaves: [*leaves[:2], *leaves[3:]],
    "a leaf too many": lambda leaves: [*leaves, b"more"],
    "the last left out": lambda leaves: leaves[:-1],
    "two exchanged": lambda leaves: [*leaves[:-2], leaves[-1], leaves[-2]],
    "no root document": lambda leaves: leaves[1:],
}


@pytest.mark.parametrize("name", KEY_LOGS)
def test_another_key_log_proves_nothing(known: Case, bundle: Bundle, name: str) -> None:
    pages = write_pages(KEY_LOGS[name](leaves_of(bundle)))
    refused(known, structs.replace(bundle, pages=pages), Part.KEY_LOG, ProtocolError)


def test_pages_have_one_form() -> None:
    leaves = [b"%d" % number for number in range(PAGE + 1)]
    pages = write_pages(leaves)
    assert list(map(len, map(read_pages, [pages[:1], pages]))) == [PAGE, PAGE + 1]
    short = write_pages(leaves[:3])
    for wrong in (
        (*short, *short),
        (*pages, encode(())),
        (encode(()),),
        (encode(tuple(leaves)),),
        (b"\x81\x01",),
    ):
        with pytest.raises(MalformedError):
            read_pages(wrong)


# --- notes: nothing spare


NOTES: dict[str, Callable[[bytes], bytes]] = {
    "a stranger's line": lambda note: note + STRANGER,
    "a line twice": lambda note: note + note.splitlines(keepends=True)[-1],
    "a second line of a witness": lambda note: (
        note + cosigned_by(note, "w1", PQ, 1_890_000_000)
    ),
    "without its quorum": lambda note: b"".join(note.splitlines(keepends=True)[:-1]),
    "an Ed25519 line that is false": lambda note: (
        note + cosigned_by(note.replace(b"\n\n", b"\nx\n\n"), "w1", ED, 1_790_000_000)
    ),
}


def with_note(sealing: Sealing, change: Callable[[bytes], bytes]) -> Sealing:
    proof = read_proof(sealing.proof)
    changed = write_proof(proof.index, proof.path, change(proof.note))
    return structs.replace(sealing, proof=changed)


@pytest.mark.parametrize("name", NOTES)
def test_a_note_has_no_line_to_spare(known: Case, bundle: Bundle, name: str) -> None:
    change = NOTES[name]
    (note,) = bundle.notes
    other = structs.replace(bundle, notes=(change(note),))
    refused(known, other, Part.KEY_LOG, VerificationError)
    other = structs.replace(bundle, record=with_note(bundle.record, change))
    refused(known, other, Part.RECORD, VerificationError)
    first, *rest = bundle.receipts
    receipts = (with_note(first, change), *rest)
    other = structs.replace(bundle, receipts=receipts)
    refused(known, other, Part.RECEIPT, VerificationError)


def test_an_ed25519_line_that_holds_is_shown(known: Case, bundle: Bundle) -> None:
    (note,) = bundle.notes
    more = note + cosigned_by(note, "w3", ED, 1_790_000_000)
    found = known.findings(write_bundle(structs.replace(bundle, notes=(more,))))
    (shown,) = found.checkpoints
    assert [line.algorithm for line in shown.lines].count("Ed25519") == 2


def test_whoever_makes_a_bundle_leaves_spare_lines_out(bundle: Bundle) -> None:
    (note,) = bundle.notes
    key = log_key("key")
    spoiled = note + STRANGER + cosigned_by(note, "w1", PQ, 1_790_000_001)
    spoiled += NOTES["an Ed25519 line that is false"](note)[len(note) :]
    kept = known_lines(spoiled, key, WITNESS_POLICY)
    assert kept is not None
    assert len(parse_note(kept).lines) == 3
    assert b"stranger" not in kept
    assert known_lines(spoiled, log_key("message"), WITNESS_POLICY) is None


# --- the record and its proof


def test_a_record_is_of_its_proof(known: Case, bundle: Bundle) -> None:
    record, (first, second) = bundle.record, bundle.receipts
    for changed in (
        structs.replace(record, body=first.body),
        structs.replace(record, inner=first.inner),
        structs.replace(record, proof=second.proof),
    ):
        other = structs.replace(bundle, record=changed)
        refused(known, other, Part.RECORD, VerificationError)


def lied(known: Case, change: Callable[[Slip], Slip]) -> Sealing:
    """Return the record under a slip that its own terminal changed, logged."""
    inner = decode(read_bundle(known.bundle(known.bern)).record.inner, Inner)
    slip = change(decode(inner.slip, Slip))
    key = known.hague.posts["bern"].terminal.key
    signed = SignatureLine(
        key.id, key.sign(Usage.RECORD, encode(slip), realm=known.hague.realm)
    )
    body = Digest(b"b" * 32)
    log = known.relay.logs[LogName.MESSAGE]
    index = log.append(message_leaf(leaf_commitment(slip.r, encode(slip)), body))
    size = log.frontier.size
    note = log.checkpoint(known.relay.now, ("w1", "w2"))
    return Sealing(
        inner=encode(Inner(inner.record, encode(slip), (signed, *inner.sigs[1:]))),
        body=body,
        proof=write_proof(index, inclusion_path(index, size, log.node), note),
        path=consistency_path(min(slip.dir.message_size, size), size, log.node),
    )


def test_a_sealing_again_is_evidence_too(known: Case, bundle: Bundle) -> None:
    again = lied(known, lambda slip: structs.replace(slip, r=b"r" * 32))
    found = known.findings(write_bundle(structs.replace(bundle, record=again)))
    assert found.record.index > 2


@pytest.mark.parametrize(
    "heads",
    [
        {"key_root": Digest(b"k" * 32)},
        {"key_size": 1},
        {"key_size": 99},
        {"message_root": Digest(b"m" * 32)},
        {"message_size": 99},
    ],
    ids="-".join,
)
def test_a_signer_saw_these_logs(
    known: Case, bundle: Bundle, heads: dict[str, Any]
) -> None:
    """B19: what the slip says of both logs is compared with what they are."""
    sealing = lied(
        known, lambda slip: structs.replace(slip, dir=slip.dir._replace(**heads))
    )
    other = structs.replace(bundle, record=sealing)
    refused(known, other, Part.RECORD, BindingError)


def test_the_way_between_both_logs_is_exact(known: Case, bundle: Bundle) -> None:
    (last,) = bundle.receipts[1:]
    assert last.path
    for path in (last.path[:-1], (*last.path, last.path[0]), ()):
        changed = structs.replace(last, path=path)
        other = structs.replace(bundle, receipts=(bundle.receipts[0], changed))
        refused(known, other, Part.RECEIPT, BindingError)


def signed_by(sealing: Sealing, number: int) -> Sealing:
    """Return the sealing with a line of a key that the directory never had."""
    inner = decode(sealing.inner, Inner, limit=MAX_INNER)
    lines = list(inner.sigs)
    lines[number] = SignatureLine(b"k" * 32, lines[number].signature)  # type: ignore[arg-type]
    return structs.replace(sealing, inner=encode(inner._replace(sigs=tuple(lines))))


@pytest.mark.parametrize("number", [0, 1])
def test_a_stranger_signs_nothing(known: Case, bundle: Bundle, number: int) -> None:
    record = signed_by(bundle.record, number)
    other = structs.replace(bundle, record=record)
    refused(known, other, Part.RECORD, StrangerError)


# --- receipts


def test_receipts_stand_in_one_order_and_once(known: Case, bundle: Bundle) -> None:
    first, second = bundle.receipts
    for receipts in ((second, first), (first, first), (first, second, second)):
        other = structs.replace(bundle, receipts=receipts)
        refused(known, other, Part.RECEIPT, ChainError)


def test_a_record_that_says_nothing_about_ours_is_no_receipt(
    known: Case, bundle: Bundle
) -> None:
    """B21, and nothing in a bundle is spare."""
    other = structs.replace(bundle, receipts=(bundle.record,))
    refused(known, other, Part.RECEIPT, BindingError)


def test_a_carrier_sealed_twice_is_one(known: Case, bundle: Bundle) -> None:
    again = lied(known, lambda slip: structs.replace(slip, r=b"s" * 32))
    other = structs.replace(bundle, receipts=(*bundle.receipts, bundle.record, again))
    refused(known, other, Part.RECEIPT, ProtocolError)


def test_a_quorum_is_needed_by_name(known: Case, bundle: Bundle) -> None:
    note = NOTES["without its quorum"]
    (key_note,) = bundle.notes
    other = structs.replace(bundle, notes=(note(key_note),))
    refused(known, other, Part.KEY_LOG, ThresholdError)
