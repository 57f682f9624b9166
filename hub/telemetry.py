"""Stages -> spans and metrics, by OpenTelemetry; off unless the standard environment variables ask for an exporter.

Guarantee (invariant 7): what leaves is a stage, a duration and a few words of an allow-list. No document, argument,
value, message of an exception or name of an operation can be an attribute; whatever is not of the list is dropped.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from opentelemetry.metrics import Counter, Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import StatusCode, Tracer

ALLOWED = frozenset({"source", "unit", "purpose", "code", "decision", "batch", "rows", "cached"})
"""Attributes that a span or a measurement may have; ``unit`` is the unit's code, never a key with a division."""
MEASURED = frozenset({"source", "code", "decision"})
"""Those of them that metrics keep: few enough values that no series is one caller's."""

_WORD = re.compile(r"[A-Za-z_]{1,64}")
_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Stages(Protocol):
    """Where the stages of a request report."""

    def stage(self, name: str, **attributes: Any) -> AbstractContextManager[None]:
        """Times a stage; a failure inside is counted by the kind of its exception alone."""
        ...

    def count(self, name: str, amount: int = 1, **attributes: Any) -> None:
        """Counts events."""
        ...


@dataclass(frozen=True, slots=True)
class Silent:
    """Reports nothing."""

    def stage(self, name: str, **attributes: Any) -> AbstractContextManager[None]:
        """Nothing."""
        return nullcontext()

    def count(self, name: str, amount: int = 1, **attributes: Any) -> None:
        """Nothing."""


def allowed(attributes: Mapping[str, Any]) -> dict[str, str | int | bool]:
    """The attributes of the allow-list whose values are plain words or numbers; all others are dropped."""
    return {
        f"hub.{name}": value
        for name, value in attributes.items()
        if name in ALLOWED and (isinstance(value, int) or (isinstance(value, str) and _WORD.fullmatch(value)))
    }


@dataclass(slots=True, kw_only=True)
class Telemetry:
    """Spans ``hub.<stage>``, a histogram of their durations and counters, to the exporters that were asked for."""

    traces: TracerProvider | None
    metrics: MeterProvider
    page: InMemoryMetricReader | None
    _tracer: Tracer | None = field(init=False)
    _durations: Histogram = field(init=False)
    _counters: dict[str, Counter] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._tracer = self.traces.get_tracer("hub") if self.traces else None
        self._durations = self.metrics.get_meter("hub").create_histogram(
            "hub.stage.duration", "s", "duration of a stage", explicit_bucket_boundaries_advisory=_BOUNDS
        )

    @contextmanager
    def stage(self, name: str, **attributes: Any) -> Iterator[None]:
        """Times a stage."""
        started = time.perf_counter()
        failed = ""
        with self._span(name, attributes):
            try:
                yield
            except BaseException as error:
                failed = type(error).__name__
                raise
            finally:
                kept = allowed({key: value for key, value in attributes.items() if key in MEASURED})
                outcome = {"hub.stage": name, "hub.failed": failed} if failed else {"hub.stage": name}
                self._durations.record(time.perf_counter() - started, {**kept, **outcome})

    @contextmanager
    def _span(self, name: str, attributes: Mapping[str, Any]) -> Iterator[None]:
        if self._tracer is None:
            yield
            return
        with self._tracer.start_as_current_span(
            f"hub.{name}", attributes=allowed(attributes), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_attribute("hub.failed", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise

    def count(self, name: str, amount: int = 1, **attributes: Any) -> None:
        """Counts events."""
        counter = self._counters.get(name)
        if counter is None:
            counter = self._counters[name] = self.metrics.get_meter("hub").create_counter(f"hub.{name}")
        counter.add(amount, allowed({key: value for key, value in attributes.items() if key in MEASURED}))

    def close(self) -> None:
        """Sends what is left; an exporter that does not answer is given up."""
        if self.traces:
            self.traces.shutdown()
        self.metrics.shutdown(timeout_millis=2000)


def open_telemetry(environment: Mapping[str, str], *, page: bool) -> Telemetry | None:
    """Telemetry as ``OTEL_*`` asks (``OTEL_TRACES_EXPORTER`` and ``OTEL_METRICS_EXPORTER``: otlp, console, none).

    An OTLP endpoint alone means otlp for both. ``page`` keeps metrics in memory for ``/metrics``. None: nothing asked.
    """
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    default = "otlp" if environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") else "none"
    spans = _span_exporter(environment.get("OTEL_TRACES_EXPORTER", default))
    reader = _metric_reader(environment.get("OTEL_METRICS_EXPORTER", default))
    memory = InMemoryMetricReader() if page else None
    readers: list[MetricReader] = [each for each in (reader, memory) if each is not None]
    if spans is None and not readers:
        return None
    resource = Resource.create({"service.name": environment.get("OTEL_SERVICE_NAME", "wuqing-hub")})
    traces = None
    if spans is not None:
        traces = TracerProvider(resource=resource)
        traces.add_span_processor(BatchSpanProcessor(spans))
    return Telemetry(traces=traces, metrics=MeterProvider(readers, resource), page=memory)


def _span_exporter(name: str) -> SpanExporter | None:
    if name == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter()
    if name == "console":
        return ConsoleSpanExporter()
    _must_be_none(name)
    return None


def _metric_reader(name: str) -> MetricReader | None:
    if name == "otlp":
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        return PeriodicExportingMetricReader(OTLPMetricExporter())
    if name == "console":
        from opentelemetry.sdk.metrics.export import ConsoleMetricExporter

        return PeriodicExportingMetricReader(ConsoleMetricExporter())
    _must_be_none(name)
    return None


def _must_be_none(name: str) -> None:
    if name != "none":
        raise ValueError("exporter must be `otlp`, `console` or `none`")


def metrics_page(reader: InMemoryMetricReader) -> str:
    """The metrics as of now in the text format that Prometheus reads."""
    data = reader.get_metrics_data()
    lines: list[str] = []
    for metric in (m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics) if data else ():
        name = metric.name.replace(".", "_") + ("_seconds" if metric.unit == "s" else "_total")
        histogram = metric.unit == "s"
        lines.append(f"# TYPE {name} {'histogram' if histogram else 'counter'}")
        points: Any = metric.data.data_points
        for point in points:
            lines += _histogram_lines(name, point) if histogram else _counter_lines(name, point)
    return "\n".join(lines) + "\n"


def _counter_lines(name: str, point: Any) -> Iterator[str]:
    yield f"{name}{_labels(point.attributes)} {point.value}"


def _histogram_lines(name: str, point: Any) -> Iterator[str]:
    seen = 0
    for bound, count in zip((*point.explicit_bounds, "+Inf"), point.bucket_counts, strict=True):
        seen += count
        yield f"{name}_bucket{_labels({**point.attributes, 'le': bound})} {seen}"
    yield f"{name}_sum{_labels(point.attributes)} {point.sum}"
    yield f"{name}_count{_labels(point.attributes)} {point.count}"


def _labels(attributes: Mapping[str, Any]) -> str:
    shown = ",".join(f'{name.replace(".", "_")}="{value}"' for name, value in sorted(attributes.items()))
    return f"{{{shown}}}" if shown else ""
