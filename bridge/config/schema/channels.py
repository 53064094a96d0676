"""The declared keys of a channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from msgspec import UNSET, UnsetType

from bridge.common.secret import Secret, revealed
from bridge.config.schema.keys import Section, key
from bridge.config.schema.values import BodyTemplate, ChannelUrl, Duration, Passphrase, PemFile
from bridge.delivery.extras import LITERAL, ChannelExtras, ClientTls
from bridge.delivery.options import ChannelOptions, Rate
from bridge.delivery.service_limits import TAKE_ACKNOWLEDGEMENTS

RESERVED_NAMES = frozenset({"to", "when", "severity", "title", "message", "drop", "stop"})
"""Words of the language that cannot name a channel."""


class ChannelTlsSettings(Section, frozen=True, kw_only=True):
    """Certificates for the TLS connections of a channel. Files that are replaced are read again."""

    noun: ClassVar[str] = "`tls`"
    ca: Annotated[
        PemFile | None,
        key("PEM file with the certificates that are trusted.", "ca.crt", default="those of the environment"),
    ] = None
    cert: Annotated[
        PemFile | None, key("PEM file with the channel's client certificate.", "tls.crt", default="none")
    ] = None
    key: Annotated[
        PemFile | None,
        key("PEM file with the private key of the certificate.", "tls.key", default="the file of `cert`"),
    ] = None
    passphrase: Annotated[
        Passphrase | None,
        key("Passphrase of the private key.", "${file:/run/secrets/tls-passphrase}", default="none"),
    ] = None  # fmt: skip

    def as_client_tls(self) -> ClientTls:
        """As channels take it."""
        ca, cert, key = (str(each or "") for each in (self.ca, self.cert, self.key))
        return ClientTls(ca, cert, key, revealed(self.passphrase))


class ChannelSettings(Section, frozen=True, kw_only=True):
    """Where notifications go. A plain text is the URL."""

    noun: ClassVar[str] = "a channel"
    shorthand: ClassVar[str] = "url"
    url: Annotated[ChannelUrl, key("The channel's URL.", "slack://${file:/run/secrets/slack}")]
    rate: Annotated[
        Rate | UnsetType | None,
        key("Maximum rate of messages, or `unlimited`.", "5 per 2s", default="the service's own limit",
            none="unlimited"),
    ] = UNSET  # fmt: skip
    burst: Annotated[
        int | UnsetType,
        key("Messages that may be sent at once after a pause.", "10", default="`1`, or the service's own limit",
            least=1, most=1_000_000),
    ] = UNSET  # fmt: skip
    concurrency: Annotated[
        int | UnsetType,
        key("Maximum number of requests in flight. Messages of one incident are sent one at a time.", "8",
            default="`1` to `16`, by kind of channel", least=1, most=64),
    ] = UNSET  # fmt: skip
    ordered: Annotated[
        bool, key("Send the messages of each route one at a time, in the order of their alerts.", "true")
    ] = False
    resolved: Annotated[
        bool,
        key("Notify it also when an incident of which it was notified ends. PagerDuty, Opsgenie and Alertmanager are "
            "always notified.", "true"),
    ] = False  # fmt: skip
    fallback: Annotated[
        str | None, key("Channel that receives the health alerts of this one.", "mail", default="none")
    ] = None
    notify_after: Annotated[Duration, key("Outage duration before `fallback` is notified.", "5m")] = Duration.of("1m")
    give_up_after: Annotated[Duration, key("Age at which an undelivered delivery becomes a dead letter.", "3d")] = (
        Duration.of("24h")
    )
    digest_after: Annotated[
        int | UnsetType | None,
        key("Number of waiting deliveries above which digests are sent, or `never`.", "20",
            default="`50` for services that people read, else `never`", none="never", least=1, most=1_000_000),
    ] = UNSET  # fmt: skip
    attempt_timeout: Annotated[Duration, key("Maximum duration of an attempt, at most 1h.", "10s")] = Duration.of("60s")

    tls: Annotated[
        ChannelTlsSettings | None,
        key("[Certificates](channels.md#client-certificates) for its TLS connections.",
            "{ca: ca.crt, cert: tls.crt, key: tls.key}", default="those of the environment"),
    ] = None  # fmt: skip

    body: Annotated[
        BodyTemplate | None,
        key("JSON that a `webhook` posts, [with values of the alert](channels.md#a-body-of-your-own).",
            '{text: "%title", fields: "%output_fields"}', default="that of `format`"),
    ] = None  # fmt: skip

    def extras(self) -> ChannelExtras:
        """What the channel needs besides its URL."""
        return ChannelExtras(None if self.tls is None else self.tls.as_client_tls(), _json_body(self.body))

    @property
    def scheme(self) -> str:
        """The scheme of its URL."""
        return self.url.reveal().partition("://")[0]

    def options(self) -> ChannelOptions:
        """What the courier needs besides the URL. The defaults must be filled in."""
        assert not isinstance(self.rate, UnsetType)
        assert not isinstance(self.digest_after, UnsetType)
        assert not isinstance(self.concurrency, UnsetType)
        return ChannelOptions(
            rate=self.rate,
            concurrency=self.concurrency,
            fallback=self.fallback,
            give_up_after=self.give_up_after.seconds,
            digest_after=self.digest_after,
            notify_after=self.notify_after.seconds,
            attempt_timeout=self.attempt_timeout.seconds,
            incidents_apart=self.scheme.lower() in TAKE_ACKNOWLEDGEMENTS,
        )


def _json_body(value: Any) -> Any:
    """A body as channels take it: secrets as texts that are sent as they are."""
    match value:
        case Secret():
            return {LITERAL: value.reveal()}
        case Mapping():
            return {name: _json_body(each) for name, each in value.items()}
        case tuple():
            return [_json_body(each) for each in value]
    return value
