"""The declared root of the config, and its small sections."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from bridge.channels.native.local.allowed import Allowed
from bridge.config.schema.channels import RESERVED_NAMES, ChannelSettings
from bridge.config.schema.console import ConsoleSettings
from bridge.config.schema.keys import Section, key
from bridge.config.schema.listeners import AcknowledgeSettings, AdminSettings, MetricsSettings
from bridge.config.schema.routes import RouteGroupSettings
from bridge.config.schema.sources import SourceSettings
from bridge.config.schema.values import (
    AbsolutePath,
    ChannelUrl,
    DatabaseUrl,
    Duration,
    FieldListFile,
    FilePattern,
    HeaderValue,
    Password,
    Percentage,
    PublicUrl,
    Size,
)
from bridge.journal.location import LOCAL_FILES, SCHEMES, DatabaseLocation, Location


class RetentionSettings(Section, frozen=True, kw_only=True):
    """How long, and how much, the journal stores."""

    noun: ClassVar[str] = "`retention`"
    alerts: Annotated[Duration, key("How long alerts are stored.", "90d")] = Duration.of("30d")
    deliveries: Annotated[Duration, key("How long finished deliveries are stored.", "14d")] = Duration.of("7d")
    size: Annotated[Size, key("Maximum size; above it the oldest are deleted first.", "500MB")] = Size(10**10, "10GB")


class JournalSettings(Section, frozen=True, kw_only=True):
    """The database of alerts and deliveries. A plain text is its path, or the URL of a PostgreSQL database."""

    noun: ClassVar[str] = "`journal`"
    shorthand: ClassVar[str] = "path"
    other_shorthands: ClassVar[tuple[tuple[str, str], ...]] = tuple((scheme, "url") for scheme in SCHEMES)
    one_of: ClassVar[tuple[str, ...]] = ("path", "url")
    path: Annotated[
        Path,
        key("The file. With `url`, the beginning of the names of local files.", "/var/lib/falco-bridge/journal.db",
            default=f"**required** without `url`; with it `{LOCAL_FILES}`"),
    ] = LOCAL_FILES  # fmt: skip
    url: Annotated[
        DatabaseUrl | None,
        key("A [PostgreSQL database](postgresql.md) instead of a file: a connection URI of libpq.",
            "postgresql://falco_bridge@db.example.org/falco?sslmode=verify-full", default="none"),
    ] = None  # fmt: skip
    password: Annotated[
        Password | None,
        key("Password for `url`.", "${file:/run/secrets/database-password}", default="none"),
    ] = None
    standby: Annotated[
        bool,
        key("Whether to [wait](postgresql.md#a-standby) while another bridge uses the database of `url`.", "true"),
    ] = False
    lease: Annotated[
        Duration,
        key("In a [fleet](postgresql.md#a-fleet): how long a bridge that does not answer keeps what it works on, at "
            "most `1m`.", "3s"),
    ] = Duration.of("1500ms")  # fmt: skip
    retention: Annotated[
        RetentionSettings,
        key("[How long](operations.md#retention) alerts and deliveries are stored.", "{alerts: 90d}",
            default="as below"),
    ] = RetentionSettings()  # fmt: skip

    @property
    def location(self) -> Location:
        """Where the journal is."""
        if self.url is None:
            return self.path
        password = self.password or None
        return DatabaseLocation(
            self.url, self.path, password, self.url.file, None if password is None else password.file
        )


class LogSettings(Section, frozen=True, kw_only=True):
    """How the bridge logs, on standard error."""

    noun: ClassVar[str] = "`log`"
    level: Annotated[Literal["debug", "info", "warning", "error"], key("Lowest level that is logged.", "warning")] = (
        "info"
    )
    format: Annotated[
        Literal["auto", "json", "console"],
        key("`json`, `console` for people, or `auto`: `console` on a terminal, else `json`.", "json"),
    ] = "auto"


class ShutdownSettings(Section, frozen=True, kw_only=True):
    """How the bridge stops."""

    noun: ClassVar[str] = "`shutdown`"
    drain: Annotated[Duration, key("Maximum time for reads and deliveries in flight to finish.", "10s")] = Duration.of(
        "30s"
    )


class AllowSettings(Section, frozen=True, kw_only=True):
    """What channels may use on this machine."""

    noun: ClassVar[str] = "`allow`"
    exec: Annotated[
        tuple[AbsolutePath, ...], key("Programs that `exec://` may start.", "[/usr/local/bin/page]", default="none")
    ] = ()
    files: Annotated[
        tuple[AbsolutePath, ...],
        key("Folders that `file://` may write to.", "[/var/log/falco-bridge]",
            default="the folders of the config and the journal"),
    ] = ()  # fmt: skip


class HeartbeatSettings(Section, frozen=True, kw_only=True):
    """A message at an interval while all is well. A plain text is the channel."""

    noun: ClassVar[str] = "`heartbeat`"
    shorthand: ClassVar[str] = "channel"
    channel: Annotated[
        str | None, key("The channel that receives it.", "watchdog", default="a channel `heartbeat` with `url`")
    ] = None
    url: Annotated[
        ChannelUrl | None,
        key("A channel's URL in place of `channel`.", "webhooks://hc-ping.com/${HEARTBEAT_KEY}", default="none"),
    ] = None  # fmt: skip
    every: Annotated[Duration, key("The interval, at least 10 seconds.", "5m")] = Duration.of("1m")


class TracesSettings(Section, frozen=True, kw_only=True):
    """OpenTelemetry traces of alerts. A plain text is the endpoint."""

    noun: ClassVar[str] = "`traces`"
    shorthand: ClassVar[str] = "endpoint"
    endpoint: Annotated[
        PublicUrl, key("Collector that receives OTLP/HTTP; `/v1/traces` is appended to a URL without a path.",
                       "http://otel-collector:4318"),
    ]  # fmt: skip
    headers: Annotated[
        Mapping[str, HeaderValue],
        key("Headers of every request. Their values are secrets.", "{X-Api-Key: '${file:/run/secrets/otlp}'}",
            default="none", names=r"[A-Za-z0-9][A-Za-z0-9-]*"),
    ] = {}  # msgspec copies it  # fmt: skip
    sample: Annotated[
        Percentage, key("The share of alerts that are traced, chosen by their ids.", "10%")
    ] = Percentage(1.0, "100%")  # fmt: skip


class Config(Section, frozen=True, kw_only=True):
    """A whole config."""

    noun: ClassVar[str] = "the config"
    sources: Annotated[
        tuple[SourceSettings, ...],
        key("Where alerts come from: a list.", "[{http: 127.0.0.1:2801}]",
            default="**required**, unless `roles` is without `intake`"),
    ] = ()  # fmt: skip
    channels: Annotated[
        Mapping[str, ChannelSettings],
        key("Where routes can send to: names with URLs.", "{secops: console://}", names=r"[A-Za-z0-9_][A-Za-z0-9_.-]*",
            reserved=RESERVED_NAMES),
    ]  # fmt: skip
    routes: Annotated[
        tuple[RouteGroupSettings, ...],
        key("`.route` files, in order; `*` matches any name. Or [groups of files](operations.md#teams), each apart.",
            "[common.route, teams/*.route]", single=True),
    ]  # fmt: skip
    journal: Annotated[JournalSettings, key("The database of alerts and deliveries: its path or URL, or a mapping.",
                                    "/var/lib/falco-bridge/journal.db")]  # fmt: skip
    roles: Annotated[
        tuple[Literal["intake", "memory", "courier"], ...],
        key("What this bridge does in a [fleet](postgresql.md#a-fleet) of bridges that share a database: `intake`, "
            "`memory`, `courier`. `[]` keeps all others out of the database.", "[intake, memory]",
            default="all three with a `journal` in PostgreSQL and without `standby`; else none", single=True),
    ] = ()  # fmt: skip
    labels: Annotated[
        Mapping[str, str],
        key("Labels of every alert: `label.NAME` in conditions, labels for Loki and Alertmanager.", "{cluster: eu-1}",
            default="none", names=r"[A-Za-z][A-Za-z0-9_-]*"),
    ] = {}  # msgspec copies it  # fmt: skip
    fields: Annotated[
        tuple[FieldListFile, ...],
        key("Files with the output of `falco --list -v`: fields of other plugins or newer versions, for routes.",
            "falco-fields.txt", default="none", single=True),
    ] = ()  # fmt: skip
    shadow: Annotated[
        tuple[FilePattern, ...],
        key("`.route` files that are [tried beside `routes`](trying-routes.md#shadow) and send nothing. Errors in "
            "them stop nothing.", "candidate/*.route", default="none", single=True),
    ] = ()  # fmt: skip
    log: Annotated[
        LogSettings, key("How the bridge logs, on standard error.", "{level: debug}", default="as below")
    ] = LogSettings()
    shutdown: Annotated[ShutdownSettings, key("How the bridge stops.", "{drain: 10s}", default="as below")] = (
        ShutdownSettings()
    )
    admin: Annotated[
        AdminSettings,
        key("The [operator API](operations.md#the-admin-socket): the path of its socket, or a mapping.",
            "/run/falco-bridge/admin.sock", default="as below"),
    ] = AdminSettings()  # fmt: skip
    allow: Annotated[
        AllowSettings,
        key("[What channels may use](channels.md#what-channels-may-access) on this machine.",
            "{exec: [/usr/local/bin/page]}", default="as below"),
    ] = AllowSettings()  # fmt: skip
    metrics: Annotated[
        MetricsSettings | None,
        key("The listener for [Prometheus](metrics.md): an address, or a mapping.", "127.0.0.1:9376",
            default="no metrics"),
    ] = None  # fmt: skip

    acknowledge: Annotated[
        AcknowledgeSettings | None,
        key("[Links that acknowledge](operations.md#acknowledgement-links) the incident of a message.",
            "{public_url: https://bridge.example.org, listen: 127.0.0.1:9378}", default="no links"),
    ] = None  # fmt: skip
    console: Annotated[
        ConsoleSettings | None,
        key("[Web pages](console.md) about the bridge: the address, the path of a unix socket, or a mapping.",
            "127.0.0.1:2804", default="no console"),
    ] = None  # fmt: skip
    terminal: Annotated[
        Literal["on", "off"],
        key("Whether alerts of the [terminal rules](terminal.md) become commands; `off` discards these alerts.",
            "off"),
    ] = "on"  # fmt: skip
    heartbeat: Annotated[
        HeartbeatSettings | None,
        key("A [message while all is well](operations.md#who-watches-the-bridge): the channel, or a mapping.",
            "{channel: watchdog, every: 5m}", default="none"),
    ] = None  # fmt: skip
    traces: Annotated[
        TracesSettings | None,
        key("[OpenTelemetry traces](traces.md) of alerts: the endpoint, or a mapping.",
            "http://otel-collector:4318", default="no traces"),
    ] = None  # fmt: skip

    @property
    def allowed(self) -> Allowed:
        """What channels may use, as channels take it."""
        return allowed_by(self.allow, self.journal)


def allowed_by(allow: AllowSettings, journal: JournalSettings) -> Allowed:
    """The programs and folders, and the journal that no channel may write to."""
    return Allowed(tuple(allow.exec), tuple(allow.files), journal.path)
