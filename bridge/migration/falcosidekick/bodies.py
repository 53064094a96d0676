"""The outputs that post JSON of their own, as webhooks with a body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bridge.migration.falcosidekick.channel import Channel, headers_of, http_channel
from bridge.migration.falcosidekick.settings import Settings

_OTLP_SEVERITY = {
    "emergency": 24, "alert": 22, "critical": 21, "error": 17, "warning": 13, "notice": 10, "informational": 9,
    "debug": 5,
}  # fmt: skip
"""Severity numbers of OpenTelemetry's log data model."""


def _with_body(channel: Channel, body: Any, *notes: str) -> Channel:
    return replace(channel, body=body, notes=(*channel.notes, *notes))


def dynatrace(settings: Settings) -> Channel:
    """Log records for the ingest API."""
    address = f"{settings.get('dynatrace.apiurl').rstrip('/')}/v2/logs/ingest"
    token = {
        "Authorization": (f"Api-Token {settings.get('dynatrace.apitoken')}", "`Api-Token ` and `dynatrace.apitoken`")
    }
    record = {
        "timestamp": "%time",
        "event.id": "%id",
        "event.name": "%rule",
        "event.provider": "Falco",
        "severity": "%priority",
        "host.name?": "%hostname",
        "log.source": "%source",
        "content": {"output": "%output", "output_fields": "%output_fields", "tags": "%tags"},
        "container.id?": "%container.id",
        "container.name?": "%container.name",
        "container.image.name?": "%container.image",
        "k8s.namespace.name?": "%k8s.ns.name",
        "k8s.pod.name?": "%k8s.pod.name",
        "k8s.pod.uid?": "%k8s.pod.id",
        "process.executable.name?": "%proc.name",
    }
    channel = http_channel("dynatrace", address, {}, token)
    return _with_body(channel, {"%each": record}, "tags of MITRE are not attributes of their own; they are in `tags`")


def datadog(settings: Settings) -> Channel:
    """Events. The API has one for each request."""
    address = f"{settings.get('datadog.host', 'https://api.datadoghq.com').rstrip('/')}/api/v1/events"
    key = {"DD-API-KEY": (settings.get("datadog.apikey"), "`datadog.apikey`")}
    body = {
        "title": "%rule",
        "text": "%output",
        "source_type_name": "falco",
        "alert_type": _chosen({"emergency": "error", "alert": "error", "critical": "error", "error": "error",
                               "warning": "warning"}, "info"),
        "tags": ["source:%source", "source:falco", "priority:%priority", "hostname:%hostname"],
    }  # fmt: skip
    note = "output fields and Falco's tags are no tags of the event; add those that you need to `tags` of the body"
    return _with_body(http_channel("datadog", address, {}, key), body, note)


def grafana(settings: Settings) -> Channel:
    """Annotations."""
    address = f"{settings.get('grafana.hostport').rstrip('/')}/api/annotations"
    token = {"Authorization": (f"Bearer {settings.get('grafana.apikey')}", "`Bearer ` and `grafana.apikey`")}
    places = {"dashboardId": settings.get("grafana.dashboardid"), "panelId": settings.get("grafana.panelid")}
    body = {name: int(value) for name, value in places.items() if value.isdecimal() and int(value)}
    tags = ["falco", "%priority", "%rule", "%source", "%hostname"]
    notes = []
    if settings.is_set("grafana.allfieldsastags", default=False):
        notes.append("allfieldsastags: add the fields that you need to `tags` of the body")
    channel = http_channel("grafana", address, {}, token | headers_of(settings, "grafana"))
    times = {"time": "%time.unix_ms", "timeEnd": "%time.unix_ms"}
    return _with_body(channel, {**body, **times, "tags": tags, "text": "%output"}, *notes)


def grafana_oncall(settings: Settings) -> Channel:
    """An alert of Grafana OnCall."""
    channel = http_channel(
        "grafanaoncall", settings.get("grafanaoncall.webhookurl"), {}, headers_of(settings, "grafanaoncall")
    )
    body = {"alert_uid": "%id", "state": "alerting", "title": "[%priority] %rule", "message": "%output"}
    return _with_body(channel, body)


def cloudevents(settings: Settings) -> Channel:
    """Structured mode: the attributes are in the JSON, where falcosidekick has them in headers."""
    channel = http_channel(
        "cloudevents", settings.get("cloudevents.address"), {"type": "application/cloudevents%2Bjson"}, {}
    )
    body = {
        "specversion": "1.0",
        "id": "%id",
        "source": "https://falco.org",
        "type": "falco.rule.output.v1",
        "time": "%time",
        "datacontenttype": "application/json",
        "priority": "%priority",
        "rule": "%rule",
        "eventsource": "%source",
        "hostname?": "%hostname",
        **{name: value.replace("%", "%%") for name, value in settings.mapping("cloudevents.extensions").items()},
        "data": "%falcosidekick",
    }
    return _with_body(channel, body, "attributes are in the JSON (structured mode), not in headers")


def webui(settings: Settings) -> Channel:
    """Events for falcosidekick-ui."""
    channel = http_channel("webui", settings.get("webui.url"), {}, {})
    return _with_body(channel, {"event": "%falcosidekick", "outputs": ["falco-bridge"]})


def kafkarest(settings: Settings) -> Channel:
    """Records for the REST proxy of Kafka, as embedded JSON."""
    version = "v1" if settings.get("kafkarest.version") == "1" else "v2"
    media_type = {"type": f"application/vnd.kafka.json.{version}%2Bjson"}
    channel = http_channel("kafkarest", settings.get("kafkarest.address"), media_type, {})
    note = "a record's value is the same JSON; the proxy writes it without the spaces of falcosidekick's"
    return _with_body(channel, {"records": {"%each": {"value": "%falcosidekick"}}}, note)


def sumologic(settings: Settings) -> Channel:
    """The JSON of falcosidekick, with the metadata of the source in headers."""
    names = {"X-Sumo-Category": "sourcecategory", "X-Sumo-Host": "sourcehost", "X-Sumo-Name": "name"}
    given = {header: settings.get(f"sumologic.{name}") for header, name in names.items()}
    headers = {header: (value, f"`sumologic.{names[header]}`") for header, value in given.items() if value}
    parameters = {"format": "falcosidekick", "batch": "ndjson"}
    return http_channel("sumologic", settings.get("sumologic.receiverurl"), parameters, headers)


def otlp_logs(settings: Settings) -> Channel:
    """Log records in OTLP's JSON."""
    address = settings.get("otlp.logs.endpoint")
    if "/v1/logs" not in address:
        address = f"{address.rstrip('/')}/v1/logs"
    pairs = (part.split("=", 1) for part in settings.get("otlp.logs.headers").split(",") if "=" in part)
    headers = {
        name.strip(): (value.strip(), f"header `{name.strip()}` of `otlp.logs.headers`") for name, value in pairs
    }
    for name in ("timeout", "tls"):
        settings.get(f"otlp.logs.{name}")
    settings.mapping("otlp.logs.extraenvvars")
    notes = []
    if settings.get("otlp.logs.protocol").lower() == "grpc":
        notes.append("protocol grpc: use the Collector's port for OTLP over HTTP, usually 4318")
    attributes = {"priority": "%priority", "source": "%source", "rule": "%rule", "hostname": "%hostname"}
    record = {
        "timeUnixNano": "%tolower(time.unix_ns)",
        "severityText": "%priority",
        "severityNumber": _chosen(_OTLP_SEVERITY, 9),
        "body": {"stringValue": "%output"},
        "attributes": [_attribute(name, value) for name, value in attributes.items()],
    }
    logs = {"scope": {"name": "falco"}, "logRecords": {"%each": record}}
    resource = {"attributes": [_attribute("service.name", "falco")]}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [logs]}]}
    return _with_body(http_channel("otlp.logs", address, {}, headers), body, *notes)


def _attribute(name: str, value: str) -> dict[str, object]:
    return {"key": name, "value": {"stringValue?": value}}


def _chosen(values: Mapping[str, object], otherwise: object) -> dict[str, object]:
    return {"%match": "%priority", **values, "%else": otherwise}
