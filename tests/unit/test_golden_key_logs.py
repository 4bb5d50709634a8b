"""Key logs of v1 that were made once are believed for ever (tests/golden)."""

import json
from pathlib import Path

import pytest

from crypto.merkle import root_of
from crypto.sign import Realm
from crypto.suite import SuiteId
from crypto.types import Digest, KeyId
from protocol.codec import decode
from protocol.trusted_directory import Refused, Witnessed, found_directory

FOLDER = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("suite", SuiteId)
def test_a_golden_key_log_is_believed_as_it_was(suite: SuiteId) -> None:
    path = FOLDER / f"{suite.name.lower()}.keylog"
    told = json.loads(path.with_suffix(".keylog.json").read_text(encoding="utf-8"))
    leaves = decode(path.read_bytes(), tuple[bytes, ...], limit=1 << 20)
    assert root_of(leaves).hex() == told["root"]
    directory, outcomes = found_directory(
        leaves,
        pin=Digest(bytes.fromhex(told["pin"])),
        realm=Realm(told["realm"].encode()),
        checkpoint=Witnessed(told["size"], root_of(leaves), told["time"]),
    )
    refused = [o.index for o in outcomes if isinstance(o, Refused)]
    assert refused == told["refused"]
    assert directory.state.posts["bern"].head.hex() == told["head"]
    view = directory.view()
    (terminal,) = view.terminals("bern")
    (member,) = view.members("bern")
    assert view.suite.value == told["suite"]
    assert terminal.key_id.hex() == told["terminal"]
    assert terminal.mailbox.hex() == told["mailbox"]
    assert terminal.clearance.level == told["terminal level"]
    assert member.key_id.hex() == told["member"]
    assert member.clearance.level == told["member level"]
    assert member.may_release == told["member releases"]
    notice = view.notice(KeyId(terminal.key_id))
    assert notice is not None
    assert notice.notice.manifest.hex() == told["manifest"]
