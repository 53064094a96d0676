"""falcosidekick's search engines, client certificates, and the outputs that post JSON of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from bridge.channels.native.webhook import WebhookChannel
from bridge.channels.registry import open_channel
from bridge.delivery import Delivery
from bridge.delivery.extras import ChannelExtras
from bridge.migration.falcosidekick.settings import read_settings
from bridge.migration.falcosidekick.translate import KNOWN, translate
from tests.channels.deliveries import TIME, TIME_NS, make_delivery
from tests.migration.test_falcosidekick import problems
from tests.support.certificates import make_authority


def channels_of(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(translate(read_settings(text, KNOWN)).config)["channels"]
    return found


def test_elasticsearch_keeps_its_documents_and_indexes() -> None:
    """Login or API key, index by day, month or year, pipeline, headers, and the names of its fields."""
    base = "elasticsearch: {hostport: 'https://es.example.com:9200/es', index: falco, suffix: SUFFIX"
    by_suffix = {
        suffix: channels_of(base.replace("SUFFIX", suffix) + "}")["elasticsearch"]
        for suffix in ("daily", "monthly", "annually", "none")
    }
    where = "elasticsearchs://es.example.com:9200/es?index=falco"
    rest = "&format=falcosidekick&names=dotted"
    assert by_suffix == {
        "daily": f"{where}-YYYY.MM.DD{rest}", "monthly": f"{where}-YYYY.MM{rest}", "annually": f"{where}-YYYY{rest}",
        "none": where + rest,
    }  # fmt: skip
    more = ", apikey: c2VjcmV0, flattenfields: true, pipeline: geo ip, customheaders: {X-Tenant: a b}}"
    assert channels_of(base.replace("SUFFIX", "none") + more)["elasticsearch"] == (
        f"{where}&format=falcosidekick&apikey=${{ELASTICSEARCH_APIKEY}}&-pipeline=geo%20ip"
        "&+X-Tenant=${ELASTICSEARCH_X_TENANT}"
    )
    login = base.replace("SUFFIX", "none") + ", username: elastic, password: 'p@ss'}"
    assert "//${ELASTICSEARCH_USERNAME}:${ELASTICSEARCH_PASSWORD}@es" in channels_of(login)["elasticsearch"]


def test_splunk_keeps_the_collector() -> None:
    """Its address may be that of an endpoint."""
    for path in ("", "/services/collector/event"):
        text = f"splunk: {{host: 'https://splunk.example.com:8088{path}', token: t0k3n}}"
        assert channels_of(text)["splunk"] == (
            f"splunkhecs://${{SPLUNK_TOKEN}}@splunk.example.com:8088{path}?format=falcosidekick&sourcetype=falcosidekick"
        )


def test_client_certificates_are_those_of_the_outputs(tmp_path: Path) -> None:
    """A folder or three files, as falcosidekick reads them; and the result passes ``check``."""
    authority = make_authority(tmp_path)
    authority.issue("client")
    outputs = (
        "loki: {hostport: 'https://loki:3100', mutualtls: true}\n"
        "alertmanager: {hostport: 'https://am-1:9093,https://am-2:9093', mutualtls: true}\n"
        "webhook: {address: 'https://hooks.example.com/x', mutualtls: true}\n"
        "elasticsearch: {hostport: 'https://es:9200', mutualtls: true}\n"
        "nodered: {address: 'http://nodered:1880/x', mutualtls: true}\n"
        "quickwit: {hostport: 'https://quickwit:7280', checkcert: false}\n"
    )
    translation = translate(read_settings(f"mutualtlsfilespath: {tmp_path}\n{outputs}", KNOWN))
    channels = yaml.safe_load(translation.config)["channels"]
    tls = {"ca": f"{tmp_path}/ca.crt", "cert": f"{tmp_path}/client.crt", "key": f"{tmp_path}/client.key"}
    with_tls = ("loki", "alertmanager", "alertmanager-2", "webhook", "elasticsearch")
    assert {name: channels[name]["tls"] for name in with_tls} == dict.fromkeys(with_tls, tls)
    assert isinstance(channels["nodered"], str)
    assert isinstance(channels["quickwit"], str)
    said = "\n".join(translation.differences)
    assert "nodered: mutualtls: the channel's connections are not encrypted" in said
    assert "quickwit: checkcert: certificates are always verified; trust its CA with `tls: {ca: FILE}`" in said
    assert problems(translation, tmp_path) == []
    files = "mutualtlsclient: {certfile: /c.pem, keyfile: /k.pem, cacertfile: /ca.pem}\n"
    assert channels_of(files + outputs)["loki"]["tls"] == {"ca": "/ca.pem", "cert": "/c.pem", "key": "/k.pem"}


FIELDS = {"evt.time": TIME_NS, "k8s.ns.name": "payments", "proc.cmdline": "rm -rf /", "proc.vpid": 20072}
ALERT_ID = make_delivery().alert.id
EXPECTED: dict[str, Any] = {
    "grafanaoncall": {
        "alert_uid": ALERT_ID, "state": "alerting", "title": "[Warning] Terminal shell", "message": "shell in a pod",
    },
    "grafana": {
        "dashboardId": 7, "time": TIME_NS // 10**6, "timeEnd": TIME_NS // 10**6, "text": "shell in a pod",
        "tags": ["falco", "Warning", "Terminal shell", "syscall", "node-1"],
    },
    "datadog": {
        "title": "Terminal shell", "text": "shell in a pod", "source_type_name": "falco", "alert_type": "warning",
        "tags": ["source:syscall", "source:falco", "priority:Warning", "hostname:node-1"],
    },
    "dynatrace": [{
        "timestamp": TIME, "event.id": ALERT_ID, "event.name": "Terminal shell", "event.provider": "Falco",
        "severity": "Warning", "host.name": "node-1", "log.source": "syscall", "k8s.namespace.name": "payments",
        "content": {"output": "shell in a pod", "output_fields": FIELDS, "tags": ["shell"]},
    }],
    "cloudevents": {
        "specversion": "1.0", "id": ALERT_ID, "source": "https://falco.org", "type": "falco.rule.output.v1",
        "time": TIME, "datacontenttype": "application/json", "priority": "Warning", "rule": "Terminal shell",
        "eventsource": "syscall", "hostname": "node-1", "team": "100%",
    },
    "otlp-logs": {"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "falco"}}]},
        "scopeLogs": [{"scope": {"name": "falco"}, "logRecords": [{
            "timeUnixNano": str(TIME_NS), "severityText": "Warning", "severityNumber": 13,
            "body": {"stringValue": "shell in a pod"},
            "attributes": [
                {"key": "priority", "value": {"stringValue": "Warning"}},
                {"key": "source", "value": {"stringValue": "syscall"}},
                {"key": "rule", "value": {"stringValue": "Terminal shell"}},
                {"key": "hostname", "value": {"stringValue": "node-1"}},
            ],
        }]}],
    }]},
}  # fmt: skip
"""What each service expects of one alert; members without a value are left out."""


def test_outputs_with_json_of_their_own_post_the_same() -> None:
    """As falcosidekick does, with the token in a header from a variable."""
    channels = channels_of(
        "grafanaoncall: {webhookurl: 'https://oncall.example.com/x'}\n"
        "grafana: {hostport: 'http://grafana:3000', apikey: k, dashboardid: 7}\n"
        "datadog: {apikey: k}\ndynatrace: {apitoken: t, apiurl: 'https://x.live.dynatrace.com/api'}\n"
        "cloudevents: {address: 'http://broker.example.com', extensions: {team: 100%}}\n"
        "otlp: {logs: {endpoint: 'http://collector:4318', headers: 'x-a=b'}}\n"
    )
    assert channels["dynatrace"]["url"].startswith("webhooks://x.live.dynatrace.com/api/v2/logs/ingest?+Authorization=")
    assert channels["otlp-logs"]["url"] == "webhook://collector:4318/v1/logs?+x-a=${OTLP_LOGS_X_A}"
    posted = {name: posted_by(channel["body"], make_delivery()) for name, channel in channels.items()}
    assert posted["cloudevents"].pop("data")["uuid"]
    assert posted == EXPECTED


def test_a_superscript_digit_is_no_number() -> None:
    """Although Python takes it for a digit."""
    channels = channels_of(
        "grafana: {hostport: 'http://grafana:3000', apikey: k, dashboardid: '\u00b2'}\n"
        "alertmanager: {hostport: 'http://am:9093', expiresafter: '\u00b2'}\n"
    )
    assert "dashboardId" not in channels["grafana"]["body"]
    assert "hold=" not in str(channels["alertmanager"])


def test_receivers_of_falcosidekicks_json_get_it() -> None:
    """falcosidekick-ui and Kafka's REST proxy in an envelope, Sumo Logic with its metadata."""
    channels = channels_of(
        "webui: {url: 'http://ui:2802'}\nkafkarest: {address: 'http://rest:8082/topics/falco'}\n"
        "sumologic: {receiverURL: 'https://collectors.sumologic.com/receiver/v1/http/ZaVnC4dhaV1234567890',"
        " sourceCategory: prod/falco}\n"
    )
    event = posted_by(channels["webui"]["body"], make_delivery())
    assert (event["outputs"], event["event"]["rule"]) == (["falco-bridge"], "Terminal shell")
    assert channels["kafkarest"]["url"].endswith("/topics/falco?type=application/vnd.kafka.json.v2%2Bjson")
    assert posted_by(channels["kafkarest"]["body"], make_delivery()) == {"records": [{"value": event["event"]}]}
    assert channels["sumologic"].endswith(
        "?format=falcosidekick&batch=ndjson&+X-Sumo-Category=${SUMOLOGIC_X_SUMO_CATEGORY}"
    )


def posted_by(body: Any, each: Delivery) -> Any:
    """The JSON that a webhook with this body posts."""
    channel = open_channel("c", "webhook://h/", {}, extras=ChannelExtras(body=body))
    assert isinstance(channel, WebhookChannel)
    return json.loads(channel.request([each])[0])
