"""The outputs that feed receivers and brokers of messages: syslog, Kafka, NATS."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from bridge.migration.falcosidekick.channel import Channel, basic, host_of, login_in
from bridge.migration.falcosidekick.settings import Settings

_MECHANISMS = {"PLAIN": "plain", "SCRAM_SHA256": "scram-sha-256", "SCRAM_SHA512": "scram-sha-512"}
_SUBJECT_TEMPLATE = "falco.<priority>.<rule>"
_FIXED = "alerts"
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


def nats(settings: Settings) -> Channel:
    """The same server. A subject does not depend on the alert."""
    return _nats(settings, "nats")


def stan(settings: Settings) -> Channel:
    """NATS Streaming has ended; JetStream is its successor, in the same servers."""
    for name in ("clusterid", "clientid"):
        settings.get(f"stan.{name}")
    channel = _nats(settings, "stan")
    note = "NATS Streaming has ended in 2023: use a server with JetStream, and create a stream for the subject"
    return Channel(channel.url.replace("&delivery=core", ""), channel.variables, (note, *channel.notes))


def _nats(settings: Settings, output: str) -> Channel:
    address = settings.get(f"{output}.hostport")
    url = urlsplit(address if "://" in address else f"nats://{address}")
    login, variables = login_in(output, url)
    template = settings.get(f"{output}.subjecttemplate", _SUBJECT_TEMPLATE)
    subject = template.replace("<priority>", _FIXED).replace("<rule>", _FIXED)
    notes = ["needs the library nats-py: the command that installs it is printed by `falco-bridge check`"]
    if output == "nats":
        notes.append("`delivery=jetstream` and a stream for the subject make the server store and acknowledge alerts")
    if subject != template:
        notes.append(
            f"the subject is {subject} for all alerts: use a route and a channel for each subject that is needed"
        )
    scheme = (
        "natss" if url.scheme in {"tls", "https"} or settings.is_set(f"{output}.mutualtls", default=False) else "nats"
    )
    query = "?format=falcosidekick&delivery=core"
    return Channel(f"{scheme}://{login}{host_of(url)}/{subject}{query}", variables, tuple(notes))


def mqtt(settings: Settings) -> Channel:
    """The same broker and topic, acknowledged."""
    get = settings.get
    address = get("mqtt.broker")
    url = urlsplit(address if "://" in address else f"tcp://{address}")
    scheme = "mqtts" if url.scheme in {"ssl", "tls", "mqtts", "tcps"} else "mqtt"
    login, variables = basic(settings, "mqtt", "user", "password")
    if not login:
        login, variables = login_in("mqtt", url)
    retain = "&retain=yes" if settings.is_set("mqtt.retained", default=False) else ""
    notes = ["needs the library paho-mqtt: the command that installs it is printed by `falco-bridge check`"]
    if get("mqtt.qos", "0") != "1":
        notes.append("`qos`: messages are acknowledged (1); `qos=0` is possible, 2 is not")
    topic = get("mqtt.topic", "falco/events").strip("/")
    return Channel(f"{scheme}://{login}{host_of(url)}/{topic}?format=falcosidekick{retain}", variables, tuple(notes))
