"""The one door to a log, and who knocks on it."""

from dataclasses import replace

import pytest
from msgspec import structs

from crypto.merkle import EMPTY_ROOT
from protocol.codec import decode, encode
from protocol.errors import (
    ChainError,
    FreshnessError,
    MalformedError,
    ProtocolError,
    RollbackError,
    SplitViewError,
    ThresholdError,
    VerificationError,
)
from protocol.note import add_lines, sign_note
from protocol.trusted_log import TrustedLog
from protocol.witness_policy import WitnessPolicy
from tests.support.keys import flipped
from tests.support.log import ED, NOW, PQ, GrownLog, cosigned_by, leaves
from tests.support.witnesses import WITNESS_POLICY, note_key, witness_key

HOUR = 3600
SHARED = structs.replace(witness_key("w2"), organisation="BZ")


@pytest.fixture(scope="module")
def log() -> GrownLog:
    return GrownLog().grow(leaves(20))


@pytest.fixture(scope="module")
def forked() -> GrownLog:
    """The same log, by the same key, with another fifth leaf."""
    return GrownLog().grow([*leaves(4), b"for one post only", *leaves(20)[5:]])


def refused(
    trusted: TrustedLog, data: bytes, proof: object, error: type[ProtocolError]
) -> ProtocolError:
    before = replace(trusted)
    with pytest.raises(error) as caught:
        trusted.adopt(data, proof)  # type: ignore[arg-type]  # what came is an object
    assert trusted == before
    return caught.value


def test_a_log_is_followed_from_nothing_through_its_checkpoints(log: GrownLog) -> None:
    trusted = log.trusted()
    assert (trusted.size, trusted.root, trusted.witnessed) == (0, EMPTY_ROOT, 0)
    for size, now in ((1, NOW), (4, NOW + 1), (7, NOW + 2), (20, NOW + 3)):
        data = log.cosigned(size, now=now)
        trusted = trusted.adopt(data, log.consistency(trusted.size, size))
        assert (trusted.size, trusted.root) == (size, log.roots[size])
        assert (trusted.note, trusted.witnessed, trusted.shown) == (data, now, now)


def test_a_leaf_is_looked_up_under_the_trusted_root_only(log: GrownLog) -> None:
    trusted = log.trusted(9)
    trusted.check_inclusion(leaves(9)[4], 4, log.inclusion(4, 9))
    for leaf, index, path in (
        (b"another leaf", 4, log.inclusion(4, 9)),
        (leaves(9)[4], 5, log.inclusion(4, 9)),
        (leaves(20)[4], 4, log.inclusion(4, 20)),
        (leaves(20)[12], 12, log.inclusion(12, 20)),
        (leaves(9)[4], 4, ()),
    ):
        with pytest.raises(VerificationError):
            trusted.check_inclusion(leaf, index, path)


def test_rollback_is_refused(log: GrownLog) -> None:
    trusted = log.trusted(9)
    for size in (8, 1):
        refused(trusted, log.cosigned(size, now=NOW + 9), (), RollbackError)


def test_a_split_view_keeps_both_notes(log: GrownLog, forked: GrownLog) -> None:
    trusted = log.trusted(9)
    # The log's signature is evidence enough: no witness needs to have seen it.
    for other in (forked.cosigned(9), forked.signed(9)):
        error = refused(trusted, other, (), SplitViewError)
        assert isinstance(error, SplitViewError)
        assert error.evidence == (trusted.note, other)
    forged = flipped(forked.signed(9), len(forked.signed(9)) - 9)
    with pytest.raises(ProtocolError) as caught:
        trusted.adopt(forged, ())
    assert not isinstance(caught.value, SplitViewError)  # nobody is accused falsely


def test_a_root_that_no_leaves_have_is_a_split_view(
    log: GrownLog, forked: GrownLog
) -> None:
    zero = GrownLog()
    zero.roots = [forked.roots[9]]
    refused(log.trusted(), zero.cosigned(0), (), SplitViewError)
    assert log.trusted().adopt(GrownLog().cosigned(0), ()).size == 0


def test_a_fork_is_no_extension(log: GrownLog, forked: GrownLog) -> None:
    trusted = log.trusted(9)
    for proof in (forked.consistency(9, 20), log.consistency(9, 20), ()):
        refused(trusted, forked.cosigned(20), proof, ChainError)
    for proof in (log.consistency(8, 20), log.consistency(9, 19), ()):
        refused(trusted, log.cosigned(20), proof, ChainError)
    # Before the fork the views are one.
    early = log.trusted(4).adopt(forked.cosigned(20), forked.consistency(4, 20))
    assert early.root == forked.roots[20]


def test_a_checkpoint_of_another_log_is_refused(log: GrownLog) -> None:
    other = GrownLog("key-log").grow(leaves(9))
    refused(log.trusted(), other.cosigned(9), (), VerificationError)
    # The other log's key under this log's name.
    forged = other.text(9).replace(b"key-log", b"message-log")
    refused(
        log.trusted(), forged + other.signed(9)[len(other.text(9)) :], (), ProtocolError
    )


def test_our_logs_key_under_another_logs_checkpoint_is_refused(log: GrownLog) -> None:
    other = GrownLog("key-log").grow(leaves(9))
    signed = sign_note(other.text(9), log.key.origin, note_key(log.name, ED))
    whole = add_lines(signed, [cosigned_by(signed, w, PQ, NOW) for w in ("w1", "w2")])
    refused(log.trusted(), whole, (), VerificationError)


def test_witnesses_alone_make_no_checkpoint(log: GrownLog) -> None:
    unsigned = log.cosigned(9).replace(log.signed(9), log.text(9) + b"\n")
    refused(log.trusted(), unsigned, (), VerificationError)


def lines(log: GrownLog, *by: tuple[str, int]) -> bytes:
    note = log.signed(9)
    return add_lines(note, [cosigned_by(note, name, PQ, at) for name, at in by])


def test_no_quorum_names_who_is_missing(log: GrownLog) -> None:
    for data, missing in (
        (log.signed(9), {"w1", "w2", "w3"}),
        (lines(log, ("w1", NOW)), {"w2", "w3"}),
        (lines(log, ("w1", NOW), ("w1", NOW + 1)), {"w2", "w3"}),  # one voice
        (log.cosigned(9, ["w1", "w2", "w3"], kind=ED), {"w1", "w2", "w3"}),
    ):
        error = refused(log.trusted(), data, (), ThresholdError)
        assert isinstance(error, ThresholdError)
        assert error.missing == {f"{name}.example/witness".encode() for name in missing}
        assert error.required == 2


def test_two_witnesses_of_one_organisation_are_one_voice(log: GrownLog) -> None:
    policy = WitnessPolicy(
        witnesses=(witness_key("w1"), SHARED, witness_key("w3")), quorum=2
    )
    trusted = TrustedLog(log.key, policy)
    error = refused(trusted, log.cosigned(9, ["w1", "w2"]), (), ThresholdError)
    assert isinstance(error, ThresholdError)
    assert (error.valid, error.required) == (1, 2)
    # In the time, too: the two agree on a future that the other has not seen.
    data = lines(log, ("w1", NOW + HOUR), ("w2", NOW + HOUR), ("w3", NOW))
    assert trusted.adopt(data, ()).witnessed == NOW


def test_a_quorum_without_a_mirror_is_none(log: GrownLog) -> None:
    plain = structs.replace(witness_key("w1"), mirror=0)
    policy = WitnessPolicy(
        witnesses=(plain, witness_key("w2"), witness_key("w3")), quorum=2
    )
    trusted = TrustedLog(log.key, policy)
    refused(trusted, log.cosigned(9, ["w1", "w3"]), (), ThresholdError)
    assert trusted.adopt(log.cosigned(9, ["w2", "w3"]), ()).size == 9


def test_a_known_witness_with_a_false_line_refuses_the_note(log: GrownLog) -> None:
    note = log.cosigned(9, ["w1", "w2", "w3"])
    of_another = cosigned_by(log.signed(8), "w3", PQ, NOW)
    refused(log.trusted(), add_lines(note, [of_another]), (), VerificationError)


def test_an_unknown_witness_counts_for_nothing(log: GrownLog) -> None:
    policy = WitnessPolicy(witnesses=WITNESS_POLICY.witnesses[:2], quorum=2)
    trusted = TrustedLog(log.key, policy)
    refused(trusted, log.cosigned(9, ["w1", "w3"]), (), ThresholdError)


def test_witnessed_time_is_the_kth_largest(log: GrownLog) -> None:
    data = lines(log, ("w1", NOW + 99 * HOUR), ("w2", NOW), ("w3", NOW - HOUR))
    assert log.trusted().adopt(data, ()).witnessed == NOW


def test_the_same_checkpoint_again_moves_the_time_forward_only(log: GrownLog) -> None:
    trusted = log.trusted(9)
    later = trusted.adopt(log.cosigned(9, now=NOW + HOUR), ())
    assert (later.witnessed, later.size) == (NOW + HOUR, 9)
    assert later.adopt(log.cosigned(9, now=NOW), ()) is later
    grown = later.adopt(log.cosigned(20, now=NOW), log.consistency(9, 20))
    assert (grown.witnessed, grown.shown, grown.size) == (NOW + HOUR, NOW + HOUR, 20)


def test_ed25519_cosignatures_show_life_and_nothing_else(log: GrownLog) -> None:
    trusted = log.trusted(9)
    data = log.cosigned(20, kind=ED, now=NOW + HOUR)
    proof = log.consistency(9, 20)
    shown = trusted.extend(data, proof, longest=6 * HOUR)
    assert shown == replace(trusted, shown=NOW + HOUR)
    older = log.cosigned(9, kind=ED, now=NOW + 60)
    assert shown.extend(older, (), longest=6 * HOUR) == shown
    with pytest.raises(VerificationError):
        shown.check_inclusion(leaves(20)[12], 12, log.inclusion(12, 20))


def test_stale_ml_dsa_cosignatures_are_not_stretched(log: GrownLog) -> None:
    trusted, proof = log.trusted(9), log.consistency(9, 20)
    limit = log.cosigned(20, kind=ED, now=NOW + 6 * HOUR)
    assert trusted.extend(limit, proof, longest=6 * HOUR).shown == NOW + 6 * HOUR
    late = log.cosigned(20, kind=ED, now=NOW + 6 * HOUR + 1)
    with pytest.raises(FreshnessError):
        trusted.extend(late, proof, longest=6 * HOUR)
    with pytest.raises(FreshnessError):
        log.trusted().extend(log.cosigned(9, kind=ED), (), longest=6 * HOUR)


def test_an_extension_is_checked_like_a_checkpoint(
    log: GrownLog, forked: GrownLog
) -> None:
    trusted = log.trusted(9)
    for data, proof, error in (
        (log.cosigned(20, ["w1"], kind=ED), log.consistency(9, 20), ThresholdError),
        (log.cosigned(20, kind=PQ), log.consistency(9, 20), ThresholdError),
        (forked.cosigned(20, kind=ED), forked.consistency(9, 20), ChainError),
        (forked.cosigned(9, kind=ED), (), SplitViewError),
        (log.cosigned(8, kind=ED), (), RollbackError),
    ):
        with pytest.raises(error):
            trusted.extend(data, proof, longest=HOUR)


def test_a_log_is_recalled_from_the_note_that_was_adopted(log: GrownLog) -> None:
    trusted = log.trusted(9)
    assert log.trusted().recalled(trusted.note) == trusted


def test_a_later_root_document_rules_over_what_comes_next(log: GrownLog) -> None:
    stricter = structs.replace(WITNESS_POLICY, quorum=3)
    trusted = log.trusted(9).governed(log.key, stricter)
    assert (trusted.size, trusted.witnessed) == (9, NOW)
    proof = log.consistency(9, 20)
    refused(trusted, log.cosigned(20), proof, ThresholdError)
    assert trusted.adopt(log.cosigned(20, ["w1", "w2", "w3"]), proof).size == 20
    # After a restart the old note has no quorum: size and root stay, the time goes.
    again = TrustedLog(log.key, stricter).recalled(trusted.note)
    assert again == replace(trusted, witnessed=0, shown=0)
    refused(again, log.cosigned(8, ["w1", "w2", "w3"]), (), RollbackError)


def test_another_origin_is_another_log(log: GrownLog) -> None:
    other = GrownLog("key-log")
    with pytest.raises(ChainError):
        log.trusted(9).governed(other.key, WITNESS_POLICY)


@pytest.mark.parametrize(
    "data", [b"", b"no note", b"text\n\n\xe2\x80\x94 a AAAAAAA=\n"]
)
def test_what_is_no_checkpoint_changes_nothing(log: GrownLog, data: bytes) -> None:
    refused(log.trusted(9), data, (), MalformedError)


def test_the_policy_survives_its_encoding() -> None:
    assert decode(encode(WITNESS_POLICY), WitnessPolicy) == WITNESS_POLICY
