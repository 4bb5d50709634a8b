"""Envelopes of v1 that were made once open for ever (tests/golden)."""

import json
from pathlib import Path
from typing import Any

import pytest

from client.core.sealing import arrived, open_envelope
from crypto.kem import KemKey
from crypto.sign import Realm, VerifyKey
from crypto.suite import SuiteId
from crypto.types import KeyId, Mailbox, Secret
from protocol.admit import Admitted
from protocol.codec import decode, encode
from protocol.directory_view import Member, Terminal
from protocol.label import Clearance, Level
from protocol.receiver import Receiver
from protocol.record import Record
from protocol.slip import Slip
from tests.support.posts import LATER, NOW, Directory, Logs

FOLDER = Path(__file__).parents[1] / "golden"
FILES = sorted(FOLDER.glob("*-s?.json"))


def directory_of(told: dict[str, Any]) -> Directory:
    suite = SuiteId(told["suite"])
    directory = Directory(suite, realm=Realm(told["realm"].encode()))
    cleared = Clearance(level=Level.STG_G)
    for name, (post, public) in told["terminals"].items():
        key_id = KeyId(bytes.fromhex(name))
        directory.found[key_id] = Terminal(
            key_id=key_id,
            key=VerifyKey.parse(suite, bytes.fromhex(public)),
            post=post,
            mailbox=Mailbox(bytes.fromhex(told["mailbox"])),
            number=1,
            clearance=cleared,
            usable_from=0,
            valid_until=LATER,
            ended=None,
        )
    for name, (post, public) in told["members"].items():
        key_id = KeyId(bytes.fromhex(name))
        directory.members[key_id] = Member(
            key_id=key_id,
            person=key_id,
            key=VerifyKey.parse(suite, bytes.fromhex(public)),
            post=post,
            clearance=cleared,
            may_release=Level.STG_G,
            valid_until=LATER,
            ended=None,
        )
    return directory


def test_there_are_golden_envelopes_of_each_suite_and_kind() -> None:
    assert {path.stem for path in FILES} >= {
        f"{kind}-{suite}"
        for kind in ("cable", "receipt", "report")
        for suite in ("s1", "s2")
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_envelope_opens(path: Path) -> None:
    told = json.loads(path.read_text(encoding="ascii"))
    directory = directory_of(told)
    receiver = Receiver(
        own=directory.found[KeyId(bytes.fromhex(told["key"]))],
        view=directory,
        logs=Logs(),
        standing=lambda _: None,
        suites=frozenset({directory.suite}),
        archive=False,
        now=NOW,
    )
    came = arrived(path.with_suffix(".cbor").read_bytes(), receiver)
    seed = Secret(bytes.fromhex(told["prekeys"][came.wrap.kid.hex()]))
    outcome = open_envelope(came, KemKey.from_seed(directory.suite, seed), receiver)
    assert isinstance(outcome, Admitted)
    found = outcome.genuine
    assert found.name.hex() == told["name"]
    assert found.inner.record.hex() == told["record"]
    assert found.inner.slip.hex() == told["slip"]
    assert found.place.seq == told["seq"]
    assert found.leaf.hex() == told["leaf"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_fields_of_a_golden_record_keep_their_numbers(path: Path) -> None:
    told = json.loads(path.read_text(encoding="ascii"))
    record, slip = bytes.fromhex(told["record"]), bytes.fromhex(told["slip"])
    assert encode(decode(record, Record)) == record
    assert encode(decode(slip, Slip)) == slip
