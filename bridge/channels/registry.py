"""Opens the channel of a URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bridge.channels.contract import Channel, Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.native.local.allowed import NOTHING, Allowed
from bridge.channels.native.shared.address import parse_address
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import NO_EXTRAS, ChannelExtras

_FILE = "file://"
_AWS = frozenset({"s3", "sqs", "sns-topic", "kinesis", "cloudwatch-logs", "lambda"})
_GCP = frozenset({"pubsub", "gcs", "chronicle"})
_AZURE = frozenset({"eventhub"})
_BROKERS = frozenset({"kafka", "kafkas", "mqtt", "mqtts", "nats", "natss"})
_SEARCH = frozenset({"elasticsearch", "elasticsearchs", "opensearch", "opensearchs", "splunkhec", "splunkhecs"})
NATIVE = _AWS | _GCP | _AZURE | _BROKERS | _SEARCH | frozenset(
    {
        "console", "file", "exec", "webhook", "webhooks", "loki", "lokis", "alertmanager", "alertmanagers",
        "syslog+tcp", "syslog+tls", "syslog+udp",
    }
)  # fmt: skip
"""The schemes of the bridge's own channels; all others are Apprise's."""
PARAMETERS = frozenset(
    {
        "format", "batch", "secret", "cafile", "tenant", "hold", "generator", "arg", "limit",
        "facility", "app", "sd", "framing", "size", "region", "endpoint", "role", "external-id", "token", "compression",
        "style", "sse", "kms-key", "storage-class", "acl", "stream", "qualifier", "key", "key-file", "ordering",
        "log-type", "sasl", "client", "delivery", "creds", "nkey", "inbox", "handshake", "qos", "retain", "version",
        "type", "index", "names", "apikey", "source", "sourcetype", "host", "ack",
    }
)  # fmt: skip
"""Every parameter of the bridge's own channels."""
_WITH_TLS = (
    frozenset(
        {
            "webhooks", "lokis", "alertmanagers", "syslog+tls", "kafkas", "mqtts", "natss", "elasticsearchs",
            "opensearchs", "splunkhecs",
        }
    )
    | _GCP
    | _AZURE
)  # fmt: skip
"""The schemes of the bridge's own that use ``tls``."""


def is_native(url: str) -> bool:
    """Whether a channel of the bridge's own opens this URL. A text that is no URL counts as one."""
    scheme, separator, _ = url.partition("://")
    return not separator or scheme.lower() in NATIVE


def open_channel(
    name: str, url: str, labels: Mapping[str, str], allowed: Allowed = NOTHING, extras: ChannelExtras = NO_EXTRAS
) -> Channel:
    """The channel of a URL. Raises ChannelError."""
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise ChannelError("is not a URL; write SCHEME://…, for example slack://TOKEN_A/TOKEN_B/TOKEN_C")
    _check_extras(scheme.lower(), extras)
    match scheme.lower():
        case "console":
            from bridge.channels.native.local.console import ConsoleChannel

            return ConsoleChannel(name, labels)
        case "file":
            from bridge.channels.native.local.file import FileChannel

            return FileChannel(name, _file_path(url), labels, allowed)
        case "exec":
            from bridge.channels.native.local import exec as exec_channel

            return exec_channel.ExecChannel(name, parse_address(url, exec_channel.PARAMETERS), labels, allowed)
        case cloud if cloud in _AWS | _GCP | _AZURE:
            return _cloud_channel(name, url, labels, extras)
        case broker if broker in _BROKERS:
            return _broker_channel(name, url, labels, extras)
        case search if search in _SEARCH:
            return _search_channel(name, url, labels, extras)
        case native if native in NATIVE:
            return _address_channel(name, url, labels, extras)
        case _:
            return _apprise_channel(name, url, labels, extras)


def _cloud_channel(name: str, url: str, labels: Mapping[str, str], extras: ChannelExtras) -> Channel:
    scheme = url.partition("://")[0].lower()
    if scheme in _AZURE:
        from bridge.channels.native.azure.event_hub import EventHubChannel

        return EventHubChannel(name, url, labels, extras)
    if scheme in _GCP:
        from bridge.channels.native.gcp.opening import open_gcp

        return open_gcp(name, url, labels, extras)
    from bridge.channels.native.aws.opening import open_aws

    return open_aws(name, url, labels)


def _broker_channel(name: str, url: str, labels: Mapping[str, str], extras: ChannelExtras) -> Channel:
    if url.lower().startswith("nats"):
        from bridge.channels.native.nats.channel import NatsChannel

        return NatsChannel(name, url, labels, extras=extras)
    if url.lower().startswith("mqtt"):
        from bridge.channels.native.mqtt import channel as mqtt

        return mqtt.MqttChannel(name, parse_address(url, mqtt.PARAMETERS), labels, extras=extras)
    from bridge.channels.native.kafka.channel import KafkaChannel

    return KafkaChannel(name, url, labels, extras=extras)


def _search_channel(name: str, url: str, labels: Mapping[str, str], extras: ChannelExtras) -> Channel:
    if url.lower().startswith("splunkhec"):
        from bridge.channels.native.splunk import channel as splunk

        return splunk.SplunkChannel(name, parse_address(url, splunk.PARAMETERS), labels, extras=extras)
    from bridge.channels.native.elastic import channel as elastic

    return elastic.ElasticChannel(name, parse_address(url, elastic.PARAMETERS), labels, extras=extras)


def _address_channel(name: str, url: str, labels: Mapping[str, str], extras: ChannelExtras) -> Channel:
    """The channel of a URL with one host. Its scheme may have a transport: ``webhooks``, ``syslog+tls``."""
    match url.partition("://")[0].lower().partition("+")[0].removesuffix("s"):
        case "webhook":
            from bridge.channels.native import webhook

            return webhook.WebhookChannel(name, parse_address(url, webhook.PARAMETERS), labels, extras=extras)
        case "loki":
            from bridge.channels.native import loki

            return loki.LokiChannel(name, parse_address(url, loki.PARAMETERS), labels, extras=extras)
        case "alertmanager":
            from bridge.channels.native import alertmanager

            address = parse_address(url, alertmanager.PARAMETERS)
            return alertmanager.AlertmanagerChannel(name, address, labels, extras=extras)
        case scheme:
            from bridge.channels.native.syslog import channel as syslog

            assert scheme == "syslog", scheme
            return syslog.SyslogChannel(name, parse_address(url, syslog.PARAMETERS), labels, extras=extras)


def _check_extras(scheme: str, extras: ChannelExtras) -> None:
    if extras.body is not None and scheme not in {"webhook", "webhooks"}:
        raise ChannelError("has a `body`, which only webhook:// and webhooks:// use")
    if extras.tls is None or scheme in _WITH_TLS or scheme not in NATIVE:
        return
    if f"{scheme}s" in _WITH_TLS:
        raise ChannelError(f"has `tls`, but its connections are not encrypted; write {scheme}s://")
    raise ChannelError(f"has `tls`, which {scheme}:// does not use")


def _apprise_channel(name: str, url: str, labels: Mapping[str, str], extras: ChannelExtras) -> Channel:
    from bridge.channels.apprise.channel import AppriseChannel
    from bridge.channels.apprise.plugin import is_mail, make_plugin, uses_http
    from bridge.channels.apprise.urls import problem, with_native_scheme
    from bridge.channels.channel_tls import ChannelTls

    url = with_native_scheme(url)
    plugin = make_plugin(url)
    if found := problem(url, plugin, NATIVE):
        raise ChannelError(found)
    if is_mail(plugin):
        from bridge.channels.apprise.mail import MailChannel

        if extras.tls is not None:
            raise ChannelError("has `tls`, which e-mail does not use; it trusts the CAs of SSL_CERT_FILE")
        return MailChannel(name, url, plugin, labels)
    if extras.tls is not None and not uses_http(plugin):
        raise ChannelError("has `tls`, which this service does not use: it is not sent to by HTTPS")
    tls = None if extras.tls is None else ChannelTls(name, extras.tls)
    return AppriseChannel(name, url, plugin, labels, tls)


def open_channels(
    urls: Mapping[str, str], labels: Mapping[str, str], allowed: Allowed, extras: Mapping[str, ChannelExtras]
) -> dict[str, Channel]:
    """All channels, by name.

    The URLs were valid at startup. A channel that can no longer be opened, for example because its program was
    deleted, is replaced by one whose attempts all fail with the reason, and are retried.
    """
    opened: dict[str, Channel] = {}
    for name, url in urls.items():
        try:
            opened[name] = open_channel(name, url, labels, allowed, extras.get(name, NO_EXTRAS))
        except ChannelError as error:
            opened[name] = _UnusableChannel(name, str(error))
    return opened


class _UnusableChannel:
    batch_size = 1
    digest_limit = batch_size

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        self._problem = problem

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Fail with the reason."""
        del deliveries
        return Outcome(Verdict.RETRY, reason=f"the channel {self._problem}")

    def close(self) -> None:
        """Nothing to close."""


def problem_with(
    url: str,
    labels: Mapping[str, str] = MappingProxyType({}),
    allowed: Allowed = NOTHING,
    extras: ChannelExtras = NO_EXTRAS,
) -> str | None:
    """Why this URL cannot be used, or None. Never contains the URL."""
    try:
        open_channel("", url, labels, allowed, extras).close()
    except ChannelError as error:
        return str(error)
    return None


def _file_path(url: str) -> Path:
    path = url.removeprefix(_FILE)
    if not path or path.endswith("/"):
        raise ChannelError("names no file; write file://NAME.jsonl or file:///var/lib/NAME.jsonl")
    return Path(path)
