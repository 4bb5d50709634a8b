"""Prometheus metrics: numbers of this process, read when they are asked for.

No name, address, identifier or content is a metric or a label: every label has a fixed
set of values, below.  Nothing is counted on the way of a message but plain integers
that the services keep anyway; ``GET /metrics`` on the health listener makes the text.

What each one means stands in docs/operations.md; a test compares the two.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.process_collector import ProcessCollector

from protocol.requests import LogName
from server.app import Parts

PREFIX: Final = "koerier_relay_"


class RelayCollector:
    """Reads a relay's numbers."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of the relay."""
        yield from self._logs()
        yield from self._commits()
        yield from self._retention()
        yield from self._attachments()
        relay = self._parts.relay
        yield _gauge("sessions", "Terminals with a session", len(relay.presence))
        yield _gauge("behind", "1: a witness saw more", self._parts.checkpoints.behind)

    def _logs(self) -> Iterator[Metric]:
        logs = self._parts.relay.logs
        missing = self._parts.checkpoints.missing
        for name, text, value in (
            ("log_leaves", "Leaves of the log", logs.size),
            ("log_published_leaves", "Leaves under a cosigned note", logs.published),
            ("log_unpublished", "1: no quorum", lambda log: log.name in missing),
        ):
            yield _labelled(
                GaugeMetricFamily(PREFIX + name, text, labels=["log"]),
                {log.name.lower(): value(log) for log in LogName},
            )

    def _commits(self) -> Iterator[Metric]:
        committer = self._parts.relay.committer
        counts = committer.counts
        yield _labelled(
            CounterMetricFamily(PREFIX + "deposits", "By outcome", labels=["outcome"]),
            {"stored": counts.stored, "busy": counts.busy, "refused": counts.refused},
        )
        yield SummaryMetricFamily(
            PREFIX + "commit_seconds",
            "Transactions, and their time",
            count_value=counts.commits,
            sum_value=counts.seconds,
        )
        yield _gauge("waiting", "Waits for a commit", committer.waiting)

    def _retention(self) -> Iterator[Metric]:
        retention = self._parts.relay.retention
        gone = retention.gone
        yield _labelled(
            CounterMetricFamily(PREFIX + "erased", "Deliveries", labels=["reason"]),
            {
                "delivered": gone.delivered,
                "undelivered": gone.undelivered,
                "orphaned": gone.orphaned,
            },
        )
        yield _gauge("untold", "Expired, its depositor not told", retention.untold)

    def _attachments(self) -> Iterator[Metric]:
        counts = self._parts.relay.attachments.counts
        yield CounterMetricFamily(
            PREFIX + "attachment_bytes", "Bytes taken", value=float(counts.taken)
        )
        yield _labelled(
            CounterMetricFamily(
                PREFIX + "attachments", "By outcome", labels=["outcome"]
            ),
            {
                "stored": counts.whole,
                "refused": counts.refused,
                "undelivered": counts.undelivered,
            },
        )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, text, value=float(value))


def _labelled(family: Any, values: Mapping[str, float]) -> Metric:  # noqa: ANN401 -- three classes without a base for this
    for label, value in values.items():
        family.add_metric([label], float(value))
    metric: Metric = family
    return metric


def registry(parts: Parts) -> CollectorRegistry:
    """Return this process's metrics: the relay's, and memory, CPU, descriptors."""
    made = CollectorRegistry(auto_describe=False)
    made.register(RelayCollector(parts))
    ProcessCollector(registry=made)
    return made


def exposition(made: CollectorRegistry) -> bytes:
    """Return the text that Prometheus reads."""
    return generate_latest(made)


def names(made: CollectorRegistry) -> Iterable[tuple[str, frozenset[str]]]:
    """Return each metric's name as it is read, and the labels of its samples."""
    for metric in made.collect():
        for sample in metric.samples:
            yield sample.name, frozenset(f"{k}={v}" for k, v in sample.labels.items())
