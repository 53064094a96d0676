"""The known services: a channel URL, the address that it posts to, and the response to a success."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.far_side import Answer, Request


@dataclass(frozen=True, slots=True)
class FakeService:
    """One service, reached through its real host name."""

    name: str
    url: str
    """The channel's URL."""
    host: str
    path: str
    success: Answer


SERVICES = (
    FakeService("slack", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", "hooks.slack.com",
            "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", Answer(200, b"ok")),
    FakeService("slack-bot", "slack://xoxb-1234567890-1234567890123-abcdefghijklmnopqrstuvwx/#alerts", "slack.com",
            "/api/chat.postMessage", Answer(200, b'{"ok":true,"channel":"C1","ts":"1.2","message":{}}')),
    FakeService("slack-workflow", "slack://T1JJ3T3L2/A1BRTD4JD/4321/TIiajkdnlazkcOXrIdevi7FQ/?mode=workflow",
            "hooks.slack.com", "/workflows/T1JJ3T3L2/A1BRTD4JD/4321/TIiajkdnlazkcOXrIdevi7FQ", Answer(200, b'{"ok":true}')),
    FakeService("discord", "discord://123456789012345678/abcdefghijklmnopqrstuvwxyz0123456789", "discord.com",
            "/api/webhooks/123456789012345678/abcdefghijklmnopqrstuvwxyz0123456789",
            Answer(200, b'{"id":"1","type":0,"content":""}')),
    FakeService("teams", "workflows://teams.example.com:443/workflow643e19b8/AmxYsjSM1wvU-h9RkCl0PJ",
            "teams.example.com", "/workflows/workflow643e19b8/triggers/manual/paths/invoke", Answer(202, b"")),
    FakeService("telegram", "tgram://123456789:abcdefg_hijklmnop/12315544/", "api.telegram.org",
            "/bot123456789:abcdefg_hijklmnop/sendMessage", Answer(200, b'{"ok":true,"result":{"message_id":1}}')),
    FakeService("mattermost", "mmosts://chat.example.com/3ccdd113474722377935511fc85d3dd4?to=alerts", "chat.example.com",
            "/hooks/3ccdd113474722377935511fc85d3dd4", Answer(200, b"ok")),
    FakeService("pagerduty", f"pagerduty://{'a' * 32}@anything-will-do", "events.pagerduty.com", "/v2/enqueue",
            Answer(202, b'{"status":"success","message":"Event processed","dedup_key":"x"}')),
    FakeService("opsgenie", "opsgenie://a1b2c3d4-0000-4000-8000-a1b2c3d4e5f6/", "api.opsgenie.com", "/v2/alerts",
            Answer(202, b'{"result":"Request will be processed","took":0.3,"requestId":"43a29c5c"}')),
)  # fmt: skip
BY_NAME = {service.name: service for service in SERVICES}
HOSTS = tuple(service.host for service in SERVICES)


def success_response(request: Request) -> Answer:
    """The service's response to a success; 404 for an unknown address."""
    for service in SERVICES:
        if request.host.split(":")[0] == service.host and request.path.split("?")[0] == service.path:
            return service.success
    return Answer(404, b"no such hook")
