"""A collector of OpenTelemetry on loopback: receives OTLP/HTTP and decodes it with the official messages."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.far_side import FarSide, Request


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """A span as the collector received it, with its resource."""

    span: Span
    attributes: dict[str, object]
    resource: dict[str, object]

    @property
    def trace(self) -> int:
        return int.from_bytes(self.span.trace_id)

    @property
    def id(self) -> int:
        return int.from_bytes(self.span.span_id)

    @property
    def parent(self) -> int:
        return int.from_bytes(self.span.parent_span_id)


def received(collector: FarSide) -> list[ReceivedSpan]:
    """Everything that the collector has received."""
    return [span for request in list(collector.requests) for span in decoded(request)]


def decoded(request: Request) -> list[ReceivedSpan]:
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers.get("Content-Encoding", request.headers.get("content-encoding")) == "gzip"
    message = ExportTraceServiceRequest.FromString(gzip.decompress(request.body))
    return [
        ReceivedSpan(
            span,
            {each.key: value_of(each.value) for each in span.attributes},
            {each.key: value_of(each.value) for each in resource.resource.attributes},
        )
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def value_of(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(each) for each in value.array_value.values]
    return getattr(value, kind)
