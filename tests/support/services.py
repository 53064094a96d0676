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
_POWER = "default1234.56.environment.api.powerplatform.com"
_FLOW = "workflows/00000000000000000000000000000000/triggers/manual/paths/invoke"
_DIRECT = "/powerautomate/automations/direct"
_SIGNED = "sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=EXAMPLESIGNATURE0000"
NATIVE = (
    FakeService("slack", "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
            "hooks.slack.com", "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", Answer(200, b"ok")),
    FakeService("slack-trigger", "https://hooks.slack.com/triggers/T1JJ3T3L2/4321/TIiajkdnlazkcOXrIdevi7FQ",
            "hooks.slack.com", "/triggers/T1JJ3T3L2/4321/TIiajkdnlazkcOXrIdevi7FQ", Answer(200, b'{"ok":true}')),
    FakeService("discord", "https://discord.com/api/webhooks/123456789012345678/abcdefghijklmnopqrstuvwxyz0123456789",
            "discord.com", "/api/webhooks/123456789012345678/abcdefghijklmnopqrstuvwxyz0123456789",
            Answer(200, b'{"id":"1","type":0,"content":""}')),
    FakeService("teams", f"https://prod-01.westeurope.logic.azure.com:443/{_FLOW}?api-version=2016-06-01&{_SIGNED}",
            "prod-01.westeurope.logic.azure.com", f"/{_FLOW}", Answer(202, b"")),
    FakeService("teams-routed", f"https://{_POWER}:443{_DIRECT}/cu/08/{_FLOW}?api-version=1&{_SIGNED}",
            _POWER, f"{_DIRECT}/cu/08/{_FLOW}", Answer(202, b"")),
    FakeService("teams-direct", f"https://{_POWER}:443{_DIRECT}/{_FLOW}?api-version=1&{_SIGNED}",
            _POWER, f"{_DIRECT}/{_FLOW}", Answer(202, b"")),
    FakeService("teams-behind-its-scheme", f"workflows://{_POWER}:443{_DIRECT}/{_FLOW}?api-version=1&{_SIGNED}",
            _POWER, f"{_DIRECT}/{_FLOW}", Answer(202, b"")),
    FakeService("google-chat", "https://chat.googleapis.com/v1/spaces/AAAAtest/messages?key=abcdefgh&token=ijklmnop",
            "chat.googleapis.com", "/v1/spaces/AAAAtest/messages", Answer(200, b'{"name":"m"}')),
    FakeService("webex", f"https://webexapis.com/v1/webhooks/incoming/{'Y' * 80}", "api.ciscospark.com",
            f"/v1/webhooks/incoming/{'Y' * 80}", Answer(204, b"")),
    FakeService("ntfy", "https://ntfy.sh/falco-alerts", "ntfy.sh", "/", Answer(200, b'{"id":"1"}')),
)  # fmt: skip
"""URLs as the services give them out. Apprise posts to Webex's older name."""
BY_NAME = {service.name: service for service in SERVICES}
HOSTS = tuple(dict.fromkeys(service.host for service in (*SERVICES, *NATIVE)))


def success_response(request: Request) -> Answer:
    """The service's response to a success; 404 for an unknown address."""
    for service in (*SERVICES, *NATIVE):
        if request.host.split(":")[0] == service.host and request.path.split("?")[0] == service.path:
            return service.success
    return Answer(404, b"no such hook")
