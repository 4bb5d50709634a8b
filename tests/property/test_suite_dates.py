"""Whatever dates a root document gives to a suite that goes, they mean one thing."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from crypto.suite import SuiteId
from protocol.codec import decode, encode
from protocol.directory_snapshot import Snapshot
from protocol.policy import DEMO
from protocol.root import OpenSuite, RootDocument, suites_opened
from protocol.root_check import Contradiction, contradictions_of
from tests.support.ministry import START, Ministry, ministry

HAGUE = ministry()
TIMES = st.integers(START - 40 * 86_400, START + 400 * 86_400)


def going(sealed: int, until: int) -> RootDocument:
    """Return the root document when S1, of which every key is, goes on these dates."""
    document = HAGUE.directory.root.document
    opens = (OpenSuite(SuiteId.S1, sealed, until),)
    return structs.replace(document, suite=SuiteId.S2, opens=opens)


def at(hague: Ministry, document: RootDocument, time: int) -> Snapshot:
    state = hague.directory.state
    root = replace(state.root, document=document)
    return Snapshot(replace(state, root=root), hague.view().key_log, time)


@given(TIMES, TIMES)
def test_a_document_with_dates_is_one_encoding(sealed: int, until: int) -> None:
    document = going(sealed, until)
    assert decode(encode(document), RootDocument) == document


@given(TIMES, TIMES)
def test_only_dates_that_let_mail_arrive_agree_with_themselves(
    sealed: int, until: int
) -> None:
    fits = until - sealed >= DEMO.retention
    found = contradictions_of(going(sealed, until))
    assert (Contradiction.SUITES not in found) is fits


@given(TIMES, st.integers(DEMO.retention, 200 * 86_400), TIMES)
def test_what_may_be_sealed_is_opened_and_arrives(
    sealed: int, between: int, time: int
) -> None:
    """SUITE-9 to SUITE-11: first nothing is sealed, much later nothing counts."""
    document = going(sealed, sealed + between)
    view, bern = at(HAGUE, document, time), HAGUE.posts["bern"]
    assert view.seals(SuiteId.S1) is (time < sealed)
    assert view.seals(SuiteId.S2)
    opened = suites_opened(document, time)
    assert SuiteId.S2 in opened
    assert (SuiteId.S1 in opened) is (time < sealed + between)
    key = view.terminal(bern.terminal.key.id)
    member = view.member(bern.member.id)
    for holder in (key, member):
        assert holder is not None
        over = time >= min(sealed + between, holder.valid_until)
        assert (holder.ended is not None) is over
        assert holder.valid_until <= sealed + between
    if view.seals(SuiteId.S1):  # sealed now, still opened when the outbox gives up
        assert SuiteId.S1 in suites_opened(document, time + DEMO.retention)
