"""The values that fields have in the newest alerts."""

from __future__ import annotations

from bridge.history.recent_values import FieldValues, recent_values
from bridge.journal.protocols import Journal
from bridge.language.program.program import Redaction
from bridge.routing import Entry, Routed
from bridge.routing.redaction import Redactor
from tests.support.builders import alert

NOTHING = Routed((), ())


def test_values_are_counted_redacted_and_bounded(journal: Journal) -> None:
    """The most frequent ones of each field; an alert without the field does not count."""
    fields = [{"proc.name": f"p{number % 8}", "proc.cmdline": f"{'x' * 10_000} token={number}"} for number in range(40)]
    entries = [Entry(alert(number, fields=each), NOTHING) for number, each in enumerate(fields)]
    journal.alerts.append("falco", 5, [*entries, Entry(alert(40, fields={"proc.name": "p0"}), NOTHING)])
    redactor = Redactor([Redaction(("proc.cmdline",), "token=.*", "***")])
    found = recent_values(journal.history, redactor.alert, lambda: True)
    assert (found.alerts, found.oldest_ns) == (41, 5)
    names = found.fields["proc.name"]
    assert (names.alerts, names.distinct, names.most[0]) == (41, 8, ("p0", 6))
    assert len(names.most) == 5
    lines = found.fields["proc.cmdline"]
    assert (lines.alerts, lines.distinct) == (40, 1)
    assert lines.most[0][0].endswith("***")
    assert len(lines.most[0][0]) == 400
    assert found.fields["priority"] == FieldValues(41, 1, (("error", 41),))


def test_reading_ends_when_the_time_is_up(journal: Journal) -> None:
    """The newest alerts were read until then. An empty journal has no values."""
    empty = recent_values(journal.history, lambda each: each, lambda: True)
    assert (empty.alerts, empty.oldest_ns, empty.fields) == (0, None, {})
    journal.alerts.append("falco", 5, [Entry(alert(each, fields={"n": str(each)}), NOTHING) for each in range(250)])
    left = iter([True])
    found = recent_values(journal.history, lambda each: each, lambda: next(left, False))
    assert found.alerts == 100
    assert found.fields["n"].distinct == 100
    assert {value for value, _ in found.fields["n"].most} <= {str(each) for each in range(150, 250)}
