"""The routes with their hits and decisions, and reading them again."""

from __future__ import annotations

from bridge.console.ask import Act, Ask, Page
from bridge.console.data.route_list import list_routes
from bridge.history.recent_hits import WINDOWS
from bridge.operator.client import AdminError
from bridge.operator.model.reload import ReloadResult
from bridge.operator.model.status import Status
from bridge.routing import Reason

_RELOAD_SECONDS = 120.0
_EXAMINE_SECONDS = 1.0
"""How long the page waits for what is on the disk. The process that reads it may have to start."""


def _routes(ask: Ask) -> dict[str, object]:
    status = ask.get("/api/v1/status", Status)
    found = list_routes([] if isinstance(status, str) else status.routes, ask.backtests, ask.hits, _EXAMINE_SECONDS)
    return {
        "problem": status if isinstance(status, str) else "",
        "not_examined": found.not_examined,
        "started_ns": None if isinstance(status, str) else status.started_ns,
        "bridge": "" if isinstance(status, str) or status.fleet is None else status.fleet.bridge,
        "rows": found.rows,
        "windows": [name for name, _ in WINDOWS],
        "counted": found.counted,
        "reasons": [each.value for each in Reason if any(each.value in row.decisions for row in found.rows)],
        "more": found.more,
    }


def _reload(ask: Ask) -> str:
    result = ask.client.post("/api/v1/reload", ReloadResult, seconds=_RELOAD_SECONDS)
    if not (result.applied or result.waits):
        raise AdminError(f"{result.report.rstrip()}\nThe bridge keeps the running config and routes.")
    if result.kept:
        raise AdminError(f"{result.report.rstrip()}\nThe bridge keeps the previous routes of {', '.join(result.kept)}.")
    return "/routes"


PAGES = (Page("/routes", "routes.html", "Routes", _routes, in_menu=True),)
ACTS = (Act("/routes/reload", _reload),)
