"""Metrics: each is documented, none names anybody; numbers follow what happens."""

import re
from pathlib import Path

import pytest

from crypto.types import Mailbox
from protocol.errors import BusyError, PolicyError
from protocol.requests import LogName
from server.metrics import exposition, names, registry
from tests.support.ministry import ministry
from tests.support.relay import own, running, submit_to
from tests.support.virtual_relay import relay_in

OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"
# Every value that a label may have.
LABELS = {
    "log": {"key", "message"},
    "outcome": {"stored", "busy", "refused", "undelivered"},
    "reason": {"delivered", "undelivered", "orphaned"},
}


def documented() -> dict[str, set[str]]:
    """Return each metric of docs/operations.md with its labels."""
    text = OPERATIONS.read_text(encoding="utf-8")
    (table,) = re.findall(r"```metrics\n(.*?)```", text, re.DOTALL)
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()[2:]
    ]
    return {name: set(labels.split()) for name, labels, _ in rows}


async def test_every_metric_is_documented_and_every_label_is_bounded(
    tmp_path: Path,
) -> None:
    async with relay_in(tmp_path) as relay:
        await relay.deposit()
        found: dict[str, set[str]] = {}
        for name, labels in names(registry(relay.parts)):
            if name.startswith("process_"):
                continue
            kinds = found.setdefault(name, set())
            for label in labels:
                kind, _, value = label.partition("=")
                assert value in LABELS[kind], label
                kinds.add(kind)
        assert found == documented()


def value(text: str, metric: str) -> float:
    (found,) = re.findall(rf"^{re.escape(metric)} (\S+)$", text, re.MULTILINE)
    return float(found)


async def test_the_numbers_follow_what_happens(tmp_path: Path) -> None:
    async with relay_in(tmp_path) as relay:
        made = registry(relay.parts)
        for _ in range(3):
            await relay.deposit()
        relay.sent = 0
        await relay.deposit()  # asked again
        with pytest.raises(PolicyError):
            await relay.parts.relay.mailbox.submit(
                relay.terminal("bern"), 2, submit_to(Mailbox(bytes(16)), name="nobody")
            )
        await relay.acknowledge(1)
        relay.clock.now += 25 * 3_600
        await relay.parts.relay.retention.round()
        relay.parts.checkpoints.missing = (LogName.KEY.name,)
        relay.parts.relay.attachments.counts.undelivered = 2
        text = exposition(made).decode()
        deposits = "koerier_relay_deposits_total"
        assert value(text, deposits + '{outcome="stored"}') == 4
        assert value(text, deposits + '{outcome="refused"}') == 1
        assert value(text, 'koerier_relay_log_leaves{log="message"}') == 3
        assert value(text, 'koerier_relay_log_unpublished{log="key"}') == 1
        assert value(text, 'koerier_relay_log_unpublished{log="message"}') == 0
        assert value(text, 'koerier_relay_erased_total{reason="delivered"}') == 1
        attachments = "koerier_relay_attachments_total"
        assert value(text, attachments + '{outcome="undelivered"}') == 2
        assert value(text, "koerier_relay_attachment_bytes_total") == 0
        assert value(text, "koerier_relay_commit_seconds_count") > 5
        assert value(text, "koerier_relay_waiting") == 0
        assert value(text, "process_resident_memory_bytes") > 0


async def test_what_is_busy_is_counted_wherever_it_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with relay_in(tmp_path) as relay:
        with monkeypatch.context() as patch:
            patch.setattr("server.services.commit.MAX_WAITING", 0)
            with pytest.raises(BusyError):
                await relay.deposit()
        text = exposition(registry(relay.parts)).decode()
        assert value(text, 'koerier_relay_deposits_total{outcome="busy"}') == 1


async def test_no_metric_holds_a_name_an_address_or_an_identifier(
    tmp_path: Path,
) -> None:
    people = ministry()
    async with running(tmp_path, people) as relay:
        services = relay.parts.relay
        tfc = own(relay, "tfc")
        async with relay.terminal(own(relay, "bern")) as terminal:
            await terminal.submit(submit_to(tfc.mailbox))
            text = exposition(registry(relay.parts)).decode()
        assert value(text, "koerier_relay_sessions") == 1
        root = services.directory.root
        told = [root.key_log.origin, *root.relay.addresses, "127.0.0.1", "bern", "tfc"]
        told += [tfc.mailbox.hex(), tfc.key.id.hex()]
        assert not [one for one in told if one and one in text]
