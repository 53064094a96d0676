"""The tracer: a bounded queue that nothing waits for, and a collector that may be slow, gone or hostile."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from bridge.tracing.counts import SharedCounts, SpanCounts, SpanOutcome
from bridge.tracing.exporter import OtlpExporter, traces_url
from bridge.tracing.settings import TraceSettings
from bridge.tracing.span import Span
from bridge.tracing.tracer import MOST_QUEUED, Tracer
from tests.support.far_side import Answer, FarSide
from tests.support.waiting import wait_until
from tests.tracing.collector import received

SETTINGS = TraceSettings("http://collector:4318")


def span(number: int = 1) -> Span:
    return Span(name="alert", trace=number, id=number, start_ns=1, end_ns=2, attributes={"n": number})


class Collecting:
    """An exporter that waits while ``gate`` is closed, and answers as a test says."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.answers: list[str] = []
        self.spans: list[Span] = []
        self.closed = threading.Event()

    def export(self, spans: list[Span]) -> str:
        self.entered.set()
        self.gate.wait()
        self.spans += spans
        return self.answers.pop(0) if self.answers else ""

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def exporter() -> Collecting:
    return Collecting()


@pytest.fixture
def tracer(exporter: Collecting) -> Iterator[Tracer]:
    tracer = Tracer("router", make=lambda _settings, _process: exporter, gather_seconds=0.0)
    yield tracer
    exporter.gate.set()
    tracer.close()


def test_nothing_is_taken_while_traces_are_off(tracer: Tracer, exporter: Collecting) -> None:
    tracer.offer([span()])
    assert (tracer.has_room, tracer.sample, exporter.spans) == (False, 0.0, [])


def test_a_collector_that_hangs_blocks_no_process(tracer: Tracer, exporter: Collecting) -> None:
    """The queue fills up, further spans are dropped and counted, and what is queued arrives later."""
    exporter.gate.clear()
    tracer.use(SETTINGS)
    tracer.offer([span(0)])
    wait_until(exporter.entered.is_set, "the export")
    tracer.offer(span(number) for number in range(MOST_QUEUED + 10))
    assert not tracer.has_room
    tracer.drop(3)
    assert tracer.counts.values() == {"exported": 0, "dropped": 13, "failed": 0}
    exporter.gate.set()
    wait_until(lambda: tracer.counts.values()["exported"] == MOST_QUEUED + 1, "the export of the rest")
    assert [each.trace for each in exporter.spans[1:4]] == [0, 1, 2]


def test_failures_are_counted_and_logged_once(tracer: Tracer, exporter: Collecting) -> None:
    exporter.answers = ["refused", "refused", ""]
    with capture_logs() as logs:
        tracer.use(SETTINGS)
        for number in range(3):
            tracer.offer([span(number)])
            wait_until(lambda number=number: sum(tracer.counts.values().values()) == number + 1, "the export")
        wait_until(lambda: len(logs) == 2, "two lines")
    assert [each["event"] for each in logs] == ["traces not exported", "traces exported again"]
    assert logs[0]["problem"] == "refused"
    assert tracer.problem == ""
    assert tracer.counts.values() == {"exported": 1, "dropped": 0, "failed": 2}


def test_an_error_in_the_exporter_does_not_end_it(
    tracer: Tracer, exporter: Collecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_spans: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(exporter, "export", fail)
    tracer.use(SETTINGS)
    tracer.offer([span()])
    wait_until(lambda: tracer.counts.values()["failed"] == 1, "the failure")
    wait_until(lambda: tracer.problem == "internal error (ZeroDivisionError)", "the problem")
    monkeypatch.undo()
    tracer.offer([span()])
    wait_until(lambda: tracer.counts.values()["exported"] == 1, "the export")


def test_what_is_queued_is_exported_at_the_end(exporter: Collecting) -> None:
    tracer = Tracer("router", make=lambda _settings, _process: exporter, gather_seconds=3600.0)
    tracer.use(SETTINGS)
    tracer.offer(span(number) for number in range(2000))
    tracer.close(seconds=60.0)
    assert len(exporter.spans) == 2000
    assert exporter.closed.is_set()


def test_a_change_of_the_settings_replaces_the_exporter() -> None:
    """The previous one exports what it has, and is closed; equal settings change nothing."""
    made = [Collecting(), Collecting()]
    left = list(made)
    tracer = Tracer("router", make=lambda _settings, _process: left.pop(0), gather_seconds=3600.0)
    tracer.use(SETTINGS)
    tracer.use(TraceSettings("http://collector:4318"))
    tracer.offer([span(1)])
    tracer.use(TraceSettings("http://other:4318", sample=0.5))
    wait_until(made[0].closed.is_set, "the end of the first")
    tracer.offer([span(2)])
    tracer.use(None)
    wait_until(made[1].closed.is_set, "the end of the second")
    assert [[each.trace for each in one.spans] for one in made] == [[1], [2]]
    assert tracer.sample == 0.0


def test_another_process_counts_in_shared_memory() -> None:
    shared = SharedCounts()
    process = os.fork()
    if process == 0:
        SpanCounts(shared.descriptor).add(SpanOutcome.DROPPED, 7)
        os._exit(0)
    os.waitpid(process, 0)
    SpanCounts(shared.descriptor).add(SpanOutcome.EXPORTED, 1)
    assert shared.values() == {"exported": 1, "dropped": 7, "failed": 0}


# OpenTelemetry's exporter


@pytest.mark.parametrize(("endpoint", "url"), [
    ("http://collector:4318", "http://collector:4318/v1/traces"),
    ("http://collector:4318/", "http://collector:4318/v1/traces"),
    ("https://c.example.org/otlp/v1/traces", "https://c.example.org/otlp/v1/traces"),
])  # fmt: skip
def test_the_path_is_appended_to_a_url_without_one(endpoint: str, url: str) -> None:
    assert traces_url(endpoint) == url


def test_spans_arrive_as_they_were_made() -> None:
    made = Span(
        name="deliver chat", trace=2**127 + 1, id=2**63 + 1, parent=5, start_ns=10**18, end_ns=10**18 + 7,
        attributes={"text": "\N{SNOWMAN}", "list": ("a", "b"), "n": 2**40, "yes": True}, links=((3, 4),), error="refused",
    )  # fmt: skip
    with FarSide().serving() as collector:
        settings = TraceSettings(
            f"http://127.0.0.1:{collector.port}", {"X-Key": "s3cretvalue"}, labels={"cluster": "eu"}
        )
        exporter = OtlpExporter(settings, "courier")
        assert exporter.export([made]) == ""
        exporter.close()
        (request,) = collector.requests
        (found,) = received(collector)
    assert (request.path, request.headers["x-key"]) == ("/v1/traces", "s3cretvalue")
    assert (found.trace, found.id, found.parent, found.span.name) == (made.trace, made.id, 5, "deliver chat")
    assert (found.span.start_time_unix_nano, found.span.end_time_unix_nano) == (10**18, 10**18 + 7)
    assert found.attributes == {"text": "\N{SNOWMAN}", "list": ["a", "b"], "n": 2**40, "yes": True}
    assert [int.from_bytes(each.trace_id) for each in found.span.links] == [3]
    assert (found.span.status.message, found.span.status.code) == ("refused", 2)
    assert found.resource["service.name"] == "falco-bridge"
    assert (found.resource["falco_bridge.process"], found.resource["falco_bridge.label.cluster"]) == ("courier", "eu")


def test_a_refusal_is_described_without_the_header() -> None:
    """A collector that repeats the token in its answer does not get it into the log."""
    answer = Answer(401, b"bad token s3cretvalue")
    with FarSide(lambda _request: answer).serving() as collector:
        settings = TraceSettings(f"http://127.0.0.1:{collector.port}", {"Authorization": "Bearer s3cretvalue"})
        exporter = OtlpExporter(settings, "router")
        problem = exporter.export([span()])
        exporter.close()
    assert "401" in problem
    assert "s3cretvalue" not in problem


def test_redirects_are_not_followed() -> None:
    """They would carry the headers to another host."""
    with FarSide().serving() as other:
        answer = Answer(307, b"", {"Location": f"http://127.0.0.1:{other.port}/v1/traces"})
        with FarSide(lambda _request: answer).serving() as collector:
            exporter = OtlpExporter(TraceSettings(f"http://127.0.0.1:{collector.port}", {"X-Key": "s3cret"}), "router")
            exporter.export([span()])
            exporter.close()
        assert other.requests == []
