"""The outputs that feed programs: logs, metrics, queues, functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain
from urllib.parse import quote, urlsplit

from bridge.migration.falcosidekick.bodies import (
    cloudevents,
    datadog,
    dynatrace,
    grafana,
    grafana_oncall,
    kafkarest,
    otlp_logs,
    sumologic,
    webui,
)
from bridge.migration.falcosidekick.channel import (
    Channel,
    Output,
    Variable,
    basic,
    header_parameters,
    headers_of,
    host_of,
    http_channel,
    login_in,
)
from bridge.migration.falcosidekick.clouds import CLOUDS
from bridge.migration.falcosidekick.queues import kafka, mqtt, nats, stan, syslog
from bridge.migration.falcosidekick.search import elasticsearch, splunk
from bridge.migration.falcosidekick.settings import Settings

_SIDEKICK = {"format": "falcosidekick"}
_ALERTS = re.compile(r"/api/v[12]/alerts/?$")
_RABBITMQ = "Enable its MQTT plugin, send with `mqtt://`, and bind the queue to the exchange `amq.topic`."
_VECTOR = "Send to Vector or Fluent Bit with `webhook://…?batch=ndjson`, which write to it."


def _posts(output: str, address: str, *, user: str = "") -> Callable[[Settings], Channel]:
    """The JSON of falcosidekick to the address in a setting."""

    def make(settings: Settings) -> Channel:
        login = basic(settings, output, user, "password") if user else ("", ())
        at = settings.get(f"{output}.{address}")
        channel = http_channel(output, at, _SIDEKICK, headers_of(settings, output), login)
        method = settings.get(f"{output}.method", "POST").upper()
        return channel if method == "POST" else Channel(channel.url, channel.variables, (f"{method} becomes POST",))

    return make


def _n8n(settings: Settings) -> Channel:
    headers = {}
    if settings.has("n8n.headerauthname", "n8n.headerauthvalue"):
        headers[settings.get("n8n.headerauthname")] = (settings.get("n8n.headerauthvalue"), "`n8n.headerauthvalue`")
    return http_channel(
        "n8n", settings.get("n8n.address"), _SIDEKICK, headers, basic(settings, "n8n", "user", "password")
    )


def _loki(settings: Settings) -> Channel:
    address = settings.get("loki.hostport")
    url = urlsplit(address if "://" in address else f"http://{address}")
    login, variables = basic(settings, "loki", "user", "apikey")
    if not login:
        login, variables = login_in("loki", url)
    tenant = settings.get("loki.tenant")
    endpoint = settings.get("loki.endpoint", "/loki/api/v1/push")
    prefix = url.path.rstrip("/") + endpoint.removesuffix("/loki/api/v1/push")
    headers, more = header_parameters("loki", headers_of(settings, "loki"), variables)
    query = "&".join([*([f"tenant={quote(tenant, safe='')}"] if tenant else []), *headers])
    notes = []
    if settings.get("loki.extralabels"):
        notes.append("fields as labels (`extralabels`) are not needed: `| json` in LogQL reads every field of a line")
    where = f"loki{'s' * (url.scheme == 'https')}://{login}{host_of(url)}{prefix}"
    return Channel(f"{where}{'?' if query else ''}{query}", (*variables, *more), tuple(notes))


def _alertmanager(settings: Settings) -> Channel:
    labels = settings.mapping("alertmanager.extralabels").items()
    seconds = settings.get("alertmanager.expiresafter", "0")
    parts = [f"hold={seconds}s"] if seconds.isdecimal() and int(seconds) else []
    headers, secrets = header_parameters("alertmanager", headers_of(settings, "alertmanager"))
    query = "&".join([*parts, *(f":{name}={quote(value, safe='')}" for name, value in labels), *headers])
    addresses = [each.strip() for each in settings.get("alertmanager.hostport").split(",") if each.strip()]
    prefix = _ALERTS.sub("", settings.get("alertmanager.endpoint")).rstrip("/")
    urls, variables = zip(
        *(_alertmanager_url(each, prefix, query, at) for at, each in enumerate(addresses, 1)), strict=True
    )
    return Channel(urls[0], (*chain(*variables), *secrets), tuple(_alertmanager_notes(settings)), urls[1:])


def _alertmanager_notes(settings: Settings) -> Iterator[str]:
    endpoint = settings.get("alertmanager.endpoint", "/api/v2/alerts")
    if not _ALERTS.search(endpoint):
        yield f"endpoint: the bridge posts to {endpoint.rstrip('/')}/api/v2/alerts"
    if settings.mapping("alertmanager.customseveritymap"):
        yield "`customseveritymap`: give routes `severity`"
    if settings.mapping("alertmanager.extraannotations"):
        yield "`extraannotations`: every output field is an annotation; write further texts in `message` of the route"


def _alertmanager_url(address: str, prefix: str, query: str, number: int) -> tuple[str, tuple[Variable, ...]]:
    url = urlsplit(address if "://" in address else f"http://{address}")
    login, variables = login_in("alertmanager" if number == 1 else f"alertmanager_{number}", url)
    secure = "s" * (url.scheme == "https")
    where = f"{login}{host_of(url)}{url.path.rstrip('/')}{prefix}"
    return f"alertmanager{secure}://{where}{'?' if query else ''}{query}", variables


def _openobserve(settings: Settings) -> Channel:
    base = settings.get("openobserve.hostport").rstrip("/")
    organization = settings.get("openobserve.organizationname", "default")
    address = f"{base}/api/{organization}/{settings.get('openobserve.streamname', 'falco')}/_json"
    login = basic(settings, "openobserve", "username", "password")
    return http_channel("openobserve", address, {"batch": "array"}, headers_of(settings, "openobserve"), login)


def _quickwit(settings: Settings) -> Channel:
    endpoint = settings.get("quickwit.apiendpoint", "api/v1").strip("/")
    base = (
        f"{settings.get('quickwit.hostport').rstrip('/')}/{endpoint}/{settings.get('quickwit.index', 'falco')}/ingest"
    )
    channel = http_channel("quickwit", base, {"batch": "ndjson"}, headers_of(settings, "quickwit"))
    return Channel(channel.url, channel.variables, ("create the index first",))


def _zincsearch(settings: Settings) -> Channel:
    address = f"{settings.get('zincsearch.hostport').rstrip('/')}/api/{settings.get('zincsearch.index', 'falco')}/_doc"
    return http_channel("zincsearch", address, {}, {}, basic(settings, "zincsearch", "username", "password"))


def _datadog_logs(settings: Settings) -> Channel:
    host = settings.get("datadoglogs.host", "https://http-intake.logs.datadoghq.com/").rstrip("/")
    service = settings.get("datadoglogs.service")
    query = {"batch": "array", "-ddsource": "falco"} | ({"-service": quote(service, safe="")} if service else {})
    key = {"DD-API-KEY": (settings.get("datadoglogs.apikey"), "`datadoglogs.apikey`")}
    return http_channel("datadoglogs", f"{host}/api/v2/logs", query, key)


def _cloud_run(settings: Settings) -> Channel:
    token = {"Authorization": (f"Bearer {settings.get('gcp.cloudrun.jwt')}", "`Bearer ` and `gcp.cloudrun.jwt`")}
    return http_channel("gcp.cloudrun", settings.get("gcp.cloudrun.endpoint"), _SIDEKICK, token)


def _openfaas(settings: Settings) -> Channel:
    get = settings.get
    gateway = f"{get('openfaas.gatewayservice', 'gateway')}.{get('openfaas.gatewaynamespace', 'openfaas')}"
    function = f"{get('openfaas.functionname')}.{get('openfaas.functionnamespace', 'openfaas-fn')}"
    return http_channel(
        "openfaas", f"http://{gateway}:{get('openfaas.gatewayport', '8080')}/function/{function}", _SIDEKICK, {}
    )


def _fission(settings: Settings) -> Channel:
    get = settings.get
    router = f"{get('fission.routerservice', 'router')}.{get('fission.routernamespace', 'fission')}"
    port = get("fission.routerport", "80")
    return http_channel("fission", f"http://{router}:{port}/fission-function/{get('fission.function')}", _SIDEKICK, {})


def _kubeless(settings: Settings) -> Channel:
    get = settings.get
    where = f"{get('kubeless.function')}.{get('kubeless.namespace')}.svc.cluster.local:{get('kubeless.port', '8080')}"
    return http_channel("kubeless", f"http://{where}", _SIDEKICK, {})


LOGS = (
    Output("loki", ("hostport",), _loki, others=("user", "apikey", "tenant", "endpoint", "extralabels", "format")),
    Output("elasticsearch", ("hostport",), elasticsearch, others=(
        "index", "type", "suffix", "pipeline", "username", "password", "apikey", "flattenfields", "createindextemplate",
        "numberofshards", "numberofreplicas", "enablecompression", "maxconcurrentrequests",
    )),
    Output("quickwit", ("hostport",), _quickwit, others=("apiendpoint", "index", "version", "autocreateindex")),
    Output("openobserve", ("hostport",), _openobserve,
           others=("organizationname", "streamname", "username", "password")),
    Output("zincsearch", ("hostport",), _zincsearch, others=("index", "username", "password")),
    Output("datadoglogs", ("apikey",), _datadog_logs, others=("host", "service")),
    Output("splunk", ("host", "token"), splunk),
    Output("sumologic", ("receiverurl",), sumologic, others=("sourcecategory", "sourcehost", "name")),
    Output("grafanaoncall", ("webhookurl",), grafana_oncall),
    Output("alertmanager", ("hostport",), _alertmanager,
           others=(
        "endpoint", "expiresafter", "extralabels", "extraannotations", "customseveritymap", "dropeventthresholds",
        "dropeventdefaultpriority",
    )),
    Output("logstash", ("address",), instead="Give Logstash an `http` input, and send to it with `webhook://`."),
    Output("syslog", ("host", "port"), syslog, others=("protocol", "format")),
    Output("dynatrace", ("apitoken", "apiurl"), dynatrace),
    Output("spyderbat", ("orguid", "apikey"), instead=_VECTOR),
    Output("datadog", ("apikey",), datadog, others=("host",)),
    Output("grafana", ("hostport", "apikey"), grafana, others=("dashboardid", "panelid", "allfieldsastags")),
    Output("otlp.logs", ("endpoint",), otlp_logs, others=(
        "protocol", "headers", "timeout", "tls", "synced", "extraenvvars",
    )),
)  # fmt: skip
"""Logs and alerts of other systems."""
FUNCTIONS = (
    Output("webhook", ("address",), _posts("webhook", "address"), others=("method",)),
    Output("nodered", ("address",), _posts("nodered", "address", user="user"), others=("user", "password")),
    Output("n8n", ("address",), _n8n, others=("user", "password", "headerauthname", "headerauthvalue")),
    Output("talon", ("address",), _posts("talon", "address")),
    Output("tekton", ("eventlistener",), _posts("tekton", "eventlistener")),
    Output("openfaas", ("functionname",), _openfaas,
           others=("functionnamespace", "gatewayservice", "gatewayport", "gatewaynamespace", "kubeconfig")),
    Output("fission", ("function",), _fission, others=(
        "routernamespace", "routerservice", "routerport", "functionnamespace", "kubeconfig",
    )),
    Output("kubeless", ("function", "namespace"), _kubeless, others=("port", "kubeconfig")),
    Output("gcp.cloudrun", ("endpoint", "jwt"), _cloud_run),
    Output("cloudevents", ("address",), cloudevents, others=("extensions",)),
    Output("gcp.cloudfunctions", ("name",), instead="Give the function an HTTP trigger, and send to it with `webhooks://`."),
    Output("webui", ("url",), webui),
    Output("policyreport", ("enabled",), instead="There are no PolicyReports. Search with `falco-bridge history`."),
)  # fmt: skip
"""Programs that act on alerts."""
QUEUES = (
    Output("kafkarest", ("address",), kafkarest, others=("version",)),
    Output("kafka", ("hostport", "topic"), kafka, others=(
        "sasl", "tls", "username", "password", "async", "requiredacks", "compression", "balancer", "clientid",
        "topiccreation",
    )),
    Output("nats", ("hostport",), nats, others=("subjecttemplate",)),
    Output("stan", ("hostport", "clusterid", "clientid"), stan, others=("subjecttemplate",)),
    Output("mqtt", ("broker",), mqtt, others=("topic", "qos", "retained", "user", "password")),
    Output("rabbitmq", ("url", "queue"), instead=_RABBITMQ),
    *(Output(name, enabled, instead=_VECTOR) for name, enabled in (
        ("redis", ("address",)), ("timescaledb", ("host",)),
        ("influxdb", ("hostport",)),
    )),
)  # fmt: skip
"""Queues, buckets and databases."""
METRICS = tuple(
    Output(name, enabled, instead="Scrape the bridge's `/metrics`: `metrics: 127.0.0.1:9376` in its config.")
    for name, enabled in (
        ("prometheus", ("extralabels",)),
        ("statsd", ("forwarder",)), ("dogstatsd", ("forwarder",)),
        ("wavefront", ("endpointtype", "endpointhost")), ("otlp.metrics", ("endpoint",)),
    )
)  # fmt: skip
"""Metrics, which the bridge does not push."""
TRACES = (
    Output(
        "otlp.traces",
        ("endpoint",),
        instead="Use `traces` in the config, or `falco-bridge show ID`. Their spans differ from falcosidekick's.",
    ),
)
MACHINES = (*LOGS, *FUNCTIONS, *QUEUES, *CLOUDS, *METRICS, *TRACES)
