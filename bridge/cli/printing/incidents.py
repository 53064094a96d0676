"""What the verbs on incidents share: calling the bridge, and printing incidents."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.operator.client import AdminClient
    from bridge.operator.model.incidents import IncidentList, IncidentStatus

_WIDTH = 100
_NOT_FOUND = 404


def run_with(args: argparse.Namespace, call: Callable[[AdminClient], IncidentList]) -> int:
    """Call the running bridge and print the incidents that it returns."""
    import msgspec

    from bridge.cli.arguments.running import admin_socket
    from bridge.operator.client import AdminClient, AdminError

    socket = admin_socket(args)
    if socket is None:
        return 2
    try:
        found = call(AdminClient(socket))
    except AdminError as error:
        print(f"falco-bridge {args.verb}: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(msgspec.json.encode(found).decode())
    else:
        lines = [line for each in found.items for line in incident_lines(each, time.time_ns())]
        more = [f"{found.more:,} more, which are less urgent"] if found.more else []
        print("\n".join([*lines, *more]) or "no incidents")
    return 0


def change(client: AdminClient, action: str, target: str) -> IncidentList:
    """Acknowledge or resolve an incident by its id, or all of a route by its name."""
    from bridge.cli.arguments.ids import other_kinds
    from bridge.operator.client import AdminError
    from bridge.operator.model.incidents import ChangeIncidents, IncidentList

    try:
        return client.post(f"/api/v1/incidents/{action}", IncidentList, ChangeIncidents(target))
    except AdminError as error:
        kinds = other_kinds(target, "an incident") if error.status == _NOT_FOUND else ""
        raise AdminError(f"{error}{kinds}", error.status) from error


def incident_lines(incident: IncidentStatus, now_ns: int) -> Iterator[str]:
    """An incident for people."""
    from bridge.cli.printing.table import many, moment
    from bridge.common.text import one_line

    key = f" · {one_line(incident.key, _WIDTH)}" if incident.key else ""
    actor = f" by {one_line(incident.actor, _WIDTH)}" if incident.actor else ""
    yield f"{incident.id}  {incident.state}{actor}  {incident.severity}  {one_line(incident.route, _WIDTH)}{key}"
    escalation = incident.next_escalation_ns
    due = "" if escalation is None else f", escalates {moment(escalation)}"
    if escalation is not None and incident.is_held_back(now_ns):
        due = f", escalation due since {moment(escalation)}: a silence holds it back until the next match"
    channels = one_line(", ".join(incident.channels), _WIDTH)
    span = f"since {moment(incident.opened_ns)}, latest {moment(incident.matched_ns)}"
    yield f"    {many(incident.count, 'alert')} {span}; notified {channels}{due}"
