"""The words of new keys: the same on both ends of the telephone, and no others."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from client.operator.addition import (
    addition_proposal,
    invite_addition,
    position_of,
    request_member,
    request_terminal,
)
from client.operator.enrolment import draw_keys, invite, proposal, request
from client.operator.showing import sentences
from client.operator.voice import of_request, said, voice
from crypto.digest import H
from crypto.suite import SuiteId
from crypto.types import Digest, PublicKey
from protocol.directory_entry import Action
from protocol.label import Level
from protocol.signed import SignatureKey, carried
from tests.support.keys import drawn
from tests.support.ministry import HIGH, Ministry

SPEC = Path(__file__).parents[2] / "docs/spec/root-and-directory.md"


def test_the_worked_words_are_those_of_the_specification() -> None:
    key = SignatureKey(SuiteId.S1, PublicKey(b"\xaa"))
    found = voice(Digest(bytes([5]) * 32), "bern", [key])
    block = re.search(r"```voice\n(.*?)```", SPEC.read_text(), re.DOTALL)
    assert block is not None
    spoken = said(found)
    assert block[1].splitlines() == [found.hex(), spoken["words"], spoken["digits"]]


def test_digits_say_the_same_as_the_words() -> None:
    for data in (bytes(10), b"\xff" * 10, bytes(range(10))):
        digits = str(said(data)["digits"]).replace(" ", "")
        assert int(digits).to_bytes(10, "big") == data
        assert len(digits) == 25
        assert len(str(said(data)["words"]).split()) == 5


@pytest.mark.parametrize("what", ["post", "terminal", "member"])
def test_who_asks_and_who_proposes_see_the_same_words(
    what: str, hague: Ministry
) -> None:
    root, until, draw = hague.directory.root.digest, hague.now + 9, drawn("asking")
    if what == "post":
        keys = draw_keys(SuiteId.S1, "oslo", "O. Post", draw)
        invitation = invite(root, "oslo", ("Oslo", "Oslo"), until=until, entropy=draw)
        asked = request(invitation, keys, realm=hague.realm, until=until, entropy=draw)
        document = proposal(asked, HIGH, Level.DEP_V, expires=until)
        other = replace(keys, terminal=keys.member)
        changed = request(
            invitation, other, realm=hague.realm, until=until, entropy=draw
        )
        assert of_request(changed) != of_request(asked)
        heard = of_request(asked)
    else:
        where = position_of(hague.directory.state, "bern")
        action = Action.ADD_TERMINAL if what == "terminal" else Action.ADD_MEMBER
        addition = invite_addition(where, action, until=until, entropy=draw)
        key = hague.key("bern/new")
        added = (
            request_terminal(
                addition, key, realm=hague.realm, until=until, entropy=draw
            )
            if what == "terminal"
            else request_member(addition, key, "x", realm=hague.realm, until=until)
        )
        document = addition_proposal(added, HIGH, None, expires=until)
        heard = of_request(added)
    assert ("showing.voice", said(heard)) in sentences(document)


def test_another_key_post_root_or_order_gives_other_words(hague: Ministry) -> None:
    root = hague.directory.root.digest
    one, two = carried(hague.key("a")), carried(hague.key("b"))
    found = {
        voice(root, "bern", [one, two]),
        voice(root, "bern", [two, one]),
        voice(root, "bern", [one]),
        voice(root, "tfc", [one, two]),
        voice(H(root), "bern", [one, two]),
    }
    assert len(found) == 5
