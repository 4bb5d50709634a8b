"""What a line carries: bytes of envelopes, handshakes and keys, and times to *stored*.

    python bench/bytes_bench.py [--quick]

First a real relay process behind our own proxy, which counts what TCP carries (TLS and
WebSocket included, IP not): envelopes back to back and one alone.  Then the whole stack
in virtual time on a slow line with two seconds of round trip: from nothing to *stored*,
what a message asks for besides, and what comes again after cuts.
"""

import argparse
import asyncio
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from client.agent.session import Session
from crypto.types import Digest
from protocol.codec import encode
from protocol.label import Precedence
from protocol.line.cells import CELL
from protocol.line.effects import Effect, ObjectComplete
from protocol.requests import Ask, KeyLog, Submit
from tests.simulation.test_whole_line import SlowLine, overtaking, percentile
from tests.support.fault_proxy import FaultProxy, Faults, fault_proxy
from tests.support.processes import Homes, made
from tests.support.relay import TestTerminal, connected, submit_to, unpinned
from tests.support.virtual_loop import run
from tests.support.whole_line import NETWORK, Post, now, settled, until, whole

SIZE = 5_700  # bytes of a body; with its wrap an envelope of about 7 kB
WINDOW = 48  # submissions under way
LINES = (64.0, 9.6)  # kbit/s


def show(bench: str, **figures: float) -> None:
    """Print a table and the same as one line of JSON."""
    for name, value in figures.items():
        print(f"{bench:>10} {name:<34} {value:12.3f}")
    print(json.dumps({"bench": bench, **{k: round(v, 3) for k, v in figures.items()}}))


async def quiet(proxy: FaultProxy) -> tuple[int, int]:
    """Return what was carried when nothing more comes."""
    before = (-1, -1)
    while proxy.carried != before:
        before = proxy.carried
        await asyncio.sleep(1.5)
    return before


async def back_to_back(homes: Homes, address: str, count: int) -> None:
    """Measure over real sockets."""
    people = homes.ministry
    tfc, bern = people.posts["tfc"].terminal, people.posts["bern"].terminal
    async with fault_proxy(address, Faults()) as proxy:
        url = f"https://{proxy.address}"
        async with connected(url, people, bern.key, unpinned()) as sender:
            await sender.ask(Ask.KEY_LOG, KeyLog(start=0))
            up, down = await quiet(proxy)
            alone = submit_to(tfc.mailbox, name="alone", size=SIZE)
            await sender.submit(alone)
            one_up, one_down = await quiet(proxy)
            own = await deposit(sender, [
                submit_to(tfc.mailbox, name=str(number), size=SIZE)
                for number in range(count)
            ])  # fmt: skip
            all_up, all_down = await quiet(proxy)
    single = len(encode(alone))
    show(
        "bytes",
        handshake_up=up,
        handshake_down=down,
        alone_own=single,
        alone_cells=-(-single // CELL) * CELL,
        alone_up=one_up - up,
        alone_down=one_down - down,
        many=count,
        many_own_each=own / count,
        many_up_each=(all_up - one_up) / count,
        many_down_each=(all_down - one_down) / count,
        many_up_over_own=(all_up - one_up) / own,
    )


async def deposit(sender: TestTerminal, todo: Sequence[Submit]) -> int:
    """Deposit all, WINDOW at a time; return their own bytes."""
    queue = list(todo)

    async def worker() -> None:
        while queue:
            await sender.submit(queue.pop())

    async with asyncio.TaskGroup() as group:
        for _ in range(WINDOW):
            group.create_task(worker())
    return sum(len(encode(submit)) for submit in todo)


async def from_nothing(folder: Path, kbit: float, *, warm: bool) -> dict[str, float]:
    """Return the seconds from an unconnected terminal to *stored*.

    ``warm``: it has written to the addressee before.
    """
    came: Counter[str] = Counter()
    effect = Session.effect

    def counted(self: Session, one: Effect) -> None:
        if isinstance(one, ObjectComplete):
            came[one.kind.name] += len(one.content)
        effect(self, one)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "effect", counted)
        async with whole(folder, patch) as here:
            post = here.post("bern", kbit * 125, 1.0)
            tfc = here.post("tfc", 1e6, 0.02)
            async with tfc.connected():
                async with post.connected():
                    await settled(post, tfc)
                    if warm:
                        post.write("tfc", Precedence.ROUTINE, "Goed nieuws.")
                        await settled(post, tfc)
                first, before = post.carried, set(post.session.offered)
                came.clear()
                post.write("tfc", Precedence.FLASH, "x" * 200)  # without a connection
                began = now()
                async with post.connected():
                    await until(lambda: post.line.connected)
                    opened = now() - began
                    await until(lambda: any(fresh(post, before, 0)))
                    (stored,) = fresh(post, before, 0)
                    name = next(iter(post.session.offered.keys() - before))
                    (offered, _) = post.session.offered[name]
                    up, down = post.carried
                    await settled(post, tfc)
                    later = post.carried
    return {
        "session_open_s": opened,
        "keys_there_s": offered - began,
        "stored_s": stored - began,
        "up_to_stored": up - first[0],
        "down_to_stored": down - first[1],
        "up_with_proofs": later[0] - first[0],
        "down_with_proofs": later[1] - first[1],
        **{f"came_{kind.lower()}": float(size) for kind, size in came.items()},
    }


def fresh(post: Post, before: set[Digest], lane: int) -> list[float]:
    """Return when the relay had what was offered in a lane since ``before``."""
    return [
        stored
        for name, stored in post.session.stored.items()
        if name not in before and post.session.offered[name][1] == lane
    ]


def flash(folder: Path, line: SlowLine, count: int, cuts: int) -> dict[str, float]:
    """Return what FLASHes behind an attachment took, with or without cuts."""
    with pytest.MonkeyPatch.context() as patch:
        seen = run(overtaking(folder, patch, line, count, cuts))
    up, down = seen.post.carried
    return {
        "flash_p50_s": percentile(seen.took, 0.5),
        "flash_p99_s": percentile(seen.took, 0.99),
        "bulk_goodput": seen.goodput,
        "bulk_again": seen.again,
        "connections": len(seen.post.wires),
        "up": up,
        "down": down,
    }


def unhurried(config: Path) -> None:
    """Let one pair deposit as often as it likes: the rate is not what is measured."""
    text, found = re.subn(
        r"(p(?:ost|air)_per_minute) = \d+", r"\1 = 1000000", config.read_text()
    )
    assert found == 2
    config.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        homes = made(root)
        unhurried(homes.relay / "relay.toml")
        with homes.up() as relay:
            homes.append(root)
            asyncio.run(back_to_back(homes, relay.address, 100 if quick else 1_000))
        for kbit in LINES:
            for name in ("nothing", "warm", "flash", "full", "cuts"):
                (root / f"{name}-{kbit}").mkdir()
            for name in ("nothing", "warm"):
                took = from_nothing(root / f"{name}-{kbit}", kbit, warm=name == "warm")
                show(f"{name}/{kbit}", **run(took))
            if not quick:
                show(
                    f"flash/{kbit}",
                    **flash(root / f"flash-{kbit}", SlowLine(kbit), 60, 0),
                )
                line = SlowLine(kbit)
                endless = SlowLine(kbit, NETWORK)
                full = flash(root / f"full-{kbit}", endless, 60, 0)
                show(f"full buffers/{kbit}", **full)
                show(f"cuts/{kbit}", **flash(root / f"cuts-{kbit}", line, 20, 5))


if __name__ == "__main__":
    main()
