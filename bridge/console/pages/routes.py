"""The routes with what they decided, and the channels with what waits there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.console.ask import Act, Ask, Page
from bridge.console.backtest.messages import Examined, Failed
from bridge.history.recent_hits import WINDOWS, RouteCount
from bridge.operator.client import segment
from bridge.operator.model.channels import ChannelTestResult
from bridge.operator.model.dead_letters import DeadLetterPage, DeadLettersChanged, SelectDeadLetters
from bridge.operator.model.status import Status
from bridge.routing import Reason

_MOST_ROUTES = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """A route of the page."""

    route: str
    decisions: Mapping[str, int]
    """Since the bridge started, by reason."""
    hits: RouteCount
    file: str = ""
    """Where it is on the disk; empty if it is not there."""
    shadowed: str = ""
    """Why it can never match."""


def _routes(ask: Ask) -> dict[str, object]:
    status = ask.get("/api/v1/status", Status)
    examined = ask.backtests.examined()
    on_disk = {each.name: each for each in examined.routes} if isinstance(examined, Examined) else {}
    running = {} if isinstance(status, str) else {each.route: each.decisions for each in status.routes}
    names = list(dict.fromkeys((*on_disk, *running)))[:_MOST_ROUTES]
    counted = ask.hits.count(names)
    rows = []
    for name in names:
        found = on_disk.get(name)
        file, shadowed = ("", "") if found is None else (found.path, found.shadowed)
        rows.append(Row(name, running.get(name, {}), counted.routes[name], file, shadowed))
    return {
        "problem": status if isinstance(status, str) else "",
        "not_examined": examined.text if isinstance(examined, Failed) else "",
        "started_ns": None if isinstance(status, str) else status.started_ns,
        "rows": rows,
        "windows": [name for name, _ in WINDOWS],
        "counted": counted,
        "reasons": [each.value for each in Reason if any(each.value in row.decisions for row in rows)],
        "more": max(0, len({*on_disk, *running}) - _MOST_ROUTES),
    }


def _channels(ask: Ask) -> dict[str, object]:
    status = ask.get("/api/v1/status", Status)
    letters = ask.get("/api/v1/dead-letters?limit=50", DeadLetterPage)
    if isinstance(status, str) or isinstance(letters, str):
        return {"problem": status if isinstance(status, str) else letters, "channels": [], "letters": [], "tests": {}}
    tests = ask.channel_tests.latest()
    return {"problem": "", "channels": status.channels or [], "letters": letters.items, "tests": tests}


def _retry(ask: Ask) -> str:
    selected = SelectDeadLetters(channel=ask.text("channel"))
    ask.client.post("/api/v1/dead-letters/retry", DeadLettersChanged, selected)
    return "/channels"


def _test(ask: Ask) -> str:
    channel, sent_ns = ask.text("channel"), time.time_ns()
    result = ask.client.post(f"/api/v1/channels/{segment(channel)}/test", ChannelTestResult, seconds=90)
    ask.channel_tests.add(channel, sent_ns, result)
    return "/channels"


PAGES = (
    Page("/routes", "routes.html", "Routes", _routes, in_menu=True),
    Page("/channels", "channels.html", "Channels", _channels, in_menu=True),
)
ACTS = (Act("/channels/retry", _retry), Act("/channels/test", _test))
