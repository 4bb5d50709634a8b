"""Makes the golden key logs of v1.  It was run once; its files are kept for ever.

    python tests/golden/make_key_log.py S1 S2

It writes `s1.keylog`, the leaves of a small ministry as one CBOR array, and
`s1.keylog.json`, what a client believes of them.  Signatures draw their own
randomness: the files are read by tests, never made again, and a name that exists is
refused.
"""

import json
import sys
from pathlib import Path

from crypto.merkle import root_of
from crypto.suite import SuiteId
from protocol.codec import encode
from protocol.directory_entry import Action, ChangedRights, Lift, Rights
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.label import Clearance, Level
from tests.support.ministry import Ministry, founded

FOLDER = Path(__file__).parent


def history(suite: SuiteId) -> Ministry:
    """Found, enrol, restrict twice, log nonsense, lift one, lower the post."""
    hague = founded(suite)
    bern = hague.enrol("bern")
    anna = hague.operators["anna"]
    lost = hague.restricted(bern.terminal.key.id, by=[anna])
    hague.log(signed_leaf(LeafKind.RESTRICTION, lost))
    member = bern.member.id
    hague.log(hague.restriction(member, by=bern.member, highest=Level.ONGERUBRICEERD))
    hague.follow(b"nonsense")
    lift = Lift(ends=(lost.digest,))
    hague.log(hague.entry("bern", Action.LIFT, lift))
    low = Rights(clearance=Clearance(level=Level.DEP_V))
    hague.log(hague.entry("bern", Action.SET_RIGHTS, ChangedRights(rights=(low,))))
    return hague


def believed(hague: Ministry) -> dict[str, object]:
    view = hague.view()
    (terminal,) = view.terminals("bern")
    (member,) = view.members("bern")
    notice = view.notice(terminal.key_id)
    return {
        "realm": hague.realm.value.decode(),
        "suite": hague.suite.value,
        "pin": hague.directory.root.digest.hex(),
        "size": len(hague.leaves),
        "root": root_of(hague.leaves).hex(),
        "time": hague.now,
        "refused": [5],
        "head": hague.directory.state.posts["bern"].head.hex(),
        "terminal": terminal.key_id.hex(),
        "mailbox": terminal.mailbox.hex(),
        "terminal level": int(terminal.clearance.level),
        "member": member.key_id.hex(),
        "member level": int(member.clearance.level),
        "member releases": int(member.may_release),
        "manifest": notice.notice.manifest.hex() if notice else None,
    }


def main(names: list[str]) -> None:
    for name in names:
        hague = history(SuiteId[name])
        path = FOLDER / f"{name.lower()}.keylog"
        with path.open("xb") as file:
            file.write(encode(tuple(hague.leaves)))
        told = json.dumps(believed(hague), indent=1) + "\n"
        path.with_suffix(".keylog.json").write_text(told, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
