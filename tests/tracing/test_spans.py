"""The spans of alerts and attempts: ids that processes agree on, fixed names, bounded values, nothing unredacted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from bridge.delivery import HEALTH_ALERT_ROUTE, Outcome, Verdict
from bridge.pipeline.alert_traces import AlertTraces
from bridge.pipeline.writes import Write
from bridge.routing import Decision, Entry, Reason, Routed
from bridge.tracing.alert_spans import BatchTimes, spans_of_alert
from bridge.tracing.attempt_spans import AttemptTimes, span_of_delivery
from bridge.tracing.attempts import trace_attempt
from bridge.tracing.ids import is_sampled, span_id, trace_id
from bridge.tracing.settings import TraceSettings
from bridge.tracing.span import LONGEST_VALUE, MOST_ITEMS, Span
from bridge.tracing.tracer import MOST_QUEUED, Tracer
from tests.support import builders

TIMES = BatchTimes("falco", 100, 110, 120, 120, 150, 2)


class Holding(Tracer):
    """A tracer that holds what it is offered."""

    def __init__(self, sample: float = 1.0, room: int = MOST_QUEUED) -> None:
        super().__init__("router", make=lambda _settings, _process: None)  # type: ignore[arg-type,return-value]
        self.sample = sample
        self.spans: list[Span] = []
        self._room = room

    @property
    def has_room(self) -> bool:
        return len(self.spans) < self._room

    def offer(self, spans: object) -> None:
        self.spans += spans  # type: ignore[arg-type]


def test_ids_are_those_of_every_version() -> None:
    """Router, courier, and a bridge of another version compute the same ids. These were computed once."""
    assert trace_id("0" * 32) == 0x24D93559D4C13A27E4AEA6918CCADF09
    assert span_id("0" * 32, "alert") == 0xDB8F9A398F013B78


def test_sampling_is_decided_by_the_trace_alone() -> None:
    traces = [trace_id(f"{number:032x}") for number in range(4000)]
    assert [sum(is_sampled(each, share) for each in traces) for share in (0.0, 1.0)] == [0, 4000]
    tenth = {each for each in traces if is_sampled(each, 0.1)}
    assert 300 < len(tenth) < 500
    assert tenth <= {each for each in traces if is_sampled(each, 0.2)}


def test_an_alert_has_three_spans_in_one_trace() -> None:
    alert = builders.alert(fields={"k8s.ns.name": "pay", "k8s.pod.name": "api-0", "evil.name": "x"})
    decisions = (Decision("pages", Reason.SENT, ("pager", "soc")), Decision("quiet", Reason.THROTTLED, (), "2 of 3"))
    root, decide, commit = spans_of_alert(Entry(alert, Routed(decisions, ())), TIMES)
    assert {each.trace for each in (root, decide, commit)} == {trace_id(alert.id)}
    assert (root.parent, decide.parent, commit.parent) == (None, root.id, root.id)
    assert [(each.start_ns, each.end_ns) for each in (root, decide, commit)] == [(100, 150), (110, 120), (120, 150)]
    assert decide.attributes == {
        "falco_bridge.decisions": ("pages: sent to pager, soc", "quiet: throttled (2 of 3)"),
        "falco_bridge.decisions.count": 2,
    }
    assert root.attributes == {
        "falco_bridge.alert.id": alert.id, "falco.rule": builders.RULE, "falco.priority": "error",
        "falco.source": "syscall", "host.name": "node-1", "k8s.namespace.name": "pay", "k8s.pod.name": "api-0",
        "falco_bridge.source_name": "falco", "falco_bridge.channels": (),
    }  # fmt: skip


def test_what_alerts_and_routes_say_is_bounded_and_visible() -> None:
    alert = builders.alert(
        rule="\x1b[31m" + "r" * 100_000, hostname="h\n" * 1000, fields={"k8s.pod.name": "\u202e" * 9999}
    )
    decisions = [Decision(f"r{number}" * 1000, Reason.UNMATCHED) for number in range(1000)]
    decisions.append(Decision("last", Reason.SENT, tuple(f"c{number}" for number in range(500))))
    root, decide, _ = spans_of_alert(Entry(alert, Routed(tuple(decisions), ())), TIMES)
    values = [*root.attributes.values(), *decide.attributes["falco_bridge.decisions"]]  # type: ignore[misc]
    texts = [each for each in values if isinstance(each, str)]
    assert max(map(len, texts)) <= LONGEST_VALUE
    assert all(each.isprintable() for each in texts)
    assert len(decide.attributes["falco_bridge.decisions"]) == MOST_ITEMS  # type: ignore[arg-type]
    assert decide.attributes["falco_bridge.decisions"][0].startswith("last: sent to c0, ")  # type: ignore[index]


def test_an_attempt_belongs_to_the_trace_of_its_alert() -> None:
    """Each attempt has an id of its own, and a late answer another one."""
    delivery = builders.delivery()
    refused = Outcome(Verdict.REJECTED, 400, "HTTP 400\n" * 1000)
    first = span_of_delivery(delivery, refused, AttemptTimes(1, 2, 3))
    late = span_of_delivery(delivery, refused, AttemptTimes(1, 2, 3, is_late=True))
    assert first.trace == late.trace == trace_id(delivery.alert.id)
    assert first.parent == span_id(delivery.alert.id, "alert")
    assert first.id != late.id
    assert first.attributes["falco_bridge.outcome"] == "rejected"
    assert (first.attributes["falco_bridge.status"], first.attributes["falco_bridge.attempt"]) == (400, 1)
    assert len(first.error) <= LONGEST_VALUE


def test_a_health_alert_of_the_courier_is_a_trace_of_its_own() -> None:
    """The router did not receive it, so that there is no span above."""
    delivery = builders.delivery()
    health = replace(delivery, notification=structs.replace(delivery.notification, routes=(HEALTH_ALERT_ROUTE,)))
    assert span_of_delivery(health, Outcome(Verdict.DELIVERED), AttemptTimes(1, 2)).parent is None


@pytest.mark.parametrize(("sample", "room", "made", "dropped"), [(1.0, 9, 3, 0), (0.0, 9, 0, 0), (1.0, 0, 0, 9)])
def test_only_sampled_alerts_with_room_are_traced(sample: float, room: int, made: int, dropped: int) -> None:
    """Spans that would not fit are counted and not made."""
    tracer = Holding(sample, room)
    entries = [builders.entry(builders.alert(number)) for number in range(3 if room != 9 else 1)]
    AlertTraces(tracer).committed(Write("falco", 1, entries), 0.5)
    assert (len(tracer.spans), tracer.counts.values()["dropped"]) == (made, dropped)
    tracer = Holding(sample, room)
    trace_attempt(tracer, [builders.delivery()], Outcome(Verdict.DELIVERED), None)
    assert (len(tracer.spans), tracer.counts.values()["dropped"]) == (made // 3, dropped // 9)


def test_settings_do_not_show_their_headers() -> None:
    assert "s3cret" not in repr(TraceSettings("http://c", {"X-Key": "s3cret"}))
