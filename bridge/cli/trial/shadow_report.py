"""``diff --shadow``: what a running bridge found about the routes of ``shadow``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bridge.cli.trial.arguments import refuse

if TYPE_CHECKING:
    from bridge.operator.model.status import ShadowDifferences, ShadowStatus
    from bridge.workbench.replay.difference import DifferenceTally


def diff_shadow(args: argparse.Namespace) -> int:
    """Print the report of the running bridge; returns the exit code."""
    from bridge.cli.arguments.running import admin_socket
    from bridge.operator.client import AdminClient, AdminError
    from bridge.operator.model.status import ShadowDifferences

    if args.sets or args.alerts or args.since is not None or args.until is not None:
        refuse(args, "--shadow compares what the bridge receives; leave out OLD, NEW, --from, --since and --until")
        return 2
    if (args.config is None) is (args.socket is None):
        refuse(args, "--shadow needs --config FILE or --socket PATH, to find the bridge")
        return 2
    socket = admin_socket(args)
    if socket is None:
        return 2
    try:
        found = AdminClient(socket).get("/api/v1/shadow", ShadowDifferences)
    except AdminError as error:
        refuse(args, str(error))
        return 2
    return _print(args, found)


def _print(args: argparse.Namespace, found: ShadowDifferences) -> int:
    import msgspec

    shadow = found.shadow
    if shadow is None or shadow.problem:
        refuse(args, "the bridge has no `shadow`; add it to the config" if shadow is None else shadow.problem)
        return 2
    tally = tally_of(found)
    if args.json:
        print(msgspec.json.encode(found).decode())
    else:
        from bridge.cli.trial.diff_report import diff_lines, diff_markdown

        for line in (diff_markdown if args.markdown else diff_lines)(tally, (), 0):
            print(line)
        for line in _limits(shadow):
            print(line, file=sys.stderr)
    return 1 if tally.differences.differs else 0


def tally_of(found: ShadowDifferences) -> DifferenceTally:
    """The counts as a replay has them."""
    import time

    from bridge.channels.message.samples import Sample
    from bridge.pipeline.shadow.differences import Differences
    from bridge.routing.comparison import Change
    from bridge.workbench.replay.difference import DifferenceTally

    shadow = found.shadow
    assert shadow is not None
    differences = Differences(10)
    for each in found.rows:
        row = differences.row(each.channel, each.route)
        row.old, row.new = each.before, each.after
        for change in Change:
            if count := each.changes.get(change.value, 0):
                row.changes[change] = count
            for sample in each.samples.get(change.value, ()):
                row.samples[change].add(
                    Sample(
                        sample.alert_id, sample.at_ns, sample.kind, sample.count, sample.severity, sample.headline,
                        sample.where, sample.who, sample.action,
                    )
                )  # fmt: skip
    times = (shadow.since_ns, time.time_ns()) if shadow.alerts else (None, None)
    return DifferenceTally(differences, shadow.alerts, 0, *times)


def _limits(shadow: ShadowStatus) -> Iterator[str]:
    from bridge.cli.printing.table import many

    if shadow.skipped:
        yield f"falco-bridge diff: {many(shadow.skipped, 'alert')} were not tried, because the bridge was busy"
    if shadow.faults:
        yield f"falco-bridge diff: the shadow failed {shadow.faults} times ({shadow.last_fault}); see the bridge's log"
