"""The routes with what they decided, and the channels with what waits there."""

from __future__ import annotations

from bridge.console.ask import Act, Ask, Page
from bridge.operator.client import segment
from bridge.operator.model import ChannelTestResult, DeadLetterPage, DeadLettersChanged, SelectDeadLetters, Status
from bridge.routing import Reason


def _routes(ask: Ask) -> dict[str, object]:
    status = ask.get("/api/v1/status", Status)
    if isinstance(status, str):
        return {"problem": status, "status": None, "rows": [], "reasons": []}
    reasons = [each.value for each in Reason if any(each.value in route.decisions for route in status.routes)]
    return {"problem": "", "status": status, "rows": status.routes, "reasons": reasons}


def _channels(ask: Ask) -> dict[str, object]:
    status = ask.get("/api/v1/status", Status)
    letters = ask.get("/api/v1/dead-letters?limit=50", DeadLetterPage)
    if isinstance(status, str) or isinstance(letters, str):
        return {"problem": status if isinstance(status, str) else letters, "channels": [], "letters": []}
    return {"problem": "", "channels": status.channels or [], "letters": letters.items}


def _retry(ask: Ask) -> str:
    selected = SelectDeadLetters(channel=ask.text("channel"))
    ask.client.post("/api/v1/dead-letters/retry", DeadLettersChanged, selected)
    return "/channels"


def _test(ask: Ask) -> str:
    ask.client.post(f"/api/v1/channels/{segment(ask.text('channel'))}/test", ChannelTestResult, seconds=90)
    return "/channels"


PAGES = (
    Page("/routes", "routes.html", "Routes", _routes, in_menu=True),
    Page("/channels", "channels.html", "Channels", _channels, in_menu=True),
)
ACTS = (Act("/channels/retry", _retry), Act("/channels/test", _test))
