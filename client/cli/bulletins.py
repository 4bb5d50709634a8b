"""The same signed bytes to every witness, past the relay, and where they arrived."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

import click

from client.cli.signing import Office
from client.operator.rootfile import read_root

witness_option = click.option(
    "--witness", "witnesses", multiple=True, metavar="NAME=URL"
)
KEPT: Final = "kept"


def tell_witnesses(
    office: Office, witnesses: Iterable[str], data: bytes
) -> dict[str, str]:
    """Post a bulletin to all of them at once; say what became of each.

    Args:
        office: whose root document names the witnesses.
        witnesses: as typed, where some of them really are.
        data: the encoded carrier.

    Returns by name: "kept", "refused" or "silent".
    """
    return asyncio.run(_tell(_addresses(office, witnesses), data))


def kept_by(heard: Mapping[str, str]) -> int:
    """Return how many witnesses have it."""
    return sum(state == KEPT for state in heard.values())


def _addresses(office: Office, witnesses: Iterable[str]) -> Mapping[str, str]:
    """Return where each witness of the root document is, as this home says it."""
    shell = office.shell
    if office.root_file is not None:
        document = read_root(office.root_file).document
        named = {w.name: w.address for w in document.witnesses.witnesses}
        elsewhere: Mapping[str, str] = {}
    else:
        named = shell.ask("operator-office")["witnesses"]
        elsewhere = shell.home.config().witnesses
    typed = dict(pair.partition("=")[::2] for pair in witnesses)
    return {name: {**named, **elsewhere, **typed}[name] for name in named}


async def _tell(where: Mapping[str, str], data: bytes) -> dict[str, str]:
    from client.net.witness import SilentError, post_bulletin

    async def tell(address: str) -> str:
        try:
            return KEPT if await post_bulletin(address, data) else "refused"
        except SilentError:
            return "silent"

    said = await asyncio.gather(*(tell(address) for address in where.values()))
    return dict(zip(where, said, strict=True))
