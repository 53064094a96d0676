"""The plain form by Apprise's own plugins: other services' mentions stay text there too, within their limits."""

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
from tests.channels.hostile import CORPUS, WORD, readable, strings, unseen
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
    "ntfy": "ntfys://ntfy.example.com/alerts",
    "gotify": "gotifys://gotify.example.com/AbCdEf123456789",
    "flock": f"flock://{'a' * 24}",
    "dingtalk": f"dingtalk://{'a' * 32}",
    "wecom": f"wecombot://{TOKEN}",
}
HOSTS = (
    "chat.googleapis.com", "api.ciscospark.com", "webexapis.com", "open.larksuite.com", "acme.zulipchat.com",
    "media.guilded.gg", "chat.example.com", "ntfy.example.com", "gotify.example.com", "api.flock.com",
    "oapi.dingtalk.com", "qyapi.weixin.qq.com",
)  # fmt: skip
CALLS = re.compile(r"@\*\*|@\w|<users/|<at\b|<@|<!\w|<https?:")
"""What one or another of them takes for a mention or for a link under another name."""
YES = Answer(200, b'{"ok":true,"result":"success","success":true,"errcode":0,"code":0,"StatusCode":0,"id":"1"}')


@pytest.fixture(scope="module")
def any_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FarSide, str, str]]:
    authority = make_authority(tmp_path_factory.mktemp("plain"))
    pair = authority.issue("plain", HOSTS)
    with FarSide(lambda _: YES, pair).serving() as server, connect_proxy(server.port) as proxy:
        yield server, proxy, str(authority.certificate)


@pytest.fixture
def services(any_service: tuple[FarSide, str, str], probed: None, monkeypatch: pytest.MonkeyPatch) -> FarSide:
    server, proxy, authority = any_service
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority)
    server.requests.clear()
    return server


def body_of(request: Request) -> object:
    """A request's content: JSON, or a form's values."""
    text = request.body.decode("utf-8")
    try:
        return json.loads(text)
    except ValueError:
        return [unquote_plus(part.partition("=")[2]) for part in text.split("&")]


@pytest.mark.parametrize("name", URLS)
def test_a_service_without_a_form_of_its_own_gets_the_plain_one(services: FarSide, name: str) -> None:
    """Headline, place, command and a number among the fields, as far as its limit goes."""
    outcome = open_channel("c", URLS[name], {"cluster": "eu-1"}).send([make_delivery()])
    assert outcome.verdict is Verdict.DELIVERED, outcome
    told = readable(body_of(services.requests[-1]))
    for part in ("[CRITICAL] Terminal shell", "eu-1 · payments on node-1 · rm -rf /", "20072", "route x"):
        assert part in told, part


@pytest.mark.parametrize("attack", CORPUS)
@pytest.mark.parametrize("name", URLS)
def test_what_attackers_write_calls_nobody(services: FarSide, name: str, attack: str) -> None:
    """Mentions of every service's kind are parted; nothing invisible; the word arrives."""
    value = f"{CORPUS[attack][:40_000]} <users/all> @**all** <@all>"
    alert = Alert("c0ffee", 1, Priority.WARNING, value, "syscall", value, (value,), value, {"proc.cmdline": value})
    notification = Notification("c", ("route",), Priority.CRITICAL, "%proc.cmdline", "%output")
    outcome = open_channel("c", URLS[name], {}).send([Delivery(1, alert, notification, 0, 1)])
    assert outcome.verdict is Verdict.DELIVERED, outcome
    told = [text for text in strings(body_of(services.requests[-1])) if WORD in text]
    assert told
    assert [found for text in told for found in CALLS.findall(text)] == []
    assert not [found for text in told for found in unseen(text.replace("\r\n", "\n"))]
    assert len(services.requests[-1].body) < 256 * 1024
    assert "filename=" not in services.requests[-1].path  # what ntfy makes of a long message


def test_a_machine_gets_text_as_it_is(probed: None) -> None:
    """No joiner where nobody is called: programs compare."""
    with FarSide().serving() as server:
        channel = open_channel("c", f"json://127.0.0.1:{server.port}/", {})
        assert channel.send([make_delivery(output="mail root@example.com <b>")]).verdict is Verdict.DELIVERED
    assert "mail root@example.com <b>" in json.loads(server.requests[0].body)["message"]
