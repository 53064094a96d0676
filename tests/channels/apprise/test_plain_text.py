"""The plain text form through Apprise's plugins: no mentions, within the limits of the services."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

import pytest

from bridge.alert import Alert, Priority
from bridge.channels.contract import Verdict
from bridge.channels.registry import open_channel
from bridge.delivery import Delivery
from bridge.routing import Notification
from tests.channels.deliveries import make_delivery
from tests.channels.hostile import CORPUS, WORD, invisible_characters, readable, strings
from tests.support.certificates import make_authority
from tests.support.far_side import Answer, FarSide, Request, connect_proxy

TOKEN = "abcdef01-1111-2222-3333-444444444444"
URLS = {
    "googlechat": "gchat://workspace/key/token",
    "webex": f"webex://{'a' * 80}",
    "lark": f"lark://{TOKEN}",
    "zulip": f"zulip://bot@acme/{'a' * 32}/alerts",
    "guilded": f"guilded://{TOKEN}/{'a' * 84}",
    "rocketchat": "rockets://web/hooktoken@chat.example.com/#alerts",
    "gotify": "gotifys://gotify.example.com/AbCdEf123456789",
    "flock": f"flock://{'a' * 24}",
    "dingtalk": f"dingtalk://{'a' * 32}",
    "wecom": f"wecombot://{TOKEN}",
}
HOSTS = (
    "chat.googleapis.com", "api.ciscospark.com", "webexapis.com", "open.larksuite.com", "acme.zulipchat.com",
    "media.guilded.gg", "chat.example.com", "gotify.example.com", "api.flock.com",
    "oapi.dingtalk.com", "qyapi.weixin.qq.com",
)  # fmt: skip
MENTIONS = re.compile(r"@\*\*|@\w|<users/|<at\b|<@|<!\w|<https?:")
"""What one of these services reads as a mention or as a named link."""
SUCCESS = Answer(200, b'{"ok":true,"result":"success","success":true,"errcode":0,"code":0,"StatusCode":0,"id":"1"}')


@pytest.fixture(scope="module")
def any_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FarSide, str, str]]:
    authority = make_authority(tmp_path_factory.mktemp("plain"))
    pair = authority.issue("plain", HOSTS)
    with FarSide(lambda _: SUCCESS, pair).serving() as server, connect_proxy(server.port) as proxy:
        yield server, proxy, str(authority.certificate)


@pytest.fixture
def services(any_service: tuple[FarSide, str, str], intercepted: None, monkeypatch: pytest.MonkeyPatch) -> FarSide:
    server, proxy, authority = any_service
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority)
    server.requests.clear()
    return server


def body_of(request: Request) -> object:
    """The body of a request: JSON, or the values of a form."""
    text = request.body.decode("utf-8")
    try:
        return json.loads(text)
    except ValueError:
        return [unquote_plus(part.partition("=")[2]) for part in text.split("&")]


@pytest.mark.parametrize("name", URLS)
def test_a_service_without_its_own_form_gets_plain_text(services: FarSide, name: str) -> None:
    """Headline, place, command and a number of the fields, within its limit."""
    outcome = open_channel("c", URLS[name], {"cluster": "eu-1"}).send([make_delivery()])
    assert outcome.verdict is Verdict.DELIVERED, outcome
    text = readable(body_of(services.requests[-1]))
    for part in ("[CRITICAL] Terminal shell", "rm -rf / · eu-1 · payments on node-1", "20072", "route x"):
        assert part in text, part


@pytest.mark.parametrize("attack", CORPUS)
@pytest.mark.parametrize("name", URLS)
def test_hostile_text_contains_no_mentions(services: FarSide, name: str, attack: str) -> None:
    """Mentions of all these services are escaped; nothing is invisible; the text arrives."""
    value = f"{CORPUS[attack][:40_000]} <users/all> @**all** <@all>"
    alert = Alert("c0ffee", 1, Priority.WARNING, value, "syscall", value, (value,), value, {"proc.cmdline": value})
    notification = Notification("c", ("route",), Priority.CRITICAL, "%proc.cmdline", "%output")
    outcome = open_channel("c", URLS[name], {}).send([Delivery(1, alert, notification, 0, 1)])
    assert outcome.verdict is Verdict.DELIVERED, outcome
    texts = [text for text in strings(body_of(services.requests[-1])) if WORD in text]
    assert texts
    assert [found for text in texts for found in MENTIONS.findall(text)] == []
    assert not [found for text in texts for found in invisible_characters(text.replace("\r\n", "\n"))]
    assert len(services.requests[-1].body) < 256 * 1024


def test_a_program_gets_unescaped_text(intercepted: None) -> None:
    """No word joiners: programs compare text."""
    with FarSide().serving() as server:
        channel = open_channel("c", f"json://127.0.0.1:{server.port}/", {})
        assert channel.send([make_delivery(output="mail root@example.com <b>")]).verdict is Verdict.DELIVERED
    assert "mail root@example.com <b>" in json.loads(server.requests[0].body)["message"]
