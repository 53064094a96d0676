"""The outputs that feed services of AWS, Google Cloud, Azure and Yandex Cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote, urlsplit

from bridge.migration.falcosidekick.channel import Channel, Output, Variable, secret
from bridge.migration.falcosidekick.settings import Settings

_OBJECTS = "up to 1000 alerts are one object, compressed, with a key such as PREFIX/2026/03/04/…jsonl.gz"
_REGION = "the region of AWS, which falcosidekick took from its environment"
_KEYS = ("accesskeyid", "secretaccesskey")
_YANDEX = "ru-central1"


def _channel(
    settings: Settings, scheme: str, place: str, parameters: Mapping[str, str], notes: tuple[str, ...] = ()
) -> Channel:
    """A channel with the login and the role of ``aws``."""
    login, variables = _login(settings, "aws")
    query = dict(parameters)
    if region := settings.get("aws.region"):
        query["region"] = region
    elif "arn:aws" not in place and ".amazonaws.com" not in place:
        query["region"] = "${AWS_REGION}"
        variables += (Variable("AWS_REGION", "", _REGION),)
    if _assumes_role(settings):
        query["role"] = settings.get("aws.rolearn")
        query |= {"external-id": external} if (external := settings.get("aws.externalid")) else {}
    return Channel(_url(scheme, login, place, query), variables, notes)


def _assumes_role(settings: Settings) -> bool:
    """Whether the role is to be assumed. The chart only annotates its service account, whose pod then has the role."""
    by_chart = settings.is_set("aws.useirsa", default=not settings.has("aws.accesskeyid"))
    return settings.has("aws.rolearn") and not by_chart


def identity_notes(settings: Settings) -> Iterator[str]:
    """What the service account of the bridge needs, because that of falcosidekick had it."""
    if settings.has("aws.rolearn") and not _assumes_role(settings):
        yield (
            f"aws.rolearn: annotate the bridge's service account with `eks.amazonaws.com/role-arn: "
            f"{settings.get('aws.rolearn')}`; to assume it instead, add `role=` to the channels"
        )
    if account := settings.get("gcp.workloadidentityserviceaccount"):
        yield (
            "gcp.workloadIdentityServiceAccount: annotate the bridge's service account with "
            f"`iam.gke.io/gcp-service-account: {account}`"
        )
    if client := settings.get("azure.workloadidentityclientid"):
        yield (
            "azure.workloadIdentityClientID: annotate the bridge's service account with "
            f"`azure.workload.identity/client-id: {client}`, and label its pods with "
            '`azure.workload.identity/use: "true"`'
        )


def _login(settings: Settings, cloud: str) -> tuple[str, tuple[Variable, ...]]:
    """``KEY_ID:SECRET_KEY@`` with variables, and the variables; empty for the default credentials."""
    if not settings.has(*(f"{cloud}.{each}" for each in _KEYS)):
        return "", ()
    key_id, secret_key = (secret(f"{cloud}.{each}", settings.get(f"{cloud}.{each}")) for each in _KEYS)
    return f"${{{key_id.name}}}:${{{secret_key.name}}}@", (key_id, secret_key)


def _url(scheme: str, login: str, place: str, parameters: Mapping[str, str]) -> str:
    """The values of parameters are encoded, except references to variables."""
    query = "&".join(
        f"{name}={value if value.startswith('${') else quote(value, safe=':/')}" for name, value in parameters.items()
    )
    return f"{scheme}://{login}{place}{'?' if query else ''}{query}"


def _s3(settings: Settings) -> Channel:
    parameters = {"format": "falcosidekick"}
    for name, setting in (("endpoint", "aws.s3.endpoint"), ("acl", "aws.s3.objectcannedacl")):
        if value := settings.get(setting):
            parameters[name] = value
    return _channel(settings, "s3", _bucket(settings, "aws.s3", "falco"), parameters, (_OBJECTS,))


def _bucket(settings: Settings, output: str, prefix: str = "") -> str:
    within = settings.get(f"{output}.prefix", prefix).strip("/")
    return settings.get(f"{output}.bucket") + (f"/{quote(within)}" if within else "")


def _sqs(settings: Settings) -> Channel:
    url = urlsplit(settings.get("aws.sqs.url"))
    parameters = {"format": "falcosidekick"}
    if not url.netloc.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        parameters["endpoint"] = f"{url.scheme}://{url.netloc}"
    return _channel(settings, "sqs", f"{url.netloc}{url.path}", parameters)


def _sns(settings: Settings) -> Channel:
    raw = settings.is_set("aws.sns.rawjson", default=False)
    notes = (
        () if raw else ("the text has more than Falco's output; the attributes are rule, source, priority, severity",)
    )
    form = {"format": "falcosidekick" if raw else "text"}
    return _channel(settings, "sns-topic", settings.get("aws.sns.topicarn"), form, notes)


def _kinesis(settings: Settings) -> Channel:
    form = {"format": "falcosidekick"}
    return _channel(settings, "kinesis", settings.get("aws.kinesis.streamname"), form)


def _cloudwatch_logs(settings: Settings) -> Channel:
    stream = settings.get("aws.cloudwatchlogs.logstream", "falcosidekick-logstream")
    group = quote(settings.get("aws.cloudwatchlogs.loggroup"))
    return _channel(settings, "cloudwatch-logs", group, {"format": "falcosidekick", "stream": stream})


def _lambda(settings: Settings) -> Channel:
    waits = settings.get("aws.lambda.invocationtype", "RequestResponse") == "RequestResponse"
    settings.get("aws.lambda.logtype")
    notes = ("the function is invoked asynchronously",) if waits else ()
    return _channel(settings, "lambda", settings.get("aws.lambda.functionname"), {"format": "falcosidekick"}, notes)


def _google(
    settings: Settings, scheme: str, place: str, parameters: Mapping[str, str], notes: tuple[str, ...] = ()
) -> Channel:
    """A channel with the key of ``gcp.credentials``."""
    query, variables = dict(parameters), tuple[Variable, ...]()
    if key := settings.get("gcp.credentials"):
        variable = secret("gcp.credentials", key)
        query, variables = query | {"key": f"${{{variable.name}}}"}, (variable,)
    return Channel(_url(scheme, "", place, query), variables, notes)


def _pubsub(settings: Settings) -> Channel:
    place = f"{settings.get('gcp.pubsub.projectid')}/{settings.get('gcp.pubsub.topic')}"
    attributes = settings.mapping("gcp.pubsub.customattributes")
    named = {f":{name}": value for name, value in attributes.items() if name.isidentifier() and name.isascii()}
    notes = () if len(named) == len(attributes) else ("an attribute has other characters than letters, digits and _",)
    return _google(settings, "pubsub", place, {"format": "falcosidekick", **named}, notes)


def _chronicle(settings: Settings) -> Channel:
    place = f"{settings.get('gcp.chronicle.projectid')}/{settings.get('gcp.chronicle.instanceid')}"
    parameters = {
        "format": "falcosidekick",
        "region": settings.get("gcp.chronicle.region", "us"),
        "log-type": settings.get("gcp.chronicle.logtype", "FALCO_IDS"),
    }
    return _google(settings, "chronicle", place, parameters)


def _storage(settings: Settings) -> Channel:
    form = {"format": "falcosidekick"}
    return _google(settings, "gcs", _bucket(settings, "gcp.storage"), form, (_OBJECTS,))


def _yandex(scheme: str, output: str, endpoint: str) -> Callable[[Settings], Channel]:
    def make(settings: Settings) -> Channel:
        login, variables = _login(settings, "yandex")
        parameters = {
            "format": "falcosidekick",
            "endpoint": settings.get(f"{output}.endpoint", endpoint),
            "region": settings.get("yandex.region", _YANDEX),
        }
        if scheme == "s3":
            return Channel(_url(scheme, login, _bucket(settings, output, "falco"), parameters), variables, (_OBJECTS,))
        return Channel(_url(scheme, login, settings.get(f"{output}.streamname"), parameters), variables)

    return make


def _event_hub(settings: Settings) -> Channel:
    host = settings.get("azure.eventhub.namespace")
    host = host if "." in host else f"{host}.servicebus.windows.net"
    return Channel(_url("eventhub", "", f"{host}/{settings.get('azure.eventhub.name')}", {"format": "falcosidekick"}))


OF_CLOUDS = frozenset({
    "aws.accesskeyid", "aws.secretaccesskey", "aws.region", "aws.rolearn", "aws.externalid", "aws.useirsa",
    "gcp.credentials", "yandex.accesskeyid", "yandex.secretaccesskey", "yandex.region",
})  # fmt: skip
"""Settings of all outputs of a cloud."""
CLOUDS = (
    Output("aws.s3", ("bucket",), _s3, others=("prefix", "endpoint", "objectcannedacl")),
    Output("aws.sqs", ("url",), _sqs),
    Output("aws.sns", ("topicarn",), _sns, others=("rawjson",)),
    Output("aws.kinesis", ("streamname",), _kinesis),
    Output("aws.cloudwatchlogs", ("loggroup",), _cloudwatch_logs, others=("logstream",)),
    Output("aws.lambda", ("functionname",), _lambda, others=("invocationtype", "logtype")),
    Output(
        "aws.securitylake", ("bucket",),
        instead="Write JSON with `s3://`, and let a Glue job convert it to the Parquet of Security Lake.",
    ),
    Output("gcp.pubsub", ("projectid", "topic"), _pubsub, others=("customattributes",)),
    Output("gcp.chronicle", ("projectid", "instanceid"), _chronicle, others=("region", "logtype")),
    Output("gcp.storage", ("bucket",), _storage, others=("prefix",)),
    Output("azure.eventhub", ("name",), _event_hub, others=("namespace",)),
    Output("yandex.s3", ("bucket",), _yandex("s3", "yandex.s3", "https://storage.yandexcloud.net"),
           others=("prefix", "endpoint")),
    Output("yandex.datastreams", ("streamname",),
           _yandex("kinesis", "yandex.datastreams", "https://yds.serverless.yandexcloud.net"), others=("endpoint",)),
)  # fmt: skip
"""Services of clouds that the bridge has channels for, and Security Lake."""
