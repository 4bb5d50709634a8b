"""Mailboxes: lanes, acknowledgements, and nacks that reach who deposited."""

from pathlib import Path

import pytest

from crypto.digest import H
from crypto.sign import Usage
from crypto.types import Signature
from protocol.codec import decode, encode
from protocol.directory_view import Terminal
from protocol.envelope import parse_envelope
from protocol.errors import BindingError, MalformedError, VerificationError
from protocol.nack import Gone, make_nack
from protocol.nack import Nack as NackDocument
from protocol.requests import Delivery, Nack
from server.app import Parts
from server.services.mailbox import delivery
from tests.support.ministry import Ministry, OwnTerminal, ministry
from tests.support.relay import submit_to, working

pytestmark = pytest.mark.usefixtures("either_database")


def terminal(parts: Parts, people: Ministry, post: str) -> Terminal:
    key = people.posts[post].terminal.key.id
    return parts.relay.directory.terminal(key, parts.relay.clock.wall())


async def test_an_addressee_gets_its_own_wrap_and_the_urgent_first(
    tmp_path: Path,
) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        mailbox = parts.relay.mailbox
        await mailbox.submit(bern, 3, submit_to(tfc.mailbox, bern.mailbox, name="late"))
        await mailbox.submit(bern, 0, submit_to(tfc.mailbox, name="flash"))
        await mailbox.submit(bern, 4, submit_to(tfc.mailbox, name="bulk"))
        owed = await mailbox.owed(tfc, skip=(), lane=4, limit=9)
        assert [(one.delivery.lane, one.delivery.index) for one in owed] == [
            (0, 1),
            (3, 0),
            (3, 2),
        ]
        handed = decode(delivery(owed[1]), Delivery, limit=1 << 20)
        whole = parse_envelope(
            submit_to(tfc.mailbox, bern.mailbox, name="late").envelope
        )
        assert handed.envelope == whole.split(tfc.mailbox)
        assert (handed.cursor, handed.index) == (1, 0)
        urgent = await mailbox.owed(tfc, skip=(), lane=1, limit=9)
        assert [one.delivery.index for one in urgent] == [1]


async def test_what_is_acknowledged_is_owed_no_longer_and_only_by_its_own_mailbox(
    tmp_path: Path,
) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        mailbox = parts.relay.mailbox
        await mailbox.submit(bern, 2, submit_to(tfc.mailbox, bern.mailbox))
        await mailbox.acknowledge(bern, [1, 7])
        assert not await mailbox.owed(bern, skip=(), lane=4, limit=9)
        assert len(await mailbox.owed(tfc, skip=(), lane=4, limit=9)) == 1
        assert not await mailbox.owed(tfc, skip=[1], lane=4, limit=9)


def nack_of(people: Ministry, own: OwnTerminal, envelope: bytes) -> Nack:
    """Return a genuine nack of ``own`` for its wrap of ``envelope``."""
    split = parse_envelope(parse_envelope(envelope).split(own.mailbox))
    made = make_nack(
        split, Gone.ERASED, gone={split.wraps[0].kid}, key=own.key, realm=people.realm
    )
    return Nack(nack=made.document, signatures=(made.signature,), mailbox=own.mailbox)


async def test_a_nack_is_kept_for_who_deposited_and_for_nobody_else(
    tmp_path: Path,
) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        submit = submit_to(tfc.mailbox)
        await parts.relay.mailbox.submit(bern, 2, submit)
        nack = nack_of(people, people.posts["tfc"].terminal, submit.envelope)
        for _ in range(2):
            await parts.relay.mailbox.nack(tfc, nack)
        assert await parts.relay.mailbox.nacks(bern) == [encode(nack)]
        assert await parts.relay.mailbox.nacks(tfc) == []


async def test_a_nack_for_what_was_never_deposited_reaches_nobody(
    tmp_path: Path,
) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        nack = nack_of(
            people, people.posts["tfc"].terminal, submit_to(tfc.mailbox).envelope
        )
        await parts.relay.mailbox.nack(tfc, nack)
        assert await parts.relay.mailbox.nacks(bern) == []


async def test_a_nack_in_anothers_name_or_for_anothers_mailbox_is_refused(
    tmp_path: Path,
) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        own = people.posts["tfc"].terminal
        nack = nack_of(people, own, submit_to(tfc.mailbox).envelope)
        pass_nack = parts.relay.mailbox.nack
        with pytest.raises(BindingError, match="B22"):
            await pass_nack(bern, nack)
        bare = Nack(nack=nack.nack, signatures=(), mailbox=nack.mailbox)
        with pytest.raises(BindingError, match="B22"):
            await pass_nack(tfc, bare)
        forged = Nack(
            nack=nack.nack,
            signatures=(Signature(bytes(len(nack.signatures[0]))),),
            mailbox=tfc.mailbox,
        )
        with pytest.raises(VerificationError):
            await pass_nack(tfc, forged)
        document = decode(nack.nack, NackDocument)
        other = encode(
            NackDocument(
                v=1,
                id=document.id,
                body=H(b"body"),
                mailbox=bern.mailbox,
                kid=document.kid,
                reason=Gone.USED,
            )
        )
        for content, refusal in ((other, BindingError), (b"junk", MalformedError)):
            signature = own.key.sign(Usage.NACK, content, realm=people.realm)
            with pytest.raises(refusal):
                await pass_nack(
                    tfc,
                    Nack(nack=content, signatures=(signature,), mailbox=tfc.mailbox),
                )
