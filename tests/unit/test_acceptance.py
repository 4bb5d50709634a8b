"""The receiver's policy: every reason, and the order (section 7, step 14)."""

from dataclasses import replace

import pytest
from msgspec import structs

from client.core.sealing import UnreadableError
from crypto.digest import H
from crypto.suite import SuiteId
from crypto.types import Digest, KeyId
from protocol.admit import Admitted, Refused
from protocol.bodies import (
    CableBody,
    CaseBody,
    CaseStep,
    IncidentBody,
    Paragraph,
    StandingReleaseBody,
)
from protocol.codec import encode
from protocol.errors import Reason, StrangerError
from protocol.label import Caveat, Foreign, Label, Level, Precedence
from protocol.machine_bodies import Alarm as AlarmKind
from protocol.machine_bodies import AlarmBody, ReceiptBody
from protocol.policy import DEMO
from protocol.receiver import StandingRelease
from protocol.record import ARCHIVE, Addressee, Attachment, Record, Role
from protocol.record_type import RecordType
from tests.support.forge import forge
from tests.support.posts import LATER, NOW, Cast, cast_of, record_of

STG_C = Label(level=Level.STG_C, until=LATER)
HIGH = structs.replace(DEMO, ceiling=Level.STG_ZG)
STANDING = Digest(b"n" * 32)  # H(record) of a standing release
ALERT = IncidentBody(stage=0, report=b"{}")


@pytest.fixture
def cast() -> Cast:
    return cast_of(SuiteId.S1)


def reason(cast: Cast, record: Record, *, archive: bool = False) -> Reason | None:
    """Return why Bern refuses the record, or None where it is admitted."""
    bern = replace(cast.bern, archive=archive)
    outcome = bern.open_bytes(forge(cast.tfc, record, bern.at()).sealed())
    if isinstance(outcome, Refused):
        return outcome.reason
    assert isinstance(outcome, Admitted)
    return None


def addressee(post: str, role: Role, precedence: Precedence) -> Addressee:
    return Addressee(post=post, role=role, precedence=precedence)


def test_a_cable_is_admitted(cast: Cast) -> None:
    assert reason(cast, record_of(cast.tfc, "bern")) is None


def test_what_people_write_has_a_label(cast: Cast) -> None:
    record = structs.replace(record_of(cast.tfc, "bern"), label=None)
    assert reason(cast, record) is Reason.LABEL_INCOMPLETE


def test_what_a_machine_says_has_none(cast: Cast) -> None:
    record = record_of(cast.tfc, "bern", kind=RecordType.RECEIPT, body=ReceiptBody())
    assert reason(cast, record) is Reason.LABEL_INCOMPLETE


def test_a_label_says_how_long(cast: Cast) -> None:
    endless = Label(level=Level.DEP_V)
    record = structs.replace(record_of(cast.tfc, "bern"), label=endless)
    assert reason(cast, record) is Reason.LABEL_INCOMPLETE


def test_a_post_is_addressed_once(cast: Cast) -> None:
    assert reason(cast, record_of(cast.tfc, "bern", "bern")) is Reason.INCONSISTENT


def test_a_case_stays_in_its_post(cast: Cast) -> None:
    step = CaseBody(case=b"c" * 16, step=CaseStep.NOTED)
    record = record_of(cast.tfc, "bern", kind=RecordType.CASE, body=step)
    assert reason(cast, record) is Reason.INCONSISTENT


def test_a_machine_record_bears_no_members_signature(cast: Cast) -> None:
    body = AlarmBody(alarm=AlarmKind.FORK)
    record = record_of(cast.tfc, "bern", kind=RecordType.ALARM, body=body)
    signed = structs.replace(record, label=None)
    assert reason(cast, signed) is Reason.INCONSISTENT
    assert reason(cast, structs.replace(signed, by=())) is None


@pytest.mark.parametrize("by_member", [True, False])
def test_receipts_come_with_a_member_or_without(by_member: bool, cast: Cast) -> None:  # noqa: FBT001 -- a case of the test
    record = record_of(cast.tfc, "bern", kind=RecordType.RECEIPT, body=ReceiptBody())
    by = record.by if by_member else ()
    assert reason(cast, structs.replace(record, label=None, by=by)) is None


def test_a_cable_without_a_member_is_refused(cast: Cast) -> None:
    record = structs.replace(record_of(cast.tfc, "bern"), by=())
    assert reason(cast, record) is Reason.RELEASE_MISSING


def drafter_of(cast: Cast, post: str, person: KeyId) -> KeyId:
    """Enrol one more key of ``person`` as a member of ``post``, and return it."""
    name = KeyId(H(post.encode() + person))
    member = cast.directory.members[cast.tfc.member_key.id]
    cast.directory.members[name] = replace(
        member, key_id=name, person=person, post=post
    )
    return name


def with_policy(cast: Cast, **changes: object) -> None:
    cast.directory.policy = structs.replace(HIGH, **changes)


@pytest.mark.parametrize(
    ("drafter", "may_release", "expected"),
    [
        ("other", Level.STG_C, None),
        ("other", Level.DEP_V, Reason.RELEASE_NOT_PERMITTED),
        ("other", -1, Reason.RELEASE_NOT_PERMITTED),
        ("self", Level.STG_C, Reason.RELEASE_NOT_PERMITTED),
        ("nobody", Level.STG_C, Reason.RELEASE_NOT_PERMITTED),
        ("own old key", Level.STG_C, Reason.RELEASE_NOT_PERMITTED),
        ("of another post", Level.STG_C, Reason.RELEASE_NOT_PERMITTED),
        ("a stranger", Level.STG_C, Reason.RELEASE_NOT_PERMITTED),
    ],
)
def test_where_two_members_are_needed_the_releaser_is_the_second(
    drafter: str, may_release: int, expected: Reason | None, cast: Cast
) -> None:
    with_policy(cast)
    members, name = cast.directory.members, cast.tfc.member_key.id
    members[name] = replace(members[name], may_release=may_release)
    who = {
        "other": drafter_of(cast, "tfc", KeyId(b"p" * 32)),
        "self": name,
        "nobody": None,
        "own old key": drafter_of(cast, "tfc", name),
        "of another post": cast.oslo.member_key.id,
        "a stranger": KeyId(b"x" * 32),
    }[drafter]
    record = structs.replace(record_of(cast.tfc, "bern"), label=STG_C, drafter=who)
    assert reason(cast, record) is expected


def test_a_drafter_is_of_the_post_at_every_level(cast: Cast) -> None:
    record = record_of(cast.tfc, "bern")
    foreign = structs.replace(record, drafter=cast.oslo.member_key.id)
    assert reason(cast, foreign) is Reason.RELEASE_NOT_PERMITTED


def test_a_drafter_may_be_news_while_the_sender_saw_more_of_the_log(
    cast: Cast,
) -> None:
    record = structs.replace(record_of(cast.tfc, "bern"), drafter=KeyId(b"x" * 32))
    size, root = cast.directory.key_log
    cast.directory.key_log = size - 1, root
    with pytest.raises(UnreadableError) as caught:
        reason(cast, record)
    assert isinstance(caught.value.__cause__, StrangerError)


def standing(**changes: object) -> StandingReleaseBody:
    body = StandingReleaseBody(
        stage=0, highest=Level.STG_C, start=NOW - 10, until=NOW + 10
    )
    return structs.replace(body, **changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"stage": 1}, Reason.RELEASE_NOT_PERMITTED),
        ({"highest": Level.DEP_V}, Reason.RELEASE_NOT_PERMITTED),
        ({"start": NOW + 1}, Reason.RELEASE_NOT_PERMITTED),
        ({"until": NOW}, Reason.RELEASE_NOT_PERMITTED),
    ],
)
def test_a_standing_release_lets_an_alert_go_with_its_drafter_alone(
    changes: dict[str, object], expected: Reason | None, cast: Cast
) -> None:
    with_policy(cast, standing=Level.STG_C)
    cast.bern.standing[STANDING] = StandingRelease("tfc", standing(**changes))
    record = record_of(cast.tfc, "bern", kind=RecordType.INCIDENT, body=ALERT)
    alert = structs.replace(record, label=STG_C, ref=STANDING)
    assert reason(cast, alert) is expected


def test_a_standing_release_is_of_the_own_post_known_and_within_policy(
    cast: Cast,
) -> None:
    with_policy(cast, standing=Level.STG_C)
    record = record_of(cast.tfc, "bern", kind=RecordType.INCIDENT, body=ALERT)
    alert = structs.replace(record, label=STG_C, ref=STANDING)
    unknown = reason(cast, alert)
    without = reason(cast, structs.replace(alert, ref=None))
    cast.bern.standing[STANDING] = StandingRelease("oslo", standing())
    foreign = reason(cast, alert)
    cast.bern.standing[STANDING] = StandingRelease("tfc", standing())
    with_policy(cast, standing=Level.DEP_V)
    above = reason(cast, alert)
    assert {unknown, without, foreign, above} == {Reason.RELEASE_NOT_PERMITTED}


@pytest.mark.parametrize(
    ("may_release", "highest", "expected"),
    [
        (Level.STG_C, Level.STG_C, None),
        (Level.DEP_V, Level.STG_C, Reason.RELEASE_NOT_PERMITTED),
        (-1, Level.STG_C, Reason.RELEASE_NOT_PERMITTED),
        (-1, Level.DEP_V, None),
    ],
)
def test_nobody_lets_himself_go_alone_by_an_unclassified_standing_release(
    may_release: int, highest: Level, expected: Reason | None, cast: Cast
) -> None:
    with_policy(cast, standing=Level.STG_C)
    members, name = cast.directory.members, cast.tfc.member_key.id
    members[name] = replace(members[name], may_release=may_release)
    record = structs.replace(
        record_of(
            cast.tfc,
            "bern",
            kind=RecordType.STANDING_RELEASE,
            body=standing(highest=highest),
        ),
        drafter=drafter_of(cast, "tfc", KeyId(b"p" * 32)),
    )
    assert record.label is not None
    assert record.label.level < Level.STG_C
    assert reason(cast, record) is expected


def test_a_standing_release_covers_no_cable(cast: Cast) -> None:
    with_policy(cast, standing=Level.STG_C)
    cast.bern.standing[STANDING] = StandingRelease("tfc", standing())
    cable = structs.replace(record_of(cast.tfc, "bern"), label=STG_C, ref=STANDING)
    assert reason(cast, cable) is Reason.RELEASE_NOT_PERMITTED


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ([(Role.ACTION, 1), (Role.INFO, 1)], None),
        ([(Role.ACTION, 1), (Role.INFO, 2)], Reason.INFO_ABOVE_ACTION),
        ([(Role.INFO, 3)], None),
        ([(Role.ACTION, 0)], None),
    ],
)
def test_info_is_never_above_action(
    roles: list[tuple[Role, int]], expected: Reason | None, cast: Cast
) -> None:
    to = tuple(
        addressee(post, role, Precedence(precedence))
        for post, (role, precedence) in zip(("bern", "oslo"), roles, strict=False)
    )
    record = structs.replace(record_of(cast.tfc, "bern"), to=to)
    assert reason(cast, record) is expected


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (None, None),
        (Level.DEP_V, None),
        (Level.STG_C, Reason.PORTION_ABOVE_LABEL),
    ],
)
def test_no_portion_is_above_the_label(
    mark: Level | None, expected: Reason | None, cast: Cast
) -> None:
    body = CableBody(subject="s", paragraphs=(Paragraph(text="t", mark=mark),))
    assert reason(cast, record_of(cast.tfc, "bern", body=body)) is expected


def test_nothing_above_the_ceiling_is_taken(cast: Cast) -> None:
    record = structs.replace(record_of(cast.tfc, "bern"), label=STG_C)
    cast.directory.policy = structs.replace(
        DEMO,
        levels=tuple(structs.replace(rule, second_member=0) for rule in DEMO.levels),
    )
    assert reason(cast, record) is Reason.LEVEL_ABOVE_CEILING


def test_a_caveat_that_we_do_not_hold_is_refused(cast: Cast) -> None:
    label = structs.replace(
        record_of(cast.tfc, "bern").label or STG_C, caveats=(Caveat.NLD_EYES_ONLY,)
    )
    record = structs.replace(record_of(cast.tfc, "bern"), label=label)
    assert reason(cast, record) is Reason.CAVEAT_NOT_HELD


def test_an_attachment_is_not_above_the_label(cast: Cast) -> None:
    line = Attachment(
        blob=Digest(b"b" * 32),
        key=b"k" * 32,
        length=1,
        digest=Digest(b"d" * 32),
        media="text/plain",
        name="a.txt",
        label=STG_C,
    )
    record = structs.replace(record_of(cast.tfc, "bern"), atts=(line,))
    assert reason(cast, record) is Reason.ATTACHMENT_ABOVE_LABEL


def test_a_foreign_marking_asks_its_national_level(cast: Cast) -> None:
    own = record_of(cast.tfc, "bern").label or STG_C
    row = max(DEMO.equivalences, key=lambda row: row.level)
    marking = Foreign(scheme=row.scheme, marking=row.marking)
    record = structs.replace(
        record_of(cast.tfc, "bern"), label=structs.replace(own, foreign=(marking,))
    )
    assert reason(cast, record) is Reason.FOREIGN_ABOVE_LABEL


def test_what_must_be_archived_names_the_archive(cast: Cast) -> None:
    with_policy(
        cast,
        levels=tuple(
            structs.replace(rule, archive=1, second_member=0) for rule in DEMO.levels
        ),
    )
    record = record_of(cast.tfc, "bern")
    assert reason(cast, record) is None  # the root lists no archive key
    assert reason(cast, record, archive=True) is Reason.ARCHIVE_MISSING
    both = (*record.to, addressee(ARCHIVE, Role.INFO, Precedence.ROUTINE))
    assert reason(cast, structs.replace(record, to=both), archive=True) is None


def test_what_need_not_be_archived_names_no_archive(cast: Cast) -> None:
    assert reason(cast, record_of(cast.tfc, "bern"), archive=True) is None


def test_the_first_reason_is_the_one_that_is_given(cast: Cast) -> None:
    """Unlabelled, twice addressed and of no known type: the type is asked first."""
    record = record_of(cast.tfc, "bern", "bern")
    wrong = structs.replace(record, type=255, label=None, body=encode((1,)))
    assert reason(cast, wrong) is Reason.TYPE_UNKNOWN
