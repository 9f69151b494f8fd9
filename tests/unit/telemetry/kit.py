"""What a test sees of traces and figures, through OpenTelemetry's own kit."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dagger_actors.telemetry import OpenTelemetry

__all__ = ["Kit"]


class Kit:
    """What a test sees."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])
        self.telemetry = OpenTelemetry(tracer_provider=self.provider, meter_provider=self.meters)
        self.tracer = self.provider.get_tracer("test")

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """In the order they began."""
        found = sorted(self.exporter.get_finished_spans(), key=lambda one: one.start_time or 0)
        return [one for one in found if not name or one.name == name]

    def span(self, name: str) -> ReadableSpan:
        (found,) = self.spans(name)
        return found

    def figures(self, name: str) -> dict[tuple[tuple[str, Any], ...], Any]:
        """The points of an instrument, by their attributes."""
        read = self.reader.get_metrics_data()
        points = [
            point
            for resource in (read.resource_metrics if read is not None else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]
        return {tuple(sorted((point.attributes or {}).items())): point for point in points}

    def is_child(self, child: ReadableSpan, parent: ReadableSpan) -> bool:
        return child.parent is not None and child.parent.span_id == parent.context.span_id
