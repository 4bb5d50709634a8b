"""The policy decision at both ends: every refusal, whom it concerns, which limit."""

from dataclasses import replace

import pytest
from msgspec import structs

from crypto.suite import SuiteId
from protocol.bodies import (
    CableBody,
    CaseBody,
    CaseStep,
    IncidentBody,
    Paragraph,
    StandingReleaseBody,
)
from protocol.codec import Message
from protocol.decision import (
    Decision,
    Draft,
    Refusal,
    draft_of,
    may_send,
    may_show,
)
from protocol.directory_view import Ended, Post, Terminal
from protocol.errors import MalformedError, Reason
from protocol.label import Caveat, Clearance, Foreign, Label, Level, Precedence
from protocol.policy import DEMO
from protocol.record import ARCHIVE, Addressee, Role
from protocol.record_type import RecordType
from tests.support.posts import (
    CABLE,
    DEP_V,
    LATER,
    NOW,
    Cast,
    Directory,
    cast_of,
    record_of,
    station,
)

EYES = Caveat.NLD_EYES_ONLY
UNCLASSIFIED = Clearance(level=Level.ONGERUBRICEERD)


@pytest.fixture
def cast() -> Cast:
    cast = cast_of(SuiteId.S1)
    cast.directory.policy = structs.replace(DEMO, ceiling=Level.STG_G)
    return cast


def to(
    post: str, role: Role = Role.ACTION, precedence: Precedence = Precedence.ROUTINE
) -> Addressee:
    return Addressee(post=post, role=role, precedence=precedence)


def draft(*posts: str, label: Label | None = DEP_V, body: Message = CABLE) -> Draft:
    return Draft(RecordType.CABLE, body, tuple(map(to, posts)), label)


def decide(cast: Cast, wanted: Draft, *, archive: bool = False) -> Decision:
    own = cast.directory.found[cast.tfc.key.id]
    return may_send(wanted, own, cast.directory, now=NOW, archive=archive)


def refused(cast: Cast, wanted: Draft, *, archive: bool = False) -> list[Refusal]:
    return list(decide(cast, wanted, archive=archive).refusals)


def labelled(**changes: object) -> Label:
    return structs.replace(DEP_V, **changes)


def clear(cast: Cast, post: str, clearance: Clearance) -> None:
    for terminal in cast.directory.terminals(post):
        found = replace(terminal, clearance=clearance)
        cast.directory.found[terminal.key_id] = found


def second_terminal(cast: Cast, post: str, clearance: Clearance) -> Terminal:
    added = station(cast.directory, post, number=2).terminal
    cast.directory.found[added.key_id] = replace(added, clearance=clearance)
    return cast.directory.found[added.key_id]


def test_an_allowed_message_goes_to_every_terminal_addressed(cast: Cast) -> None:
    decision = decide(cast, draft("bern", "oslo"))
    assert decision.refusals == ()
    assert decision.left_out == ()
    assert decision.terminals == (cast.bern.terminal, cast.oslo.terminal)


def test_the_sending_terminal_is_not_sealed_to(cast: Cast) -> None:
    other = second_terminal(cast, "tfc", Clearance(level=Level.STG_G))
    assert decide(cast, draft("tfc")).terminals == (other,)


@pytest.mark.parametrize(
    ("clearance", "label", "expected"),
    [
        (
            UNCLASSIFIED,
            DEP_V,
            Refusal(Reason.LEVEL_ABOVE_CLEARANCE, "bern", Level.ONGERUBRICEERD),
        ),
        (
            Clearance(level=Level.STG_G),
            labelled(caveats=(EYES,)),
            Refusal(Reason.CAVEAT_NOT_HELD, "bern", missing=("NLD EYES ONLY",)),
        ),
        (
            Clearance(level=Level.STG_G),
            labelled(foreign=(Foreign(scheme="EU", marking="X"),)),
            Refusal(Reason.SCHEME_NOT_HELD, "bern", missing=("EU",)),
        ),
        (
            Clearance(level=Level.STG_G),
            labelled(releasable=("oslo",)),
            Refusal(Reason.NOT_RELEASABLE, "bern"),
        ),
    ],
)
def test_an_addressee_that_may_not_have_it_is_named_with_its_limit(
    clearance: Clearance, label: Label, expected: Refusal, cast: Cast
) -> None:
    everything = Clearance(level=Level.STG_G, caveats=(EYES,), schemes=("EU",))
    for post in ("tfc", "oslo"):
        clear(cast, post, everything)
    clear(cast, "bern", clearance)
    decision = decide(cast, draft("oslo", "bern", label=label))
    assert decision.refusals == (expected,)
    assert [found.post for found in decision.terminals] == ["oslo"]


def test_a_post_receives_by_the_terminal_that_may(cast: Cast) -> None:
    weak = second_terminal(cast, "bern", UNCLASSIFIED)
    decision = decide(cast, draft("bern"))
    assert decision.refusals == ()
    assert decision.terminals == (cast.bern.terminal,)
    assert decision.left_out == (weak,)


def test_the_nearest_terminal_says_what_would_help(cast: Cast) -> None:
    clear(cast, "bern", UNCLASSIFIED)
    second_terminal(cast, "bern", Clearance(level=Level.DEP_V))
    wanted = draft("bern", label=labelled(level=Level.STG_C))
    assert refused(cast, wanted) == [
        Refusal(Reason.LEVEL_ABOVE_CLEARANCE, "bern", Level.DEP_V)
    ]


def test_a_post_that_nobody_enrolled_is_not_active(cast: Cast) -> None:
    assert refused(cast, draft("rome")) == [Refusal(Reason.NOT_ACTIVE, "rome")]


class Suspended(Directory):
    """A directory in which a post stands, and is suspended."""

    def post(self, post: str) -> Post | None:
        return Post(post, post, post, UNCLASSIFIED, active=False)


def test_a_suspended_post_is_called_so(cast: Cast) -> None:
    own = cast.tfc.terminal
    found = may_send(draft("bern"), own, Suspended(SuiteId.S1), now=NOW)
    assert found.refusals == (Refusal(Reason.RESTRICTED, "bern"),)
    assert found.terminals == ()


def test_what_the_sender_itself_may_not_read_it_does_not_send(cast: Cast) -> None:
    clear(cast, "tfc", UNCLASSIFIED)
    assert refused(cast, draft("bern")) == [
        Refusal(Reason.LEVEL_ABOVE_CLEARANCE, "tfc", Level.ONGERUBRICEERD)
    ]


def test_the_originator_need_not_be_on_its_own_list(cast: Cast) -> None:
    assert refused(cast, draft("bern", label=labelled(releasable=("bern",)))) == []


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (None, Refusal(Reason.LABEL_INCOMPLETE)),
        (labelled(until=None), Refusal(Reason.LABEL_INCOMPLETE)),
        (labelled(events=("b", "a")), Refusal(Reason.LABEL_NOT_CANONICAL)),
    ],
)
def test_a_label_is_whole(label: Label | None, expected: Refusal, cast: Cast) -> None:
    assert refused(cast, draft("bern", label=label)) == [expected]


def test_an_ended_label_is_noticed_and_stops_nothing(cast: Cast) -> None:
    decision = decide(cast, draft("bern", label=labelled(until=NOW)))
    assert decision.notices == (Refusal(Reason.LABEL_EXPIRED),)
    assert decision.refusals == ()
    assert decision.terminals == (cast.bern.terminal,)
    assert decide(cast, draft("bern")).notices == ()


def test_nothing_goes_above_the_ceiling(cast: Cast) -> None:
    cast.directory.policy = DEMO
    assert refused(cast, draft("bern", label=labelled(level=Level.STG_C))) == [
        Refusal(Reason.LEVEL_ABOVE_CEILING, limit=Level.DEP_V)
    ]


def test_a_label_is_not_below_what_its_foreign_marking_stands_for(cast: Cast) -> None:
    for post in ("tfc", "bern"):
        clear(cast, post, Clearance(level=Level.STG_G, schemes=("EU",)))
    secret = Foreign(scheme="EU", marking="SECRET UE/EU SECRET")
    low = labelled(foreign=(secret,))
    assert refused(cast, draft("bern", label=low)) == [
        Refusal(Reason.FOREIGN_ABOVE_LABEL, limit=Level.STG_G)
    ]
    high = structs.replace(low, level=Level.STG_G)
    assert refused(cast, draft("bern", label=high)) == []


def test_each_paragraph_above_the_label_is_numbered(cast: Cast) -> None:
    marks = (None, Level.STG_C, Level.DEP_V, Level.STG_G)
    body = CableBody(
        subject="x", paragraphs=tuple(Paragraph(text="x", mark=mark) for mark in marks)
    )
    assert refused(cast, draft("bern", body=body)) == [
        Refusal(Reason.PORTION_ABOVE_LABEL, limit=Level.DEP_V, item=item)
        for item in (2, 4)
    ]


def test_each_attachment_that_the_label_does_not_cover_is_numbered(cast: Cast) -> None:
    own = (
        None,
        Label(level=Level.ONGERUBRICEERD),
        labelled(level=Level.STG_C),
        labelled(caveats=(EYES,)),
        labelled(until=None),
    )
    wanted = replace(draft("bern"), attachments=own)
    assert refused(cast, wanted) == [
        Refusal(Reason.ATTACHMENT_ABOVE_LABEL, limit=Level.DEP_V, item=item)
        for item in (3, 4, 5)
    ]


@pytest.mark.parametrize(
    ("posts", "kind", "body", "expected"),
    [
        (("bern", "bern"), RecordType.CABLE, CABLE, Reason.INCONSISTENT),
        (
            ("bern",),
            RecordType.CASE,
            CaseBody(case=bytes(16), step=CaseStep.NOTED),
            Reason.INCONSISTENT,
        ),
        (
            ("bern",),
            RecordType.CABLE,
            structs.replace(CABLE, niact=" "),
            Reason.NIACT_WITHOUT_REASON,
        ),
        (
            ("bern",),
            RecordType.INCIDENT,
            IncidentBody(stage=0, report=b"x", niact="\n"),
            Reason.NIACT_WITHOUT_REASON,
        ),
        (
            ("bern",),
            RecordType.STANDING_RELEASE,
            StandingReleaseBody(stage=1, highest=Level.DEP_V, start=1, until=2),
            Reason.INCONSISTENT,
        ),
        (
            ("bern",),
            RecordType.STANDING_RELEASE,
            StandingReleaseBody(stage=0, highest=Level.DEP_V, start=2, until=2),
            Reason.INCONSISTENT,
        ),
    ],
)
def test_a_message_agrees_with_its_type(
    posts: tuple[str, ...],
    kind: RecordType,
    body: Message,
    expected: Reason,
    cast: Cast,
) -> None:
    wanted = Draft(kind, body, tuple(map(to, posts)), DEP_V)
    assert refused(cast, wanted) == [Refusal(expected)]


def test_a_night_action_with_its_reason_may_go(cast: Cast) -> None:
    body = structs.replace(CABLE, niact="Sluitingstermijn om 06:00Z")
    assert refused(cast, draft("bern", body=body)) == []


@pytest.mark.parametrize(
    ("info", "allowed"), [(Precedence.PRIORITY, True), (Precedence.FLASH, False)]
)
def test_info_is_never_above_action(
    info: Precedence,
    allowed: bool,  # noqa: FBT001 -- a case of the test
    cast: Cast,
) -> None:
    addressees = (
        to("bern", Role.ACTION, Precedence.PRIORITY),
        to("oslo", Role.INFO, info),
    )
    expected = [] if allowed else [Refusal(Reason.INFO_ABOVE_ACTION)]
    assert refused(cast, replace(draft(), to=addressees)) == expected


def test_info_alone_may_be_as_urgent_as_it_likes(cast: Cast) -> None:
    alone = (to("bern", Role.INFO, Precedence.FLASH),)
    assert refused(cast, replace(draft(), to=alone)) == []


@pytest.mark.parametrize(
    ("level", "named", "expected"),
    [
        (Level.DEP_V, False, []),
        (Level.STG_C, False, [Refusal(Reason.ARCHIVE_MISSING)]),
        (Level.STG_C, True, []),
    ],
)
def test_what_must_be_archived_names_the_archive(
    level: Level,
    named: bool,  # noqa: FBT001 -- a case of the test
    expected: list[Refusal],
    cast: Cast,
) -> None:
    posts = ("bern", ARCHIVE) if named else ("bern",)
    wanted = draft(*posts, label=labelled(level=level))
    assert refused(cast, wanted, archive=True) == expected
    assert refused(cast, wanted) == []


@pytest.mark.parametrize(
    ("changes", "label", "expected"),
    [
        ({}, None, ()),
        ({}, DEP_V, ()),
        ({"valid_until": NOW}, None, (Refusal(Reason.MEMBER_NOT_ACTIVE, "bern"),)),
        (
            {"ended": Ended("revoked", 3, NOW)},
            DEP_V,
            (Refusal(Reason.MEMBER_NOT_ACTIVE, "bern"),),
        ),
        (
            {"clearance": UNCLASSIFIED},
            DEP_V,
            (Refusal(Reason.LEVEL_ABOVE_CLEARANCE, "bern", Level.ONGERUBRICEERD),),
        ),
        (
            {},
            labelled(level=Level.STG_ZG, releasable=("oslo",)),
            (
                Refusal(Reason.LEVEL_ABOVE_CEILING, limit=Level.STG_G),
                Refusal(Reason.LEVEL_ABOVE_CLEARANCE, "bern", Level.STG_G),
                Refusal(Reason.NOT_RELEASABLE, "bern"),
            ),
        ),
    ],
)
def test_a_member_is_shown_what_its_own_clearance_reads(
    changes: dict[str, object],
    label: Label | None,
    expected: tuple[Refusal, ...],
    cast: Cast,
) -> None:
    member = cast.directory.members[cast.bern.member_key.id]
    policy = cast.directory.policy
    assert may_show(replace(member, **changes), label, policy, now=NOW) == expected  # type: ignore[arg-type]


def test_a_record_is_judged_as_the_draft_that_it_was(cast: Cast) -> None:
    record = record_of(cast.tfc, "bern", "rome")
    assert draft_of(record) == draft("bern", "rome")
    assert refused(cast, draft_of(record)) == [Refusal(Reason.NOT_ACTIVE, "rome")]
    broken = structs.replace(record, body=b"\x00")
    with pytest.raises(MalformedError):
        draft_of(broken)


def test_an_ended_label_still_lets_its_readers_read(cast: Cast) -> None:
    member = cast.directory.members[cast.bern.member_key.id]
    assert may_show(member, DEP_V, cast.directory.policy, now=LATER - 1) == ()
