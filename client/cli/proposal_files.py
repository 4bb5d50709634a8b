"""A proposal in a file, as ``operator list`` and ``show`` tell it; none is believed."""

from pathlib import Path
from typing import Any, Final

from client.clock import SystemClock
from client.home import HomeError
from client.operator.documents import read_document
from client.operator.showing import short_id
from client.present import iso
from crypto.sign import Usage
from protocol.bodies import Subject
from protocol.codec import decode
from protocol.directory_entry import DirectoryEntry
from protocol.errors import ProtocolError
from protocol.restriction import ZeroiseOrder
from protocol.signed import Signed
from protocol.zeroising import closes, is_order

USAGES: Final = {
    Subject.DIRECTORY_ENTRY: Usage.DIR,
    Subject.RESTRICTION: Usage.SUSPEND,
    Subject.ZEROISE: Usage.ZEROISE,
}


def subject_of(proposed: Signed) -> Subject:
    """Return what a proposal in a file would be: an order, or else an entry."""
    return Subject.ZEROISE if is_order(proposed) else Subject.DIRECTORY_ENTRY


def proposal_in(file: Path) -> dict[str, Any]:
    """Return a proposal in a file as the list shows one.

    Raises:
        HomeError: no such file, or no proposal.
    """
    proposed = read_document(file, Signed, "proposal")
    subject = subject_of(proposed)
    try:
        said, until = _said(proposed.document, subject)
    except ProtocolError:
        raise HomeError("operator.bad-file", file=file, kind="proposal") from None
    ended = SystemClock().wall() >= until
    signers = [short_id(line.key) for line in proposed.signatures]
    return {
        "id": str(file),
        "subject": subject.name.lower(),
        **said,
        "until": iso(until),
        "document": proposed.document.hex(),
        "standing": "expired" if ended else "open",
        "signers": signers,
        "operators": signers,
        "needed": None,
        "refusals": [],
        "index": None,
        "witnessed": None,
        "carrying": None,
    }


def _said(document: bytes, subject: Subject) -> tuple[dict[str, Any], int]:
    """Return what the document says in a line, and when it is signed no more."""
    if subject is Subject.ZEROISE:
        order = decode(document, ZeroiseOrder)
        return {"action": None, "post": None, "reason": order.reason}, closes(order)
    entry = decode(document, DirectoryEntry)
    said = {"action": entry.action.name, "post": entry.post, "reason": entry.reason}
    return said, entry.expires
