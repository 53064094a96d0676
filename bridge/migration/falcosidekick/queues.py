"""The outputs that feed receivers and brokers of messages: syslog, Kafka, NATS."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.migration.falcosidekick.channel import Channel, basic
from bridge.migration.falcosidekick.settings import Settings

_MECHANISMS = {"PLAIN": "plain", "SCRAM_SHA256": "scram-sha-256", "SCRAM_SHA512": "scram-sha-512"}
_COMPRESSIONS = frozenset({"gzip", "snappy", "lz4", "zstd"})


def syslog(settings: Settings) -> Channel:
    """Falcosidekick writes the older format (RFC 3164) and has no TLS."""
    host, port = settings.get("syslog.host"), settings.get("syslog.port")
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    transport = "udp" if settings.get("syslog.protocol", "tcp").lower() == "udp" else "tcp"
    form = "cef" if settings.get("syslog.format", "json").lower() == "cef" else "falcosidekick"
    framing = "&framing=newline" if transport == "tcp" else ""
    notes = (
        "messages have the form of RFC 5424, with structured data",
        "facility kern becomes user",
        "syslog+tls:// encrypts" if transport == "tcp" else "UDP loses messages without a notice; use syslog+tcp://",
    )
    return Channel(f"syslog+{transport}://{host}:{port}?format={form}{framing}", (), notes)


def kafka(settings: Settings) -> Channel:
    """The same brokers, topic, login and compression; messages are acknowledged by all replicas in sync."""
    get = settings.get
    scheme = "kafkas" if settings.is_set("kafka.tls", default=False) else "kafka"
    hosts = ",".join(each.strip() for each in get("kafka.hostport").split(","))
    mechanism = get("kafka.sasl").upper()
    login, variables = ("", ()) if not mechanism else basic(settings, "kafka", "username", "password")
    client, compression = get("kafka.clientid"), get("kafka.compression").lower()
    query = {
        "format": "falcosidekick",
        "sasl": _MECHANISMS.get(mechanism, "") if login else "",
        "compression": compression if compression in _COMPRESSIONS else "",
        "client": client,
    }
    rest = "&".join(f"{name}={value}" for name, value in query.items() if value)
    return Channel(f"{scheme}://{login}{hosts}/{get('kafka.topic')}?{rest}", variables, tuple(_kafka_notes(settings)))


def _kafka_notes(settings: Settings) -> Iterator[str]:
    yield "needs the library confluent-kafka: the command that installs it is printed by `falco-bridge check`"
    yield "messages have the incident or the alert as key, so those of an incident are in one partition"
    if settings.get("kafka.requiredacks").upper() != "ALL" or settings.is_set("kafka.async", default=False):
        yield "`requiredacks` and `async`: every message is acknowledged by all replicas in sync"
    if settings.get("kafka.balancer"):
        yield "`balancer`: the partition is chosen by the key, as Java's clients do (murmur2)"
    if settings.is_set("kafka.topiccreation", default=False):
        yield "`topiccreation`: create the topic, or let the brokers do it (auto.create.topics.enable)"
