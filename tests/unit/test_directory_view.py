"""What users of the directory see: effective rights at a witnessed time."""

import pytest
from msgspec import structs

from crypto.sign import Realm
from crypto.suite import SUITES, SuiteId
from protocol.directory_entry import Action, AddedMembers, ChangedRights, Rights
from protocol.directory_view import DirectoryView, Ended
from protocol.errors import ChainError, VerificationError
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.label import Level
from protocol.manifest import Schedule, make_manifest
from protocol.policy import DEMO
from protocol.proposal import next_root
from protocol.root import DAY, OpenSuite
from protocol.trusted_directory import Refused
from protocol.trusted_manifest import PrekeyBook
from tests.support.keys import kem_key
from tests.support.ministry import START, Ministry, ministry, sign_root


def test_a_snapshot_is_a_directory_view(hague: Ministry) -> None:
    view: DirectoryView = hague.view()
    assert view.realm is Realm.DEMO
    assert view.suite is SuiteId.S1
    assert view.policy == DEMO
    assert view.key_log[0] == len(hague.leaves)


def test_what_the_directory_never_had_is_none(hague: Ministry) -> None:
    view = hague.view()
    stranger = hague.key("stranger").id
    assert view.post("lima") is None
    assert view.terminals("lima") == ()
    assert view.members("lima") == ()
    assert view.terminal(stranger) is None
    assert view.member(stranger) is None
    assert view.notice(stranger) is None


def test_a_key_is_of_one_kind(hague: Ministry) -> None:
    bern = hague.posts["bern"]
    view = hague.view()
    assert view.terminal(bern.member.id) is None
    assert view.member(bern.terminal.key.id) is None
    for look in (view.terminal, view.member):
        assert look(bern.recovery.id) is None
        assert look(hague.operators["anna"].id) is None


def test_a_key_ends_with_its_time(hague: Ministry) -> None:
    bern = hague.posts["bern"]
    found = hague.view().terminal(bern.terminal.key.id)
    assert found is not None
    until = found.valid_until
    assert len(hague.view(until - 1).terminals("bern")) == 1
    assert hague.view(until).terminals("bern") == ()
    late = hague.view(until).terminal(bern.terminal.key.id)
    assert late is not None
    assert late.ended == Ended("expired", None, until)


def test_a_member_without_release_releases_nothing(hague: Ministry) -> None:
    place = hague.place("bern", Action.ADD_MEMBER)
    new = structs.replace(hague.new_member(place, "bern/m2"), may_release=None)
    hague.log(hague.entry("bern", Action.ADD_MEMBER, AddedMembers(members=(new,))))
    found = hague.view().member(hague.key("bern/m2").id)
    assert found is not None
    assert found.may_release == -1


def test_nobody_releases_above_the_own_clearance(hague: Ministry) -> None:
    member = hague.posts["bern"].member.id
    low = structs.replace(hague.view().members("bern")[0].clearance, level=Level.DEP_V)
    change = ChangedRights(
        rights=(Rights(key=member, clearance=low, may_release=Level.STG_ZG),)
    )
    hague.log(hague.entry("bern", Action.SET_RIGHTS, change))
    (found,) = hague.view().members("bern")
    assert found.may_release == Level.DEP_V


@pytest.mark.parametrize("suite", SuiteId)
@pytest.mark.parametrize("realm", Realm)
def test_a_ministry_of_each_suite_and_realm_works(suite: SuiteId, realm: Realm) -> None:
    hague = ministry(suite, realm)
    view = hague.view()
    assert (view.suite, view.realm) == (suite, realm)
    terminal = hague.posts["bern"].terminal
    (found,) = view.terminals("bern")
    assert found.key_id == terminal.key.id
    manifest = hague.book.manifests[terminal.key.id].manifest
    assert manifest.suite is suite
    assert all(
        len(key.public) == SUITES[suite].kem_public_key for key in terminal.prekeys
    )


def test_a_retired_suite_ends_its_keys_on_its_date(hague: Ministry) -> None:
    """The holders move the ministry to S2; S1 is opened for ten more days (B16)."""
    until = hague.now + 10 * DAY
    document = structs.replace(
        hague.directory.root.document,
        suite=SuiteId.S2,
        opens=(OpenSuite(SuiteId.S1, until),),
    )
    encoded = next_root(hague.directory.root, document)
    signed = sign_root(encoded, hague.holders, hague.realm)
    place = hague.place("bern", Action.ADD_MEMBER)
    hague.log(signed_leaf(LeafKind.ROOT, signed))
    assert hague.view().suite is SuiteId.S2
    assert len(hague.view(until - 1).terminals("bern")) == 1
    assert hague.view(until).terminals("bern") == ()
    late = hague.view(until).terminal(hague.posts["bern"].terminal.key.id)
    assert late is not None
    assert late.ended == Ended("expired", None, until)
    # Nothing new in the old suite: no key, and no manifest to seal to.
    new = hague.new_member(place, "bern/m2")
    leaf = hague.entry("bern", Action.ADD_MEMBER, AddedMembers(members=(new,)))
    (outcome,) = hague.follow(leaf)
    assert isinstance(outcome, Refused)
    terminal = hague.posts["bern"].terminal
    assert terminal.manifest is not None
    with pytest.raises(VerificationError, match="B16"):
        PrekeyBook().adopt(terminal.key.id, terminal.manifest, hague.view())


def test_a_suite_that_the_root_drops_ends_at_once(hague: Ministry) -> None:
    document = hague.directory.root.document
    s2 = ministry(SuiteId.S2).directory.root.document
    dropped = structs.replace(
        s2, version=2, prev=hague.directory.root.digest, ministry=document.ministry
    )
    encoded = next_root(hague.directory.root, dropped)
    holders = [*hague.holders, *ministry(SuiteId.S2).holders]
    hague.log(signed_leaf(LeafKind.ROOT, sign_root(encoded, holders, hague.realm)))
    assert hague.view().terminals("bern") == ()


def test_a_terminal_that_the_log_names_no_manifest_for_has_none(
    hague: Ministry,
) -> None:
    place = hague.place("lima", Action.ENROL)
    hague.log(hague.entry("lima", Action.ENROL, hague.enrolment(place)))
    key = hague.key("lima/t1")
    assert hague.view().notice(key.id) is None
    mailbox = hague.view().terminals("lima")[0].mailbox
    manifest = make_manifest(
        key,
        [kem_key(hague.suite).public],
        Schedule(1, START, DAY, 1),
        mailbox=mailbox,
        realm=hague.realm,
    )
    with pytest.raises(ChainError):
        hague.book.adopt(key.id, manifest, hague.view())
