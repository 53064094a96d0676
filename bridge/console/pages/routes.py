"""The routes with what they decided, and the channels with what waits there."""

from __future__ import annotations

import time

from bridge.console.ask import Act, Ask, Page
from bridge.console.route_list import list_routes
from bridge.history.recent_hits import WINDOWS
from bridge.operator.client import segment
from bridge.operator.model.channels import ChannelTestResult
from bridge.operator.model.dead_letters import DeadLetterPage, DeadLettersChanged, SelectDeadLetters
from bridge.operator.model.status import Status
from bridge.routing import Reason


def _routes(ask: Ask) -> dict[str, object]:
    status = ask.get("/api/v1/status", Status)
    found = list_routes([] if isinstance(status, str) else status.routes, ask.backtests, ask.hits)
    return {
        "problem": status if isinstance(status, str) else "",
        "not_examined": found.not_examined,
        "started_ns": None if isinstance(status, str) else status.started_ns,
        "rows": found.rows,
        "windows": [name for name, _ in WINDOWS],
        "counted": found.counted,
        "reasons": [each.value for each in Reason if any(each.value in row.decisions for row in found.rows)],
        "more": found.more,
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
