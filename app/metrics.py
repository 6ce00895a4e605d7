"""What Prometheus is told: counts and times of this process, or of all processes behind one port."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from kernel.database import Database
from kernel.sweep import Sweep

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The client library's own setting: the folder in which processes behind one port write their figures."""
SAMPLE_SECONDS = 1.0
"""How old what one process tells of another may be."""
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

disable_created_metrics()


class Metrics:
    """Fulfils the graph's `Meter`, and counts what workers do."""

    def __init__(self, databases: Mapping[str, Database], watchers: Callable[[], int]) -> None:
        self._databases = databases
        self._count_watchers = watchers
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Histogram(
            "bookstall_request_seconds", "GraphQL requests over HTTP, by outcome.",
            ["outcome"], buckets=REQUEST_BUCKETS, registry=registry,
        )  # fmt: skip
        self._checkouts = Counter(
            "bookstall_checkouts", "Checkouts that were answered, by the type of the answer.",
            ["outcome"], registry=registry,
        )  # fmt: skip
        self._events = Counter(
            "bookstall_events", "Deliveries that a domain took, by event and what became of them.",
            ["domain", "event", "outcome"], registry=registry,
        )  # fmt: skip
        self._resent = Counter(
            "bookstall_events_resent", "Events that were sent, never came to a domain, and are sent again.",
            ["domain"], registry=registry,
        )  # fmt: skip
        self._sweep_failures = Counter(
            "bookstall_sweep_failures", "Steps of sweeps that failed and are tried again.", ["sweep"], registry=registry
        )
        self._sweep_work = Counter(
            "bookstall_sweep_work", "What the steps of sweeps did: orders finished, mails sent, events sent and so on.",
            ["sweep"], registry=registry,
        )  # fmt: skip
        self._sweep_ended = Gauge(
            "bookstall_sweep_ended_seconds", "When a step of a sweep last ended well, in seconds since 1970.",
            ["sweep"], registry=registry, multiprocess_mode="mostrecent",
        )  # fmt: skip
        self._counted_alone = Counter(
            "bookstall_requests_counted_alone",
            "Requests whose rate was counted in the process alone, because Redis was away.", registry=registry,
        )  # fmt: skip
        self._watchers = Gauge(
            "bookstall_watchers", "Live subscriptions.", registry=registry, multiprocess_mode="livesum"
        )
        self._pool_in_use = Gauge(
            "bookstall_database_pool_in_use", "Connections to a domain's database that are in use.",
            ["domain"], registry=registry, multiprocess_mode="livesum",
        )  # fmt: skip
        self._pool_size = Gauge(
            "bookstall_database_pool_size", "Connections to a domain's database that there may be.",
            ["domain"], registry=registry, multiprocess_mode="livesum",
        )  # fmt: skip

    def request(self, outcome: str, seconds: float) -> None:
        """A request over HTTP was answered."""
        self._requests.labels(outcome).observe(seconds)

    def checkout(self, outcome: str) -> None:
        """A checkout was answered."""
        self._checkouts.labels(outcome).inc()

    def counted_alone(self) -> None:
        """The process counted a request itself that Redis should have counted."""
        self._counted_alone.inc()

    def event(self, domain: str, event: str, outcome: str) -> None:
        """A domain took a delivery."""
        self._events.labels(domain, event, outcome).inc()

    def resent(self, domain: str, events: int) -> None:
        """Events that never came to a domain are sent again."""
        self._resent.labels(domain).inc(events)

    def sweep_ended(self, sweep: str, did: int) -> None:
        """A step of a sweep ended well, and did so much."""
        self._sweep_work.labels(sweep).inc(did)
        self._sweep_ended.labels(sweep).set_to_current_time()

    def sweep_failed(self, sweep: str) -> None:
        """A step of a sweep failed."""
        self._sweep_failures.labels(sweep).inc()

    def sample(self) -> None:
        """Notes what changes without anybody telling: watchers, and pools in use."""
        self._watchers.set(self._count_watchers())
        for name, database in self._databases.items():
            self._pool_in_use.labels(name).set(database.pool_in_use)
            self._pool_size.labels(name).set(database.pool_size)

    def sweeps(self) -> list[Sweep]:
        """What has to run for another process to tell of this one."""
        return [Sweep("metrics", self._sampled, idle_seconds=SAMPLE_SECONDS)] if _shared_folder() else []

    def collector(self) -> Collector:
        """The figures as they are now, of every process that shares its folder with this one."""
        self.sample()
        folder = _shared_folder()
        return self._registry if folder is None else MultiProcessCollector(None, folder)

    async def _sampled(self) -> int:
        self.sample()
        return 0


def shared_in(folder: Path) -> dict[str, str]:
    """The environment of processes that share their figures in this folder."""
    return {**os.environ, SHARED_FOLDER: str(folder)}


def forget_process(number: int, folder: Path) -> None:
    """Takes out what a process that ended had at that moment; what it counted stays."""
    mark_process_dead(number, str(folder))


def _shared_folder() -> str | None:
    return os.environ.get(SHARED_FOLDER)
