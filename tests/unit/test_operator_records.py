"""Proposals between operators' terminals, by sealed records."""

from typing import Any

import pytest
from msgspec import structs

from client.core.compose import Wish, action
from crypto.digest import H
from crypto.sign import Usage
from crypto.types import Digest, KeyId, Signature
from protocol.bodies import ApprovalBody, ProposalBody, RefusalBody, Subject
from protocol.codec import decode, encode
from protocol.directory_entry import (
    Action,
    ChangedRights,
    DirectoryEntry,
    Rights,
)
from protocol.key_log_entry import LeafKind, read_leaf, read_signed, signed_leaf
from protocol.label import Label, Level, Precedence
from protocol.record_type import RecordType
from protocol.requests import LogName
from protocol.root import DAY
from protocol.signed import gather
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import HIGH, Ministry
from tests.support.seats import Seat

Seats = tuple[Seat, Seat]


@pytest.fixture
def seats(desks: tuple[Desk, Desk], hague: Ministry) -> Seats:
    bern, tfc = desks
    operators = hague.operators
    return Seat(bern, operators["anna"]), Seat(tfc, operators["bram"])


def meet(seats: Seats) -> None:
    exchange(*(seat.desk for seat in seats))


def lower(seat: Seat) -> bytes:
    return seat.change("rights", "bern", level=Level.DEP_V.value)


def test_a_change_goes_from_one_to_the_other_and_into_the_log(seats: Seats) -> None:
    anna, bram = seats
    id_ = anna.propose(lower(anna), "tfc")
    assert anna.standing(id_) == "open"
    meet(seats)
    assert [row["subject"] for row in bram.run("inbox")] == ["toets"]
    (line,) = bram.run("operator-list")
    assert (line["action"], line["post"], line["from"]) == (
        "SET_RIGHTS",
        "bern",
        "bern",
    )
    assert (line["standing"], len(line["operators"]), line["needed"]) == ("open", 1, 2)
    after = bram.approve(id_)
    assert after["standing"] == "complete"
    assert after["carrying"] == "waiting"
    meet(seats)
    for seat in seats:
        (line,) = seat.run("operator-list")
        assert line["standing"] == "logged"
        assert line["index"] == anna.desk.relay.logs[LogName.KEY].frontier.size - 1
        assert line["witnessed"] is not None
        assert line["carrying"] is None
        found = seat.run("directory-post", post="bern")
        assert found["rights"].startswith("Dep.V")
    assert bram.refused("operator-reject", id=id_, reason="x").code == "operator.logged"


def test_ones_own_proposal_is_not_approved(seats: Seats) -> None:
    anna, bram = seats
    document = lower(anna)
    id_ = anna.propose(document, "tfc")
    meet(seats)
    own = anna.line(document)
    for seat in seats:  # by whom it was proposed, or with that signature elsewhere
        refused = seat.refused("operator-approve", id=id_, line=own)
        assert refused.code == "operator.own-proposal"
        assert seat.standing(id_) == "open"
    assert bram.approve(id_)["standing"] == "complete"


def test_one_key_twice_is_one_signature(seats: Seats) -> None:
    """An approval by the proposer's key, made past the commands, completes nothing."""
    anna, bram = seats
    document = lower(anna)
    id_ = anna.propose(document, "tfc")
    found = anna.run("operator-proposal", id=id_)
    key, signature = anna.line(document)
    body = ApprovalBody(
        proposal=Digest(bytes.fromhex(found["name"])),
        document=H(document),
        signer=KeyId(bytes.fromhex(key)),
        signature=Signature(bytes.fromhex(signature)),
    )
    send(anna, RecordType.APPROVAL, body)
    meet(seats)
    for seat in seats:
        assert seat.standing(id_) == "open"
    assert bram.desk.relay.logs[LogName.KEY].frontier.size == len(
        anna.desk.ministry.leaves
    ) + manifests(bram.desk.relay, anna.desk.ministry)


def manifests(relay: FakeRelay, hague: Ministry) -> int:
    more = relay.logs[LogName.KEY].leaves[len(hague.leaves) :]
    return sum(read_leaf(leaf).kind is LeafKind.MANIFEST for leaf in more)


def send(seat: Seat, kind: RecordType, body: Any) -> None:  # noqa: ANN401 -- any body
    """Send a record that no command would make."""
    label = Label(level=Level.DEP_V, until=1_900_000_000)
    other = "tfc" if seat.desk.post.post == "bern" else "bern"
    wish = Wish(kind, body, action((other,), Precedence.ROUTINE), label)
    seat.desk.machine.compose(wish, seat.desk.now)
    seat.desk.effects.extend(seat.desk.machine.pump(seat.desk.now))
    seat.desk.run()


def test_a_proposal_that_no_known_key_signed_is_not_listed(
    seats: Seats, hague: Ministry
) -> None:
    anna, bram = seats
    document = lower(anna)
    stranger = hague.key("nobody")
    for signer, signature in (
        (None, None),
        (stranger.id, stranger.sign(Usage.DIR, document, realm=hague.realm)),
        (anna.key.id, stranger.sign(Usage.DIR, document, realm=hague.realm)),
        (anna.key.id, anna.key.sign(Usage.SUSPEND, document, realm=hague.realm)),
    ):
        body = ProposalBody(
            subject=Subject.DIRECTORY_ENTRY,
            document=document,
            until=hague.now + DAY,
            reason="toets",
            signer=signer,
            signature=signature,
        )
        send(anna, RecordType.PROPOSAL, body)
    meet(seats)
    assert bram.run("operator-list") == []
    assert bram.refused("operator-proposal", id="").code == "operator.no-proposal"
    wrong = anna.asked(document, "tfc", lines=[[stranger.id.hex(), "00" * 64]])
    refused = anna.refused("operator-propose", **wrong)
    assert refused.code == "operator.not-operator"


def test_an_expired_proposal_is_neither_approved_nor_logged(seats: Seats) -> None:
    anna, bram = seats
    id_ = anna.propose(lower(anna), "tfc")
    meet(seats)
    document = bytes.fromhex(bram.run("operator-proposal", id=id_)["document"])
    line, expires = bram.line(document), decode(document, DirectoryEntry).expires
    leaf = signed_leaf(
        LeafKind.DIRECTORY, gather([anna.signed(document), bram.signed(document)])
    )
    bram.desk.relay.now = expires
    assert bram.standing(id_) == "expired"
    assert (
        bram.refused("operator-approve", id=id_, line=line).code == "operator.expired"
    )
    assert bram.refused("operator-log", leaf=leaf.hex()).code == "operator.expired"
    asked = anna.asked(document, "tfc")
    assert anna.refused("operator-propose", **asked).code == "operator.expired"
    shown = {"document": document.hex(), "subject": 1}
    assert anna.refused("operator-show", **shown).code == "operator.expired"
    assert anna.run("operator-show", **shown, past=True)["sentences"]


def test_a_proposal_whose_place_was_taken_is_refused_with_the_reason(
    seats: Seats,
) -> None:
    anna, bram = seats
    first, second = lower(anna), anna.change("details", "bern", name_en="Berne")
    one, other = anna.propose(first, "tfc"), anna.propose(second, "tfc")
    meet(seats)
    line = bram.line(second)
    bram.approve(one)
    meet(seats)
    assert bram.standing(other) == "stale"
    refused = bram.refused("operator-approve", id=other, line=line)
    assert refused.code == "operator.stale"
    assert (refused.parts["version"], refused.parts["next"]) == ("2", "3")


def test_a_proposal_under_another_root_document_is_refused(seats: Seats) -> None:
    anna, _ = seats
    entry = decode(lower(anna), DirectoryEntry)
    other = encode(structs.replace(entry, root=H(b"")))
    refused = anna.refused("operator-show", document=other.hex(), subject=1)
    assert refused.code == "operator.other-root"
    assert anna.refused(
        "operator-show",
        document=encode(structs.replace(entry, action=Action.ENROL)).hex(),
        subject=1,
    ).code in {"operator.no-effect", "operator.not-shown"}


def test_a_rejected_proposal_is_not_approved(seats: Seats) -> None:
    anna, bram = seats
    document = lower(anna)
    id_ = anna.propose(document, "tfc")
    meet(seats)
    bram.run("operator-reject", id=id_, reason="verkeerd lid")
    bram.desk.run()
    meet(seats)
    (line,) = anna.run("operator-list")
    assert line["standing"] == "rejected"
    assert line["refusals"] == [{"post": "tfc", "reason": "verkeerd lid"}]
    refused = bram.refused("operator-approve", id=id_, line=bram.line(document))
    assert refused.code == "operator.rejected-by"
    assert refused.parts["reason"] == "verkeerd lid"


def test_a_refusal_by_who_was_not_asked_counts_for_nothing(seats: Seats) -> None:
    anna, bram = seats
    id_ = anna.propose(lower(anna), "tfc")
    name = Digest(bytes.fromhex(anna.run("operator-proposal", id=id_)["name"]))
    send(bram, RecordType.REFUSAL, RefusalBody(target=H(b""), reason="x"))
    meet(seats)
    assert anna.standing(id_) == "open"
    send(bram, RecordType.REFUSAL, RefusalBody(target=name, reason="x"))
    meet(seats)
    assert anna.standing(id_) == "rejected"


def test_an_approval_made_offline_leaves_later(seats: Seats) -> None:
    anna, bram = seats
    id_ = anna.propose(lower(anna), "tfc")
    meet(seats)
    bram.desk.machine.disconnected()
    found = bram.run("operator-proposal", id=id_)
    line = bram.line(bytes.fromhex(found["document"]))
    answer = bram.run("operator-approve", id=id_, line=line)
    assert (answer["online"], answer["standing"]) == (False, "complete")
    bram.desk.run()
    bram.desk.restart()  # what waits is durable
    again = Seat(bram.desk, bram.key)
    assert again.standing(id_) == "complete"
    bram.desk.connect()
    meet(seats)
    assert anna.standing(id_) == "logged"


def test_what_has_every_signature_is_carried_by_whoever_connects_next(
    seats: Seats, relay: FakeRelay
) -> None:
    anna, bram = seats
    id_ = anna.propose(lower(anna), "tfc")
    meet(seats)
    relay.refuses_entries = True
    assert bram.approve(id_)["standing"] == "complete"
    meet(seats)
    assert bram.run("operator-proposal", id=id_)["carrying"] == "refused"
    assert anna.standing(id_) == "complete"
    relay.refuses_entries = False
    anna.desk.connect()
    meet(seats)
    assert {anna.standing(id_), bram.standing(id_)} == {"logged"}


def test_a_revocation_that_the_keys_holder_signed_too(
    seats: Seats, hague: Ministry
) -> None:
    """Signatures beside the operator's travel with it, each as an approval."""
    anna, bram = seats
    post = hague.posts["bern"]
    document = anna.change("revoke", "bern", terminal=post.terminal.number)
    holder = Seat(anna.desk, post.terminal.key)
    lines = [holder.line(document), anna.line(document)]
    answer = anna.run("operator-propose", **anna.asked(document, "tfc", lines=lines))
    anna.desk.run()
    meet(seats)
    found = bram.run("operator-proposal", id=answer["id"])
    assert {post.terminal.key.id.hex(), anna.key.id.hex()} == set(found["signed_by"])
    assert len(found["operators"]) == 1


def test_nobody_else_to_send_it_to_is_said(seats: Seats) -> None:
    anna, _ = seats
    asked = anna.asked(lower(anna))
    assert anna.refused("operator-propose", **asked).code == "operator.nobody-else"


def test_a_leaf_that_would_count_for_nothing_is_not_carried(
    seats: Seats, hague: Ministry
) -> None:
    anna, _ = seats
    leaf = signed_leaf(LeafKind.DIRECTORY, anna.signed(lower(anna)))
    assert anna.refused("operator-log", leaf=leaf.hex()).code == "operator.counts-not"
    assert anna.refused("operator-log", leaf="00").code == "operator.counts-not"
    whole = hague.entry(
        "bern",
        Action.SET_RIGHTS,
        ChangedRights(rights=(Rights(clearance=HIGH),)),
    )
    answer = anna.run("operator-log", leaf=whole.hex())
    name = read_signed(read_leaf(whole).body).digest
    assert answer["document"] == name.hex()
    anna.desk.run()
    meet((anna, anna))
    assert anna.run("operator-leaf", document=name.hex())["index"] is not None
