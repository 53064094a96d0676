"""The services that people use, as they stand on the net: where their hooks are, and how each says yes."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.far_side import Answer, Request


@dataclass(frozen=True, slots=True)
class Service:
    """One service behind its real name."""

    name: str
    url: str
    """A channel's URL for it; ``PORT`` stands for the far side's own port where no proxy leads there."""
    host: str
    path: str
    yes: Answer


SERVICES = (
    Service("slack", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", "hooks.slack.com",
            "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", Answer(200, b"ok")),
    Service("slack-bot", "slack://xoxb-1234567890-1234567890123-abcdefghijklmnopqrstuvwx/#alerts", "slack.com",
            "/api/chat.postMessage", Answer(200, b'{"ok":true,"channel":"C1","ts":"1.2","message":{}}')),
    Service("slack-workflow", "slack://T1JJ3T3L2/A1BRTD4JD/4321/TIiajkdnlazkcOXrIdevi7FQ/?mode=workflow",
            "hooks.slack.com", "/workflows/T1JJ3T3L2/A1BRTD4JD/4321/TIiajkdnlazkcOXrIdevi7FQ", Answer(200, b'{"ok":true}')),
    Service("discord", "discord://123456789012345678/abcdefghijklmnopqrstuvwxyz0123456789", "discord.com",
            "/api/webhooks/123456789012345678/abcdefghijklmnopqrstuvwxyz0123456789",
            Answer(200, b'{"id":"1","type":0,"content":""}')),
    Service("teams", "workflows://teams.example.com:443/workflow643e19b8/AmxYsjSM1wvU-h9RkCl0PJ",
            "teams.example.com", "/workflows/workflow643e19b8/triggers/manual/paths/invoke", Answer(202, b"")),
    Service("telegram", "tgram://123456789:abcdefg_hijklmnop/12315544/", "api.telegram.org",
            "/bot123456789:abcdefg_hijklmnop/sendMessage", Answer(200, b'{"ok":true,"result":{"message_id":1}}')),
    Service("mattermost", "mmosts://chat.example.com/3ccdd113474722377935511fc85d3dd4?to=alerts", "chat.example.com",
            "/hooks/3ccdd113474722377935511fc85d3dd4", Answer(200, b"ok")),
    Service("pagerduty", f"pagerduty://{'a' * 32}@anything-will-do", "events.pagerduty.com", "/v2/enqueue",
            Answer(202, b'{"status":"success","message":"Event processed","dedup_key":"x"}')),
    Service("opsgenie", "opsgenie://a1b2c3d4-0000-4000-8000-a1b2c3d4e5f6/", "api.opsgenie.com", "/v2/alerts",
            Answer(202, b'{"result":"Request will be processed","took":0.3,"requestId":"43a29c5c"}')),
)  # fmt: skip
BY_NAME = {service.name: service for service in SERVICES}
HOSTS = tuple(service.host for service in SERVICES)


def answer_as_they_do(request: Request) -> Answer:
    """Each service's own yes; 404 to whom nobody knows."""
    for service in SERVICES:
        if request.host.split(":")[0] == service.host and request.path.split("?")[0] == service.path:
            return service.yes
    return Answer(404, b"no such hook")
