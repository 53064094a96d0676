"""Stored alerts as rows of a table, as JSON lines and as CSV."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.common.text import one_line, visible
from bridge.history.in_words import decision_text, where

if TYPE_CHECKING:
    from bridge.alert import Alert
    from bridge.journal.records import RecordedAlert
    from bridge.routing import Decision

LONGEST = 60
_SHORT_ID = 16
"""Digits of an id that the table shows: those of the time. All of them where two rows would look the same."""
_ATTRIBUTES = frozenset({"id", "rule", "priority", "source", "hostname", "output"})
CSV_FIELDS = (
    "time", "id", "priority", "rule", "source", "hostname", "k8s.ns.name", "k8s.pod.name", "container.name",
    "user.name", "proc.cmdline", "output",
)  # fmt: skip
_FORMULA_STARTS = frozenset("=+-@\t\r\n")
"""Spreadsheets calculate a cell that begins with one of these."""


def field_text(alert: Alert, name: str, labels: Mapping[str, str], length: int = LONGEST) -> str:
    """A field or attribute for people, in one line; ``<NA>`` where the alert has none."""
    value = field_value(alert, name, labels)
    return "<NA>" if value is None else one_line(value, length)


def field_value(alert: Alert, name: str, labels: Mapping[str, str]) -> str | None:
    """A field, a label or an attribute as text."""
    from bridge.alert.alert import clock_text

    if name.startswith("label."):
        return labels.get(name.removeprefix("label."))
    if name == "time":
        return clock_text("evt.time.iso8601", alert.time_ns).removesuffix("+0000") + "Z"
    if name in _ATTRIBUTES:
        return str(getattr(alert, name))
    return ",".join(alert.tags) if name == "tags" else alert.get(name)


def alert_table(found: Sequence[RecordedAlert], fields: Sequence[str], labels: Mapping[str, str]) -> str:
    """A table with ids. Without ``fields`` it shows where the alert came from and what was decided."""
    from bridge.cli.printing.table import as_table

    if fields:
        return as_table([fields, *([field_text(each.alert, name, labels) for name in fields] for each in found)])
    starts = [each.alert.id[:_SHORT_ID] for each in found]
    rows: list[tuple[str, ...]] = [
        (f"time ({_zone(found[0].alert.time_ns)})", "id", "priority", "rule", "where", "decided")
    ]
    for each, start in zip(found, starts, strict=True):
        shown = start if starts.count(start) == 1 else each.alert.id
        rows.append((local_time(each.alert.time_ns), shown, *_columns(each)))
    return as_table(rows)


def alert_line(each: RecordedAlert) -> str:
    """One alert in one line, for output without an end."""
    time_text, columns = local_time(each.alert.time_ns), _columns(each)
    return f"{time_text}  {each.alert.id[:_SHORT_ID]}  {'  '.join(columns)}: {one_line(each.alert.output, 2 * LONGEST)}"


def alert_json(each: RecordedAlert) -> str:
    """Falco's object in one line, with ``id``, ``received``, ``source_name`` and ``decisions``."""
    import msgspec

    from bridge.alert.forms.falco_json import falco_json
    from bridge.common.clocks.times import iso_text

    return msgspec.json.encode(
        falco_json(each.alert)
        | {
            "id": each.alert.id,
            "received": iso_text(each.received_ns),
            "source_name": each.source_name,
            "decisions": [decision_object(decision) for decision in each.decisions],
        }
    ).decode()


def decision_object(decision: Decision) -> dict[str, object]:
    """A decision as JSON shows it."""
    return {
        "route": decision.route,
        "reason": decision.reason.value,
        "channels": decision.channels,
        "detail": decision.detail,
    }


def csv_header(fields: Sequence[str]) -> str:
    """The first line of CSV."""
    return _csv_line([*fields, "decisions"])


def alert_csv(each: RecordedAlert, fields: Sequence[str], labels: Mapping[str, str]) -> str:
    """One alert as a line of CSV. No cell can be a formula."""
    cells = [field_value(each.alert, name, labels) or "" for name in fields]
    return _csv_line([*cells, "; ".join(map(decision_text, each.decisions))])


def local_time(at_ns: int) -> str:
    """A time to the millisecond, by the clock of this machine."""
    seconds, nanos = divmod(at_ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds))}.{nanos // 1_000_000:03d}"


def _zone(at_ns: int) -> str:
    return time.strftime("%Z", time.localtime(at_ns // 1_000_000_000)) or "local"


def _columns(each: RecordedAlert) -> tuple[str, ...]:
    alert = each.alert
    decided = "; ".join(map(decision_text, each.decisions)) or "no route matched"
    return str(alert.priority), one_line(alert.rule, 40), one_line(where(alert), 40), one_line(decided, 2 * LONGEST)


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([_plain_cell(each) for each in cells])
    return line.getvalue()


def _plain_cell(text: str) -> str:
    shown = visible(text)
    return f"'{shown}" if text[:1] in _FORMULA_STARTS or shown[:1] in _FORMULA_STARTS else shown
