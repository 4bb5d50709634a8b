"""The thin thread: one terminal deposits, the other gets it, the logs prove it."""

from pathlib import Path

from crypto.digest import H
from protocol.codec import decode
from protocol.envelope import parse_envelope
from protocol.leaf import message_leaf
from protocol.requests import (
    Ask,
    Checkpoint,
    LogName,
    Proof,
    Prove,
    SignedCheckpoint,
)
from protocol.trusted_log import TrustedLog
from tests.support.ministry import ministry
from tests.support.relay import running, submit_to


async def test_what_one_terminal_deposits_the_other_gets_and_both_can_prove(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, ministry()) as relay:
        tfc = relay.ministry.posts["tfc"].terminal
        bern = relay.ministry.posts["bern"].terminal
        async with relay.terminal(bern) as sender, relay.terminal(tfc) as receiver:
            submit = submit_to(tfc.mailbox)
            place = await sender.submit(submit)
            came = await receiver.delivered()
            assert (came.cursor, came.index) == (1, place.index)
            assert came.envelope == submit.envelope
            await relay.published(LogName.MESSAGE, 1)
            signed = decode(
                await receiver.ask(
                    Ask.CHECKPOINT, Checkpoint(log=LogName.MESSAGE, size=0)
                ),
                SignedCheckpoint,
            )
            root = relay.ministry.directory.root.document
            trusted = TrustedLog(root.message_log, root.witnesses)
            trusted = trusted.adopt(signed.note, signed.consistency)
            proof = decode(
                await receiver.ask(
                    Ask.PROVE,
                    Prove(log=LogName.MESSAGE, index=place.index, size=trusted.size),
                ),
                Proof,
            )
            body = H(parse_envelope(came.envelope).body)
            leaf = message_leaf(submit.commitment, body)
            trusted.check_inclusion(leaf, place.index, proof.path)
