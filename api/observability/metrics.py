"""The service's metrics for Prometheus. No label identifies a device."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters of one application. Safe to use from several threads."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "thumbprint_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "thumbprint_request_seconds",
            "From the head of a request to the last byte of its answer.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._adaptations = Counter(
            "thumbprint_adaptations", "Adaptations ended.", ["outcome"], registry=self._registry
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request; `route` is a template, never a path."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)

    def adapted(self, outcome: str) -> None:
        """Counts an adaptation: kept, not kept or failed."""
        self._adaptations.labels(outcome).inc()

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Adds a value that is read at each scrape."""
        Gauge(f"thumbprint_{name}", meaning, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Returns every metric in Prometheus's text format."""
        return generate_latest(self._registry)
