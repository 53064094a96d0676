"""The service behind a channel's URL, and the rate limit that it documents: the defaults of a channel's options."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping

from bridge.delivery.options import ChannelOptions, Rate
from bridge.routing.incident_channels import IncidentChannels

DIGEST_AFTER = 50
"""People do not read more waiting messages than this one by one."""

_CHAT = Rate(1, 1)
"""One message a second, for services that people read and that document no limit."""
_LIMITS: Mapping[str, Rate] = {
    # Posting messages is one a second, short bursts of more are allowed (docs.slack.dev/apis/web-api/rate-limits)
    "slack": Rate(1, 1, 3),
    # 5 requests per 2 seconds and webhook (birdie0.github.io/discord-webhooks-guide/other/rate_limits.html)
    "discord": Rate(5, 2),
    # 1 message a second to a chat, 20 a minute to a group (core.telegram.org/bots/faq, "My bot is hitting limits"); a
    # bridge mostly writes to a group; a chat with one person may set `rate: 1/s`
    "tgram": Rate(20, 60, 5),
    # 120 events a minute and integration key (community.pagerduty.com, "Monitoring API rate limiting")
    "pagerduty": Rate(120, 60, 10),
    # A token bucket whose size depends on plan and users (docs.opsgenie.com/docs/api-rate-limiting); this is our choice
    "opsgenie": Rate(60, 60, 10),
    # "Maximum of 4 requests per second, per app against a specific team or channel" (Microsoft Graph throttling limits)
    "workflows": Rate(4, 1),
    "workflow": Rate(4, 1),
    # RateLimitSettings.PerSec 10 (docs.mattermost.com, rate limiting configuration); lower, because people read it
    "mmost": Rate(5, 1, 10),
    "mmosts": Rate(5, 1, 10),
    # "Message rate limit: 30 messages per minute" (learn.microsoft.com, Exchange Online limits); others are as strict
    "mailto": Rate(30, 60, 10),
    "mailtos": Rate(30, 60, 10),
    # rc_message: per_second 0.2, burst_count 10 (Synapse's configuration manual)
    "matrix": Rate(1, 5, 10),
    "matrixs": Rate(1, 5, 10),
    # visitor-request-limit-burst 60, then one every 5 s (docs.ntfy.sh/config/#rate-limiting)
    "ntfy": Rate(1, 5, 60),
    "ntfys": Rate(1, 5, 60),
    # An object a second, of up to 1000 alerts: each request costs, and small objects are slow to search; our choice
    "s3": Rate(1, 1, 10),
    "gcs": Rate(1, 1, 10),
    # 300 messages a second in the smallest regions, ten a request (docs.aws.amazon.com/general/latest/gr/sns.html)
    "sns-topic": Rate(30, 1, 30),
    # 1000 functions run at the same time in an account, and the bridge must not need them all; our choice
    "lambda": Rate(50, 1, 50),
}
TAKE_ACKNOWLEDGEMENTS = frozenset({"pagerduty", "opsgenie"})
"""Schemes of services that are notified when an incident is acknowledged."""
KNOW_INCIDENTS = TAKE_ACKNOWLEDGEMENTS | {"alertmanager", "alertmanagers"}
"""Schemes of services that are notified when an incident is resolved."""
MACHINES = frozenset(
    {
        "alertmanager", "alertmanagers", "amqp", "amqps", "apprise", "apprises", "chronicle", "cloudwatch-logs",
        "console", "elasticsearch", "elasticsearchs", "eventhub", "exec", "file", "form", "forms", "gcs", "json",
        "jsons", "kafka", "kafkas", "kinesis", "lambda", "loki", "lokis", "mqtt", "mqtts", "nats", "natss",
        "opensearch", "opensearchs", "pubsub", "rsyslog", "s3", "sns-topic", "splunkhec", "splunkhecs", "sqs",
        "syslog", "syslog+tcp", "syslog+tls", "syslog+udp", "webhook", "webhooks", "xml", "xmls",
    }
)  # fmt: skip
"""Schemes that programs read: no digests, and no default limit but those of ``_LIMITS``."""

_MOST_IN_FLIGHT = 16
_IN_FLIGHT = {
    "console": 1, "file": 1, "exec": 2, "alertmanager": 2, "alertmanagers": 2, "loki": 2, "lokis": 2, "syslog+tcp": 1,
    "syslog+tls": 1, "syslog+udp": 1, "kafka": 1, "kafkas": 1, "mqtt": 1, "mqtts": 1, "nats": 1, "natss": 1,
    "elasticsearch": 2, "elasticsearchs": 2, "opensearch": 2, "opensearchs": 2, "splunkhec": 4, "splunkhecs": 4,
}  # fmt: skip
"""Files, the console, syslog, topics and subjects are written in order; a program is a process each; the others take
hundreds in one request."""
_SECONDS_A_SEND = 2.0
"""How long a service that people read may take for a message, and still be used as often as its rate allows."""
_HTTP = frozenset({"http", "https"})
_NATIVE = (
    ("slack", r"hooks\.slack(?:-gov)?\.com"),
    ("discord", r"discord(?:app)?\.com"),
    ("workflows", r"[\w.-]+\.(?:logic\.azure\.[a-z]{2,12}|(?:power|apps)platform(?:\.[a-z0-9-]{2,24}){1,3})"),
    ("gchat", r"chat\.googleapis\.com"),
    ("webex", r"api\.ciscospark\.com|webexapis\.com"),
    ("ntfys", r"ntfy\.sh"),
    ("matrixs", r"webhooks\.t2bot\.io"),
)
"""The hosts of URLs that a service gives out, by the scheme of the service in Apprise."""
_HOSTS = re.compile("|".join(f"(?P<{scheme}>{host})" for scheme, host in _NATIVE), re.IGNORECASE)
_HOST = re.compile(r"https?://(?:[^/?#@]*@)?([^/?#:@]*)", re.IGNORECASE)


def service_of(url: str) -> str:
    """The scheme of the URL's service: also ``slack`` for ``https://hooks.slack.com/…``. ``https`` if it is unknown."""
    scheme = url.partition("://")[0].lower()
    if scheme not in _HTTP:
        return scheme
    host = _HOST.match(url)
    found = _HOSTS.fullmatch(host[1]) if host is not None else None
    return scheme if found is None or found.lastgroup is None else found.lastgroup


def incident_channels(schemes: Mapping[str, str], resolved: Collection[str] = ()) -> IncidentChannels:
    """What channels receive of incidents, from their schemes by name. ``resolved`` asked to be notified of an end."""
    return IncidentChannels(
        frozenset(name for name, scheme in schemes.items() if scheme in KNOW_INCIDENTS),
        frozenset(name for name, scheme in schemes.items() if scheme in TAKE_ACKNOWLEDGEMENTS),
        frozenset(resolved),
    )


def default_options(url: str) -> ChannelOptions:
    """The options of a channel with that URL where its config sets none.

    An unknown ``https://`` URL can only be one that Apprise knows, of a service that people read.
    """
    service = service_of(url)
    if service in MACHINES:
        rate = _LIMITS.get(service)
        return ChannelOptions(rate=rate, concurrency=default_concurrency(url, rate))
    rate = _LIMITS.get(service, _CHAT)
    return ChannelOptions(rate=rate, concurrency=default_concurrency(url, rate), digest_after=DIGEST_AFTER)


def default_concurrency(url: str, rate: Rate | None) -> int:
    """How many sends of a channel with that rate may be in flight where its config does not say it."""
    most = _IN_FLIGHT.get(service_of(url), _MOST_IN_FLIGHT)
    if rate is None:
        return most
    return min(most, max(2, math.ceil(rate.per_second * _SECONDS_A_SEND)))
