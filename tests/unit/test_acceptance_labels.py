"""What a receiver refuses of labels beside the record's: attachments, foreign ones."""

from dataclasses import replace

import pytest
from msgspec import structs

from crypto.suite import SuiteId
from crypto.types import Digest
from protocol.admit import Admitted, Refused
from protocol.errors import Reason
from protocol.label import Clearance, Foreign, Label, Level
from protocol.policy import DEMO
from protocol.record import Attachment, Record
from tests.support.forge import forge
from tests.support.posts import DEP_V, Cast, cast_of, record_of

HIGH = structs.replace(DEMO, ceiling=Level.STG_ZG)


@pytest.fixture
def cast() -> Cast:
    cast = cast_of(SuiteId.S1)
    cast.directory.policy = HIGH
    return cast


def reason(cast: Cast, record: Record) -> Reason | None:
    outcome = cast.bern.open_bytes(forge(cast.tfc, record, cast.bern.at()).sealed())
    if isinstance(outcome, Refused):
        return outcome.reason
    assert isinstance(outcome, Admitted)
    return None


def attached(label: Label | None) -> Attachment:
    return Attachment(
        blob=Digest(bytes(32)),
        key=bytes(32),
        length=1,
        digest=Digest(bytes(32)),
        media="text/plain",
        name="bijlage.txt",
        label=label,
    )


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (None, None),
        (Label(level=Level.ONGERUBRICEERD), None),
        (DEP_V, None),
        (structs.replace(DEP_V, level=Level.STG_C), Reason.ATTACHMENT_ABOVE_LABEL),
        (structs.replace(DEP_V, releasable=()), Reason.ATTACHMENT_ABOVE_LABEL),
        (structs.replace(DEP_V, until=None), Reason.ATTACHMENT_ABOVE_LABEL),
    ],
)
def test_who_may_read_the_record_may_read_its_attachments(
    label: Label | None, expected: Reason | None, cast: Cast
) -> None:
    record = record_of(cast.tfc, "bern")
    record = structs.replace(record, atts=(attached(None), attached(label)))
    assert reason(cast, record) is expected


@pytest.mark.parametrize(
    ("marking", "expected"),
    [
        ("RESTREINT UE/EU RESTRICTED", None),
        ("SECRET UE/EU SECRET", Reason.FOREIGN_ABOVE_LABEL),
        ("a marking that the policy does not name", None),
    ],
)
def test_a_label_is_not_below_what_its_foreign_marking_stands_for(
    marking: str, expected: Reason | None, cast: Cast
) -> None:
    own = cast.bern.terminal
    cleared = Clearance(level=Level.STG_G, schemes=("EU",))
    cast.directory.found[own.key_id] = replace(own, clearance=cleared)
    label = structs.replace(DEP_V, foreign=(Foreign(scheme="EU", marking=marking),))
    record = structs.replace(record_of(cast.tfc, "bern"), label=label)
    assert reason(cast, record) is expected
