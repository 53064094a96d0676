"""The outputs that feed receivers and brokers of messages: syslog, Kafka, NATS."""

from __future__ import annotations

from bridge.migration.falcosidekick.channel import Channel
from bridge.migration.falcosidekick.settings import Settings


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
