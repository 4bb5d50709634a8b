"""LBL-15: what no receiver would take as released is not sent."""

from dataclasses import replace
from typing import cast

import pytest
from msgspec import structs

from client.core.compose import compose
from client.core.releasing import unreleased
from client.core.rows import OUT
from client.exits import Exit
from crypto.types import KeyId
from protocol.bodies import StandingReleaseBody
from protocol.decision import Refusal
from protocol.delivery import State
from protocol.directory_view import DirectoryView, Member
from protocol.errors import PolicyError, Reason
from protocol.incident.taxonomy import Stage
from protocol.label import Level
from protocol.policy import DEMO
from protocol.record import Serial
from protocol.record_type import RecordType
from tests.support.desk import Desk, cable, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry
from tests.support.office import Office
from tests.support.successor import next_root

WISH = {
    "subject": "Overleg",
    "text": "Morgen.",
    "to": ["tfc"],
    "level": "Dep.V",
    "precedence": "ROUTINE",
    "until": "2030-01-01",
}
SERIAL = Serial(1, 2026, 1)
# A second member for every level, where the demonstration asks one from Stg.C on.
STRICT = structs.replace(
    DEMO, levels=tuple(structs.replace(rule, second_member=1) for rule in DEMO.levels)
)


@pytest.fixture
def strict(
    desks: tuple[Desk, Desk], hague: Ministry, relay: FakeRelay
) -> tuple[Desk, Desk]:
    follow(desks, hague, relay)
    return desks


def follow(desks: tuple[Desk, Desk], hague: Ministry, relay: FakeRelay) -> None:
    relay.log(next_root(hague, policy=STRICT))
    for desk in desks:
        desk.connect()
    exchange(*desks)
    assert all(d.machine.beliefs.view().policy == STRICT for d in desks)


def test_a_release_that_the_policy_does_not_permit_is_refused_and_says_to_whom(
    strict: tuple[Desk, Desk],
) -> None:
    bern, tfc = strict
    office = Office(bern)
    refused = office.refused("send", **WISH)
    assert (refused.code, refused.exit_code, refused.parts) == (
        *("refused.release-not-permitted", Exit.REFUSED, {"post": "tfc"}),
    )
    exchange(bern, tfc)
    assert (bern.store.records(OUT, 9), tfc.inbox()) == ([], [])


def test_what_is_wrong_otherwise_is_told_first(strict: tuple[Desk, Desk]) -> None:
    """Another means, and not another signature, helps above the ceiling."""
    bern, _ = strict
    with pytest.raises(PolicyError) as refused:
        bern.machine.compose(cable("tfc", level=Level.STG_C), bern.now)
    assert refused.value.reason is Reason.LEVEL_ABOVE_CEILING


def test_what_waits_when_the_right_is_lost_is_not_sealed(
    desks: tuple[Desk, Desk], hague: Ministry, relay: FakeRelay
) -> None:
    bern, tfc = desks
    kept = relay.published.pop(tfc.post.terminal.key.id)
    row = bern.write("tfc")
    bern.run()
    follow(desks, hague, relay)
    relay.published[tfc.post.terminal.key.id] = kept
    bern.connect()
    exchange(bern, tfc)
    (target,) = bern.store.targets(row.name)
    assert (target.delivery.state, target.place) == (State.COMPOSED, None)
    assert tfc.inbox() == []


def test_a_standing_release_is_signed_for_what_it_lets_go(
    desks: tuple[Desk, Desk],
) -> None:
    """LBL-13: whatever its own label says."""
    bern, _ = desks
    until = bern.now + 600
    body = StandingReleaseBody(
        stage=Stage.ALERT, highest=Level.STG_C, start=bern.now, until=until
    )
    wish = replace(cable("tfc"), type=RecordType.STANDING_RELEASE, body=body)
    with pytest.raises(PolicyError) as refused:
        bern.machine.compose(wish, bern.now)
    assert refused.value.reason is Reason.RELEASE_NOT_PERMITTED
    lower = replace(wish, body=structs.replace(body, highest=Level.DEP_V))
    bern.machine.compose(lower, bern.now)
    assert len(bern.store.records(OUT, 9)) == 1


@pytest.mark.parametrize("right", [None, Level.DEP_V])
def test_the_limit_is_what_the_signer_may_release(
    strict: tuple[Desk, Desk], right: Level | None
) -> None:
    bern, _ = strict
    view = bern.machine.beliefs.view()
    found = view.member(bern.post.member.id)
    assert found is not None
    member: Member = found

    class Seen:
        policy = view.policy

        def member(self, _: KeyId) -> Member:
            level = -1 if right is None else int(right)
            return replace(member, may_release=level)

    wish = cable("tfc")
    made = compose(
        wish, bern.machine.identity, SERIAL, now=bern.now, entropy=bern.entropy
    )
    (why,) = unreleased(made.record, wish.body, cast("DirectoryView", Seen()))
    assert why == Refusal(Reason.RELEASE_NOT_PERMITTED, limit=right)
