"""Makes the golden envelopes of v1.  It was run once; its files are kept for ever.

    python tests/golden/make_golden.py NAME ...

It writes `NAME.cbor`, an envelope as a terminal gets it, and `NAME.json`, the keys
that open it and what is inside.  All keys come from fixed seeds, but sealing and
ML-DSA draw their own randomness: the files are opened by tests, never made again,
and a name that exists is refused.
"""

import json
import sys
from pathlib import Path

from msgspec import structs

from crypto.suite import SUITES, SuiteId
from crypto.types import Digest, MessageId
from protocol.bodies import CableBody, IncidentBody, Paragraph
from protocol.codec import Message, encode
from protocol.envelope import parse_envelope
from protocol.label import Level, Precedence
from protocol.machine_bodies import ReceiptBody
from protocol.receipt import Kind, Statement
from protocol.record import Addressee, Attachment, Record, Role
from protocol.record_type import RecordType
from tests.support.posts import NOW, Cast, cast_of, record_of, seal_to, seeded

FOLDER = Path(__file__).parent
TEXT = "Vandaag is bij de gastheer een nota afgegeven. " * 4


def cable(cast: Cast) -> Record:
    """Two addressees, a portion mark, an attachment, a releaser: every field."""
    body = CableBody(
        subject="Nota aan de gastheer",
        codes=("CYB.1", "POL"),
        deskby=NOW + 3600,
        niact="De minister belt vannacht.",
        paragraphs=(Paragraph(text=TEXT, mark=Level.ONGERUBRICEERD),),
    )
    file = Attachment(
        blob=Digest(b"b" * 32),
        key=b"k" * 32,
        length=1_000,
        digest=Digest(b"d" * 32),
        media="application/pdf",
        name="nota.pdf",
    )
    copy = Addressee(
        post="oslo", role=Role.INFO, precedence=Precedence.ROUTINE, collective="noord"
    )
    record = record_of(cast.tfc, "bern", body=body)
    return structs.replace(
        record,
        to=(structs.replace(record.to[0], precedence=Precedence.FLASH), copy),
        ref=Digest(b"f" * 32),
        atts=(file,),
        expires=NOW + 86_400,
    )


def receipt(cast: Cast) -> Record:
    """The smallest record: a machine's, with one statement."""
    said = Statement(
        kind=Kind.DELIVERED, record=Digest(b"r" * 32), id=MessageId(b"i" * 16), time=NOW
    )
    record = record_of(
        cast.tfc, "bern", kind=RecordType.RECEIPT, body=ReceiptBody(), seed="receipt"
    )
    return structs.replace(record, by=(), drafter=None, label=None, rcpts=(said,))


def report(cast: Cast) -> Record:
    """Beyond the buckets: padded by Padmé."""
    body: Message = IncidentBody(stage=1, report=b"{}" + b" " * 6_000)
    return record_of(
        cast.tfc, "bern", kind=RecordType.INCIDENT, body=body, seed="report"
    )


KINDS = {"cable": cable, "receipt": receipt, "report": report}


def make(name: str) -> None:
    """Write one pair of files.

    Raises:
        FileExistsError: the name is taken: golden files are never made again.
    """
    kind, _, suite_name = name.partition("-")
    suite = SuiteId[suite_name.upper()]
    cast = cast_of(suite)
    record = KINDS[kind](cast)
    stations = {"bern": cast.bern, "oslo": cast.oslo}
    to = [stations[addressee.post] for addressee in record.to]
    sealed = seal_to(cast.tfc, record, *to, seed=name, seq=5)
    data = parse_envelope(sealed.envelope).split(cast.bern.terminal.mailbox)
    described = {
        "suite": int(suite),
        "realm": cast.directory.realm.value.decode(),
        "post": "bern",
        "key": cast.bern.key.id.hex(),
        "mailbox": cast.bern.terminal.mailbox.hex(),
        "prekeys": {cast.bern.kid.hex(): prekey_seed(suite).hex()},
        "terminals": {
            found.key_id.hex(): [found.post, found.key.public.hex()]
            for found in cast.directory.found.values()
        },
        "members": {
            found.key_id.hex(): [found.post, found.key.public.hex()]
            for found in cast.directory.members.values()
        },
        "record": encode(record).hex(),
        "slip": sealed.slip.hex(),
        "name": sealed.name.hex(),
        "leaf": (b"\x01" + sealed.commitment + sealed.body).hex(),
        "seq": 5,
    }
    with (FOLDER / f"{name}.cbor").open("xb") as file:
        file.write(data)
    with (FOLDER / f"{name}.json").open("x", encoding="ascii") as text:
        json.dump(described, text, indent=1)
        text.write("\n")


def prekey_seed(suite: SuiteId) -> bytes:
    """Return the third draw of Bern's source, after two signature seeds and more."""
    draw, row = seeded("bern/1"), SUITES[suite]
    draw(row.signature_seed)
    draw(row.signature_seed)
    draw(16)
    return draw(row.kem_seed)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        make(argument)
