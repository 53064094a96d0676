"""URLs as a service gives them out: they reach the service, and have its message, rate and digests."""

from __future__ import annotations

import json

import pytest

from bridge.channels.apprise.plugin import make_plugin
from bridge.channels.contract import Verdict
from bridge.channels.registry import open_channel, problem_with
from bridge.delivery.options import Rate
from bridge.delivery.service_limits import MACHINES, default_options, service_of
from tests.channels.apprise.canaries import known_services
from tests.channels.deliveries import make_delivery
from tests.support.far_side import FarSide
from tests.support.services import NATIVE, FakeService

POWER = "default1234.56.environment.api.powerplatform.com"


@pytest.mark.parametrize("service", NATIVE, ids=[service.name for service in NATIVE])
def test_a_pasted_url_posts_to_its_own_address(services: FarSide, service: FakeService) -> None:
    """One request, with the query's version and signature, and the message of the service."""
    outcome = open_channel("c", service.url, {"cluster": "eu-1"}).send([make_delivery()])
    assert outcome.verdict is Verdict.DELIVERED, [each.path for each in services.requests]
    (request,) = services.requests
    path, _, query = request.path.partition("?")
    assert (request.host.split(":")[0], path) == (service.host, service.path)
    if "sig=" in service.url:
        assert "sig=EXAMPLESIGNATURE0000" in query
        assert f"api-version={'1' if 'powerautomate' in path else '2016-06-01'}" in query
    assert "Terminal shell" in json.dumps(json.loads(request.body), ensure_ascii=False)


@pytest.mark.parametrize(
    ("pasted", "written"),
    [
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "slack://a/b/c"),
        ("https://hooks.slack-gov.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "slack://a/b/c"),
        ("https://discord.com/api/webhooks/1/a", "discord://1/a"),
        ("HTTPS://DiscordApp.com/api/webhooks/1/a", "discord://1/a"),
        (
            "https://prod-01.westeurope.logic.azure.com:443/workflows/1/triggers/manual/paths/invoke?sig=a",
            "workflow://h/1/a",
        ),
        (
            f"https://{POWER}/powerautomate/automations/direct/workflows/1/triggers/manual/paths/invoke?sig=a",
            "workflows://h/1/a",
        ),
        ("https://chat.googleapis.com/v1/spaces/A/messages?key=a&token=b", "gchat://a/b/c"),
        ("https://webexapis.com/v1/webhooks/incoming/Y", "wxteams://Y"),
        ("https://ntfy.sh/topic", "ntfys://topic"),
        ("https://webhooks.t2bot.io/api/v1/matrix/hook/a", "matrixs://a"),
        ("https://api.flock.com/hooks/sendMessage/a", "flock://a"),
    ],
)
def test_a_pasted_url_has_the_defaults_of_its_service(pasted: str, written: str) -> None:
    """Rate and digests."""
    assert default_options(pasted) == default_options(written)
    assert default_options(pasted).digest_after is not None


def test_a_host_that_only_resembles_a_service_is_not_that_service() -> None:
    """Neither in the user's part, nor as a longer name."""
    for url in (
        "https://hooks.slack.com.example.com/x",
        "https://hooks.slack.com@example.com/x",
        "https://xdiscord.com/",
    ):
        assert service_of(url) == "https"


def test_every_service_with_a_limit_and_native_urls_is_recognized() -> None:
    """In each version of Apprise: by the plugins that accept native URLs and have a limit of their own here."""
    with_native = {scheme for scheme, kind in known_services().items() if "parse_native_url" in vars(kind)}
    limited = {scheme for scheme in with_native if default_options(f"{scheme}://x").rate != Rate(1, 1)}
    recognized = {service_of(each.url) for each in NATIVE} | {"matrixs"}
    assert {scheme.removesuffix("s") for scheme in limited - MACHINES} <= {
        each.removesuffix("s") for each in recognized
    }


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("smtp://mail.example.com", "write mailto:// or mailtos://"),
        ("smtps://mail.example.com", "write mailto:// or mailtos://"),
        ("telegram://hunter2", "write tgram://"),
        ("teams://hunter2", "paste the https:// URL"),
        ("discord://https://discord.com/api/webhooks/4174216298/hunter2hunter2", "paste the URL alone"),
        ("https://hooks.slack.com/services/hunter2", "is not a complete URL of Slack; paste the whole URL"),
        ("https://discord.com/api/webhooks/hunter2", "is not a complete URL of Discord"),
        (
            f"workflows://{POWER}:443/09870a09879087d987987b78/hunter2hunter2hunter2hunter2hunter2",
            "does not lead to a workflow",
        ),
        (f"https://{POWER}/other/workflows/1/triggers/manual/paths/invoke?sig=hunter2", "is not a complete URL of"),
        ("https://x.logic.azure.com/workflows/1/triggers/other/paths/invoke?sig=hunter2", "is not a complete URL of"),
    ],
)
def test_a_url_that_leads_nowhere_is_a_problem_with_a_remedy(url: str, part: str) -> None:
    """Found by ``check``; it contains no secret."""
    problem = problem_with(url)
    assert problem is not None
    assert part in problem
    assert "hunter2" not in problem


def test_a_plus_sign_stays_one(services: FarSide) -> None:
    """In names, passwords, addresses and values."""
    mail = make_plugin("mailtos://falco+alerts:pa+ss@mail.example.com?to=sec+ops@example.com&from=a+b@example.com")
    assert (mail.user, mail.password) == ("falco+alerts", "pa+ss")
    assert (mail.from_addr[1], mail.targets[0][1]) == ("a+b@example.com", "sec+ops@example.com")
    open_channel("c", "webhooks://hooks.slack.com/a+b?-q=c+d&-sp=%2Fa%20b", {}).send([make_delivery()])
    assert services.requests[-1].path == "/a+b?q=c%2Bd&sp=%2Fa%20b"


@pytest.mark.parametrize(
    ("url", "way_out"),
    [
        ("loki+https://loki.example.org", "write lokis://"),
        ("alertmanager+http://am.example.org", "write alertmanager://"),
        ("splunk-hec+https://t@splunk.example.org:8088", "splunkhecs://"),
        ("hec://t@splunk.example.org:8088", "splunkhecs://"),
        ("slakc://a/b/c", "did you mean `slack`?"),
        ("nothingatall://h", "docs/channels.md lists the native schemes"),
    ],
)
def test_an_unknown_scheme_is_reported_with_a_remedy(url: str, way_out: str) -> None:
    """Also those that other tools write with a + before the transport."""
    assert way_out in str(problem_with(url))
