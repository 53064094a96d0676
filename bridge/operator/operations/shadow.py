"""The routes of ``shadow``, compared with the live ones."""

from __future__ import annotations

from bridge.channels.message.samples import Sample
from bridge.operator.actor import Actor
from bridge.operator.inspector import Inspector
from bridge.operator.model.base import NoParameters
from bridge.operator.model.status import ShadowDifferences, ShadowRow, ShadowSample, ShadowStatus
from bridge.pipeline.shadow.differences import Row
from bridge.pipeline.shadow.shadow import ShadowReport
from bridge.routing.comparison import Change

_MOST_ROWS = 2000


class ShadowOperations:
    """The operations of a running bridge. Callable from any thread."""

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector

    def show(self, _actor: Actor, _request: NoParameters) -> ShadowDifferences:
        """All counts and samples."""
        report = self._inspector.shadow()
        if report is None:
            return ShadowDifferences(shadow=None, rows=[])
        found = sorted(report.differences.rows.items())
        differing = [each for each in found if each[1].changes] + [each for each in found if not each[1].changes]
        rows = [_row(channel, route, row) for (channel, route), row in differing[:_MOST_ROWS]]
        return ShadowDifferences(shadow=shadow_status(report), rows=rows)


def shadow_status(report: ShadowReport) -> ShadowStatus:
    """The totals."""
    changes = report.differences.changes
    return ShadowStatus(
        since_ns=report.since_ns,
        alerts=report.alerts,
        skipped=report.skipped,
        faults=report.faults,
        last_fault=report.last_fault,
        problem=report.problem,
        gained=changes[Change.GAINED],
        lost=changes[Change.LOST],
        changed=changes[Change.CHANGED],
    )


def _row(channel: str, route: str, row: Row) -> ShadowRow:
    return ShadowRow(
        channel=channel,
        route=route,
        before=row.old,
        after=row.new,
        changes={change.value: count for change, count in row.changes.items()},
        samples={
            change.value: [_sample(each) for each in samples.by_time()]
            for change, samples in row.samples.items()
            if samples.found
        },
    )


def _sample(sample: Sample) -> ShadowSample:
    return ShadowSample(
        alert_id=sample.alert_id, at_ns=sample.at_ns, kind=sample.kind, count=sample.count, severity=sample.severity,
        headline=sample.headline, where=sample.where, who=sample.who, action=sample.action,
    )  # fmt: skip
