"""Sends spans by OTLP/HTTP, with OpenTelemetry's own exporter. Imported only if traces are on.

Its libraries come with the extra ``otel``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from bridge import __version__
from bridge.common.errors import SetupError
from bridge.common.extras import install_command
from bridge.common.files.trust import bundle
from bridge.common.masking import forms_of, redacted
from bridge.tracing.settings import TraceSettings
from bridge.tracing.span import Span

_TIMEOUT_SECONDS = 10.0
"""How long one request may take, its retries included."""
_LOGGER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_PATH = "/v1/traces"
_LONGEST_PROBLEM = 1000
MISSING = "traces need OpenTelemetry's exporter, which is not installed"


def remedy() -> str:
    """What to do if it is missing."""
    return f"run: {install_command('otel')}"


def is_installed() -> bool:
    """Whether the extra ``otel`` is installed."""
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


class OtlpExporter:
    """Encodes and sends. Used by one thread, except for ``close``."""

    def __init__(self, settings: TraceSettings, process: str) -> None:
        """``process`` is ``router`` or ``courier``. Raises SetupError if the libraries are not installed."""
        if not is_installed():
            raise SetupError(f"{MISSING}; {remedy()}")
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        self._problem = _Problem()
        self._secrets = frozenset(form for value in settings.headers.values() for form in forms_of(value))
        self._exporter = OTLPSpanExporter(
            endpoint=traces_url(settings.endpoint), headers=dict(settings.headers), timeout=_TIMEOUT_SECONDS,
            compression=Compression.Gzip, certificate_file=bundle(),
        )  # fmt: skip
        self._resource = Resource(
            {
                "service.name": "falco-bridge",
                "service.version": __version__,
                "falco_bridge.process": process,
                **{f"falco_bridge.label.{name}": value for name, value in settings.labels.items()},
            }
        )
        self._scope = InstrumentationScope("falco-bridge", __version__)

    def export(self, spans: Sequence[Span]) -> str:
        """Send the spans. Returns why that failed; an empty text if the collector accepted them."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        self._problem.text = ""
        result = self._exporter.export([self._readable(each) for each in spans])
        if result is SpanExportResult.SUCCESS:
            return ""
        return redacted(self._problem.text, self._secrets) or "the collector did not accept them"

    def close(self) -> None:
        """Close the connections."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]
        self._problem.close()

    def _readable(self, span: Span) -> Any:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import ReadableSpan

        def context(trace_id: int, span_id: int) -> trace.SpanContext:
            sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)
            return trace.SpanContext(trace_id, span_id, is_remote=False, trace_flags=sampled)

        status = trace.Status(trace.StatusCode.ERROR, span.error) if span.error else trace.Status()
        return ReadableSpan(
            name=span.name,
            context=context(span.trace, span.id),
            parent=None if span.parent is None else context(span.trace, span.parent),
            resource=self._resource,
            attributes=span.attributes,
            links=[trace.Link(context(*each)) for each in span.links],
            kind=trace.SpanKind[span.kind.name],
            status=status,
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=self._scope,
        )


def traces_url(endpoint: str) -> str:
    """The endpoint with OTLP's path, unless it has a path of its own."""
    return endpoint if urlsplit(endpoint).path.strip("/") else f"{endpoint.rstrip('/')}{_PATH}"


class _Problem(logging.Handler):
    """Holds why an export failed, which OpenTelemetry's exporter logs and does not return. Nothing else logs it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""
        self._logger = logging.getLogger(_LOGGER)
        self._logger.propagate = False
        self._logger.setLevel(logging.WARNING)
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Hold the first message of an export: later ones only say that it gave up."""
        is_transient = str(record.msg).startswith("Transient error") and isinstance(record.args, tuple) and record.args
        text = str(record.args[0]) if is_transient else record.getMessage()  # type: ignore[index]
        self.text = self.text or text[:_LONGEST_PROBLEM]

    def close(self) -> None:
        """Stop to listen."""
        self._logger.removeHandler(self)
        super().close()
