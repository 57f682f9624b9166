"""Telemetry: off by default, and nothing leaves that is not on the list."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hub.telemetry import ALLOWED, Silent, Telemetry, allowed, metrics_page, open_telemetry

CANARY = "张三 120114201001011234"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def telemetry(spans: InMemorySpanExporter) -> Iterator[Telemetry]:
    traces = TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(spans))
    page = InMemoryMetricReader()
    found = Telemetry(traces=traces, metrics=MeterProvider([page]), page=page)
    yield found
    found.close()


def test_nothing_is_reported_unless_the_environment_asks() -> None:
    assert open_telemetry({}, page=False) is None
    assert open_telemetry({"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}, page=False) is None
    everything = {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    assert open_telemetry(everything, page=True) is None


def test_an_unknown_exporter_is_an_error() -> None:
    with pytest.raises(ValueError, match="must be `otlp`, `console` or `none`"):
        open_telemetry({"OTEL_TRACES_EXPORTER": "zipkin"}, page=False)


def test_an_endpoint_alone_means_spans_and_metrics() -> None:
    found = open_telemetry({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, page=False)
    assert found is not None
    assert found.traces is not None
    found.traces.shutdown()


def test_a_stage_is_a_span_and_a_duration(telemetry: Telemetry, spans: InMemorySpanExporter) -> None:
    with telemetry.stage("fetch", source="education", rows=3, unit="education_bureau"):
        pass
    [span] = spans.get_finished_spans()
    assert span.name == "hub.fetch"
    assert dict(span.attributes or {}) == {"hub.source": "education", "hub.rows": 3, "hub.unit": "education_bureau"}
    assert telemetry.page is not None
    text = metrics_page(telemetry.page)
    assert 'hub_stage_duration_seconds_count{hub_source="education",hub_stage="fetch"} 1' in text
    assert "education_bureau" not in text


def test_stages_nest(telemetry: Telemetry, spans: InMemorySpanExporter) -> None:
    with telemetry.stage("answer"), telemetry.stage("fetch"):
        pass
    inner, outer = spans.get_finished_spans()
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id


def test_a_failure_is_counted_by_its_kind_and_not_by_its_words(
    telemetry: Telemetry, spans: InMemorySpanExporter
) -> None:
    with pytest.raises(KeyError), telemetry.stage("fetch"):
        raise KeyError(CANARY)
    [span] = spans.get_finished_spans()
    assert (span.attributes or {})["hub.failed"] == "KeyError"
    assert not span.events
    assert not span.status.description
    assert telemetry.page is not None
    assert CANARY not in span.to_json() + metrics_page(telemetry.page)


def test_what_is_not_on_the_list_or_no_plain_word_is_dropped(telemetry: Telemetry, spans: InMemorySpanExporter) -> None:
    kept = {name: CANARY for name in ALLOWED}
    with telemetry.stage("parse", document=CANARY, variables=CANARY, query=CANARY, **kept):
        telemetry.count("refusals", code="NOT_ENTITLED", source=CANARY, operation=CANARY)
    [span] = spans.get_finished_spans()
    assert not span.attributes
    assert telemetry.page is not None
    text = metrics_page(telemetry.page)
    assert 'hub_refusals_total{hub_code="NOT_ENTITLED"} 1' in text
    assert "120114" not in text + span.to_json()
    assert allowed({"unit": "town_government:120114101", "code": "A-1", "rows": 2.5, "purpose": "audit"}) == {
        "hub.purpose": "audit"
    }


def test_silence_costs_nothing_and_says_nothing() -> None:
    silent = Silent()
    with silent.stage("fetch", source="x"):
        silent.count("x")
    assert not hasattr(silent, "__dict__")


def test_the_page_has_buckets_that_add_up(telemetry: Telemetry) -> None:
    for _ in range(3):
        with telemetry.stage("stitch"):
            pass
    assert telemetry.page is not None
    lines = metrics_page(telemetry.page).splitlines()
    assert "# TYPE hub_stage_duration_seconds histogram" in lines
    assert 'hub_stage_duration_seconds_bucket{hub_stage="stitch",le="+Inf"} 3' in lines
