"""Configs of falcosidekick: every output, every form of the file, and what is written is valid and has no secret."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bridge.config.load import load_config, route_files
from bridge.daemon.checks.channel_check import check_channels
from bridge.language.checker.scope import Known
from bridge.migration.falcosidekick.channel import Output
from bridge.migration.falcosidekick.settings import Settings, UnreadableConfigError, read_settings
from bridge.migration.falcosidekick.texts import route_text
from bridge.migration.falcosidekick.translate import KNOWN, OUTPUTS, Translation, translate
from bridge.workbench.routes import load_routes

SECRETS = {
    "slack.webhookurl": "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    "teams.webhookurl": "https://default1234.56.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/"
    "00000000000000000000000000000000/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=EXAMPLESIGNATURE0000",
    "discord.webhookurl": "https://discord.com/api/webhooks/123456789012345678/AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
    "googlechat.webhookurl": "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=k0123456&token=t0123456",
    "webex.webhookurl": "https://webexapis.com/v1/webhooks/incoming/" + "a" * 80,
    "mattermost.webhookurl": "https://mm.example.com/hooks/abcdefghijklmnopqrstuvwxyz",
    "rocketchat.webhookurl": "https://rc.example.com/hooks/abcdef/ghijkl",
    "smtp.password": "p@ss/w:rd",
    "opsgenie.apikey": "a1b2c3d4-0000-4000-8000-a1b2c3d4e5f6",
    "pagerduty.routingkey": "abcdefabcdefabcdefabcdefabcdefab",
    "telegram.token": "123456789:abcdefgHIJKLMNOPQRSTUVWXYZabcdefghi",
    "gotify.token": "AxYz0123456",
    "loki.apikey": "glc_x/y+z==",
    "openobserve.password": "0pen#bserve",
    "zincsearch.password": "z1nc#search",
    "datadoglogs.apikey": "dd0123456789",
    "dynatrace.apitoken": "dt0c01.ST2EY72KQINMH574WMNVI7YN.G3DFPBEJYMODIDAEX454M7YWBUVEFOWKPRVMWFASS64NFH52",
    "datadog.apikey": "dd-events-0123456789",
    "grafana.apikey": "glsa_HOruNAb7SOiCdshU8algkrq7FDsNSLAa",
    "elasticsearch.password": "e1astic#pass",
    "splunk.token": "b0221cd8-c4b4-465a-9a3c-273e3a75aa29",
    "n8n.headerauthvalue": "n8n secret",
    "gcp.cloudrun.jwt": "eyJhbGciOi.eyJzdWIi.SflKxw",
    "aws.secretaccesskey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "yandex.secretaccesskey": "YCPl/ubcBqYRcExampleSecret0123456789",
    "gcp.credentials": base64.b64encode(
        json.dumps(
            dict.fromkeys(("client_email", "private_key", "token_uri"), "?") | {"type": "service_account"}
        ).encode()
    ).decode(),
}
PLAIN = {
    "smtp.hostport": "mail.example.com:587",
    "smtp.from": "falco@example.com",
    "smtp.to": "a@example.com, b@example.com",
    "smtp.user": "falco",
    "telegram.chatid": "-1001234567890",
    "loki.user": "12345",
    "loki.tenant": "team-a",
    "openobserve.username": "root@example.com",
    "zincsearch.username": "admin",
    "elasticsearch.username": "elastic",
    "n8n.headerauthname": "X-Auth",
    "kubeless.namespace": "kubeless",
    "aws.accesskeyid": "AKIAIOSFODNN7EXAMPLE",
    "kafka.hostport": "kafka-1:9092, kafka-2:9092",
    "kafka.topic": "falco",
    "kafka.username": "falco",
    "aws.region": "eu-west-1",
    "aws.rolearn": "arn:aws:iam::123456789012:role/falco",
    "aws.externalid": "tenant-7",
    "aws.s3.bucket": "falco-alerts",
    "aws.s3.objectcannedacl": "bucket-owner-full-control",
    "aws.sqs.url": "https://sqs.eu-west-1.amazonaws.com/123456789012/falco",
    "aws.kinesis.streamname": "falco",
    "aws.cloudwatchlogs.loggroup": "/falco/alerts",
    "aws.lambda.functionname": "falco",
    "gcp.pubsub.projectid": "acme-prod",
    "gcp.pubsub.topic": "falco",
    "gcp.chronicle.projectid": "acme-prod",
    "gcp.chronicle.instanceid": "01234567-89ab-cdef-0123-456789abcdef",
    "gcp.chronicle.region": "europe-west3",
    "gcp.storage.bucket": "falco-alerts",
    "gcp.storage.prefix": "prod",
    "azure.eventhub.name": "falco",
    "azure.eventhub.namespace": "acme.servicebus.windows.net",
    "yandex.accesskeyid": "YCAJEexample0123456789",
    "yandex.s3.bucket": "falco-alerts",
    "yandex.datastreams.streamname": "/ru-central1/b1gexample/etnexample/falco",
    "syslog.host": "logs.example.com",
    "syslog.port": "514",
    "policyreport.enabled": "true",
    "aws.sns.topicarn": "arn:aws:sns:eu-west-1:123456789012:falco",
}
VALUES = SECRETS | PLAIN


def settings_of(output: Output) -> Settings:
    """Settings that enable the output."""
    cloud = output.name.partition(".")[0]
    own = {
        path: value
        for path, value in VALUES.items()
        if path.startswith(f"{output.name}.") or (path.startswith(f"{cloud}.") and path.count(".") == 1)
    }
    names = (f"{output.name}.{each}" for each in output.enabled)
    return Settings(dict.fromkeys(names, "http://host.example.com:8080") | own)


def written(translation: Translation, folder: Path) -> Path:
    (folder / "falcosidekick.route").write_text(translation.routes, encoding="utf-8")
    config = folder / "falco-bridge.yaml"
    config.write_text(translation.config, encoding="utf-8")
    return config


def problems(translation: Translation, folder: Path) -> list[str]:
    """What ``check`` finds in the config and the routes, with the variables set."""
    environ = {each.name: each.value for each in translation.variables}
    loaded = load_config(written(translation, folder), environ)
    found = [*loaded.diagnostics, *check_channels(loaded)]
    if loaded.config is not None:
        known = Known(frozenset(loaded.config.channels), frozenset(loaded.config.labels))
        found += load_routes(route_files(loaded.config.routes), known).checked.diagnostics
    return [each.message for each in found]


WITH_A_CHANNEL = [output for output in OUTPUTS if output.make is not None]


@pytest.mark.parametrize("output", WITH_A_CHANNEL, ids=lambda output: output.name)
def test_an_output_becomes_a_valid_channel_without_secrets(output: Output, tmp_path: Path) -> None:
    """With a route that sends to it, and each secret as a variable."""
    translation = translate(settings_of(output))
    assert translation.channels == (output.name.replace(".", "-"),)
    assert problems(translation, tmp_path) == []
    text = translation.config + translation.routes
    secrets = [value for path, value in SECRETS.items() if path.startswith(f"{output.name}.")]
    assert not [each for each in secrets if each in text or each.rsplit("/", 1)[-1] in text]
    assert all(f"${{{each.name}}}" in text for each in translation.variables)


@pytest.mark.parametrize("output", [each for each in OUTPUTS if each.make is None], ids=lambda output: output.name)
def test_an_output_without_equivalent_says_what_to_do(output: Output) -> None:
    """A sentence, and no channel."""
    translation = translate(settings_of(output))
    assert translation.channels == ()
    assert [
        each
        for each in translation.differences
        if each.startswith(f"{output.name}: no channel. ") and each.endswith(".")
    ]


def test_every_output_is_known() -> None:
    """The number of outputs in falcosidekick as of August 2026, each once."""
    assert len(OUTPUTS) == len({output.name for output in OUTPUTS}) == 71


CONFIG = """
listenport: 2802
customfields: {cluster: eu-1, environment: "%ENVIRONMENT", "bad key": x}
templatedfields: {a: "{{ x }}"}
slack: {webhookurl: "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", minimumpriority: warning,
  messageformat: 'rule *{{ .Rule }}* by {{ index .OutputFields "user.name" }}', icon: "https://x/y.png"}
alertmanager: {hostport: ["http://am-1:9093", "http://am-2:9093"], extralabels: "team:sec", minimumpriority: nonsense, checkcert: false}
influxdb: {hostport: "http://influxdb:8086"}
nosuch: {a: b}
"""


def test_a_whole_config(tmp_path: Path) -> None:
    """Priorities, texts, labels and several addresses; and all that is different is said."""
    translation = translate(read_settings(CONFIG, KNOWN))
    config = yaml.safe_load(translation.config)
    assert config["sources"][0]["http"] == "0.0.0.0:2802"
    assert config["labels"] == {"cluster": "eu-1", "environment": "${ENVIRONMENT}"}
    assert config["channels"]["alertmanager-2"] == "alertmanager://am-2:9093?:team=sec"
    assert (
        'when      priority >= warning\n  to        slack\n  message   "rule *%rule* by %user.name"'
        in translation.routes
    )
    assert "to        alertmanager, alertmanager-2" in translation.routes
    said = "\n".join(translation.differences)
    for words in (
        "templatedfields",
        "'bad key'",
        "slack: icon: not used",
        "'nonsense' is no priority",
        "checkcert",
        "influxdb: no channel",
        "nosuch",
    ):
        assert words in said


@pytest.mark.parametrize(
    "text",
    [
        "slack:\n  webhookurl: {url}\n  minimumpriority: error\n",
        "config:\n  slack:\n    webhookurl: {url}\n    minimumpriority: error\nreplicaCount: 2\n",
        "falcosidekick:\n  enabled: true\n  config:\n    slack:\n      webhookurl: {url}\n      minimumpriority: error\n",
        "# from the pod\nPATH=/bin\nexport SLACK_WEBHOOKURL='{url}'\nSLACK_MINIMUMPRIORITY=error\n",
    ],
    ids=["config.yaml", "its chart", "chart of Falco", "environment"],
)
def test_every_form_of_the_settings_is_read(text: str) -> None:
    """All of them give the same."""
    settings = read_settings(text.replace("{url}", SECRETS["slack.webhookurl"]), KNOWN)
    assert settings.get("slack.webhookurl") == SECRETS["slack.webhookurl"]
    assert settings.get("slack.minimumpriority") == "error"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "neither YAML at line 1"),
        ("- rule: x\n", "not a mapping"),
        ("sources: []\nchannels: {}\nroutes: a\n", "a config of falco-bridge already"),
        ("rules_files: []\n", "falco.yaml"),
        ("FOO=bar\n", "none of its variables"),
        ("x" * 1_000_001, "larger than 1 MB"),
    ],
)
def test_what_is_no_config_of_falcosidekick_is_an_error(text: str, problem: str) -> None:
    """It says what the file is."""
    with pytest.raises(UnreadableConfigError, match=problem):
        read_settings(text, KNOWN)


def test_templates_with_more_than_values_are_not_guessed() -> None:
    """Values become fields; conditions and functions do not."""
    assert (
        route_text('100% {{ .Priority }} "{{ index .OutputFields "k8s.pod.name" }}"')
        == '100%% %priority \\"%k8s.pod.name\\"'
    )
    assert route_text("{{ if .Rule }}x{{ end }}") is None


def test_outputs_of_clouds_keep_their_places_and_roles() -> None:
    """Login, region, role, endpoints and attributes; a region that only falcosidekick's environment had is a variable."""
    settings = Settings(
        {
            "aws.accesskeyid": "AKIAIOSFODNN7EXAMPLE", "aws.secretaccesskey": "s", "aws.rolearn": "arn:aws:iam::1:role/r",
            "aws.sqs.url": "http://localstack:4566/000000000000/falco", "aws.sns.topicarn": "arn:aws:sns:eu-west-1:1:t",
            "aws.sns.rawjson": "true", "aws.s3.bucket": "b", "aws.s3.endpoint": "https://minio:9000",
            "gcp.pubsub.projectid": "acme-prod", "gcp.pubsub.topic": "t",
        },
        {"gcp.pubsub.customattributes": {"team": "s e c"}},
    )  # fmt: skip
    translation = translate(settings)
    login, rest = "${AWS_ACCESSKEYID}:${AWS_SECRETACCESSKEY}", "role=arn:aws:iam::1:role/r"
    assert yaml.safe_load(translation.config)["channels"] == {
        "aws-s3": f"s3://{login}@b/falco?format=falcosidekick&endpoint=https://minio:9000&region=${{AWS_REGION}}&{rest}",
        "aws-sqs": f"sqs://{login}@localstack:4566/000000000000/falco?format=falcosidekick&endpoint=http://localstack:4566"
        f"&region=${{AWS_REGION}}&{rest}",
        "aws-sns": f"sns-topic://{login}@arn:aws:sns:eu-west-1:1:t?format=falcosidekick&{rest}",
        "gcp-pubsub": "pubsub://acme-prod/t?format=falcosidekick&:team=s%20e%20c",
    }
    assert {each.name for each in translation.variables} == {"AWS_ACCESSKEYID", "AWS_SECRETACCESSKEY", "AWS_REGION"}


def test_identities_of_a_service_account_are_not_assumed() -> None:
    """The chart annotates the service account with them. A role is assumed with keys, or if the chart does not."""
    values = {"aws.rolearn": "arn:aws:iam::1:role/r", "aws.s3.bucket": "bbb", "aws.region": "r"}
    by_chart = values | {"gcp.workloadidentityserviceaccount": "f@acme.iam", "azure.workloadidentityclientid": "c-1"}
    translation = translate(Settings(by_chart))
    assert "role=" not in translation.config
    said = "\n".join(translation.differences)
    for words in (
        "eks.amazonaws.com/role-arn: arn:aws:iam::1:role/r",
        "gcp-service-account: f@acme.iam",
        "client-id: c-1",
    ):
        assert words in said
    for more in ({"aws.useirsa": "false"}, {"aws.accesskeyid": "AK", "aws.secretaccesskey": "s"}):
        assert "role=arn:aws:iam::1:role/r" in translate(Settings(values | more)).config


@pytest.mark.parametrize("path", ["alertmanager.hostport", "loki.hostport", "webhook.address", "quickwit.hostport"])
def test_a_login_in_an_address_is_a_secret(path: str, tmp_path: Path) -> None:
    """It becomes a variable, and the channel is valid."""
    both = "https://user:hunter2@one:1" + (",https://user:hunter3@two:2" if path.startswith("alertmanager") else "")
    translation = translate(Settings({path: both}))
    assert problems(translation, tmp_path) == []
    assert "hunter" not in translation.config
    assert {each.value for each in translation.variables} == {
        f"user:hunter{at}" for at in range(2, 3 + both.count(","))
    }


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, "syslog+tcp://logs.example.com:514?format=falcosidekick&framing=newline"),
        ({"syslog.protocol": "UDP", "syslog.format": "cef"}, "syslog+udp://logs.example.com:514?format=cef"),
        ({"syslog.host": "2001:db8::1"}, "syslog+tcp://[2001:db8::1]:514?format=falcosidekick&framing=newline"),
    ],
)
def test_syslog_keeps_transport_and_format(values: dict[str, str], url: str, tmp_path: Path) -> None:
    """With line breaks as framing, as Go's library writes."""
    settings = Settings({"syslog.host": "logs.example.com", "syslog.port": "514"} | values)
    translation = translate(settings)
    assert yaml.safe_load(translation.config)["channels"]["syslog"] == url
    assert problems(translation, tmp_path) == []
    assert not [each for each in translation.differences if "not used" in each]


def test_kafka_keeps_brokers_login_and_compression(tmp_path: Path) -> None:
    """The password is a variable."""
    given = {
        "hostport": "a:9092, b", "topic": "falco", "sasl": "SCRAM_SHA512", "tls": "true", "username": "me",
        "password": "p@ss/word", "compression": "ZSTD", "clientid": "sidekick", "requiredacks": "ONE",
    }  # fmt: skip
    translation = translate(Settings({f"kafka.{name}": value for name, value in given.items()}))
    assert yaml.safe_load(translation.config)["channels"]["kafka"] == (
        "kafkas://${KAFKA_USERNAME}:${KAFKA_PASSWORD}@a:9092,b/falco"
        "?format=falcosidekick&sasl=scram-sha-512&compression=zstd&client=sidekick"
    )
    assert problems(translation, tmp_path) == []
    assert "p@ss" not in translation.config
    said = "\n".join(translation.differences)
    assert "confluent-kafka" in said
    assert "acknowledged by all replicas" in said
    assert "not used" not in said


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, "nats://nats:4222/falco.alerts.alerts?format=falcosidekick&delivery=core"),
        (
            {"hostport": "tls://me:hunter2@nats:4222", "subjecttemplate": "sec.falco"},
            "natss://${NATS_LOGIN}@nats:4222/sec.falco?format=falcosidekick&delivery=core",
        ),
    ],
)
def test_nats_keeps_server_login_and_the_depth_of_the_subject(values: dict[str, str], url: str, tmp_path: Path) -> None:
    """A subject with the rule in it becomes a fixed one, and the report says so."""
    given = {"hostport": "nats://nats:4222"} | values
    translation = translate(Settings({f"nats.{name}": value for name, value in given.items()}))
    assert yaml.safe_load(translation.config)["channels"]["nats"] == url
    assert problems(translation, tmp_path) == []
    assert "hunter2" not in translation.config
    said = "\n".join(translation.differences)
    assert ("one subject" in said or "the subject is falco.alerts.alerts" in said) == (not values)
    assert "not used" not in said


def test_mqtt_keeps_broker_topic_and_login(tmp_path: Path) -> None:
    """Messages are acknowledged, for any QoS of the config."""
    given = {
        "broker": "ssl://mqtt:8883",
        "topic": "a/b",
        "user": "me",
        "password": "p@ss",
        "retained": "true",
        "qos": "2",
    }
    translation = translate(Settings({f"mqtt.{name}": value for name, value in given.items()}))
    assert yaml.safe_load(translation.config)["channels"]["mqtt"] == (
        "mqtts://${MQTT_USER}:${MQTT_PASSWORD}@mqtt:8883/a/b?format=falcosidekick&retain=yes"
    )
    assert problems(translation, tmp_path) == []
    assert "`qos`" in "\n".join(translation.differences)


def test_stan_becomes_jetstream(tmp_path: Path) -> None:
    """NATS Streaming is no longer maintained."""
    given = {"hostport": "nats:4222", "clusterid": "c", "clientid": "me"}
    translation = translate(Settings({f"stan.{name}": value for name, value in given.items()}))
    assert yaml.safe_load(translation.config)["channels"]["stan"] == (
        "nats://nats:4222/falco.alerts.alerts?format=falcosidekick"
    )
    assert problems(translation, tmp_path) == []
    assert "JetStream" in "\n".join(translation.differences)


def scheme_of(translation: Translation) -> str:
    """How the page shows the channel: its scheme, or that the URL is kept."""
    channel = next(iter(yaml.safe_load(translation.config)["channels"].values()))
    url = channel["url"] if isinstance(channel, dict) else channel
    return "the same URL" if url.startswith("${") else f"`{url.split('://', 1)[0]}://`"


def test_the_docs_have_a_row_for_every_output() -> None:
    """With the form of its channel, or what to do instead."""
    page = (Path(__file__).parents[2] / "docs" / "coming-from-falcosidekick.md").read_text(encoding="utf-8")
    for output in OUTPUTS:
        scheme = "" if output.make is None else scheme_of(translate(settings_of(output)))
        row = (
            f"| `{output.name}` | no | {output.instead} |"
            if output.make is None
            else f"| `{output.name}` | yes | {scheme}"
        )
        assert row in page, output.name


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", "import", "falcosidekick", *arguments],
        cwd=folder, capture_output=True, text=True, check=False, env=os.environ | {"ENVIRONMENT": "prod"}, timeout=100,
    )  # fmt: skip


def test_the_command_writes_files_that_check_and_no_secret(tmp_path: Path) -> None:
    """The values are only in the file that was asked for, for the user's eyes only. Files are not overwritten unasked."""
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    done = run("config.yaml", "--output", "out", "--env-file", "out.env", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no problems" in done.stdout
    assert "SLACK_WEBHOOKURL" in done.stdout
    secret = SECRETS["slack.webhookurl"]
    assert secret not in done.stdout
    assert not [path for path in (tmp_path / "out").iterdir() if secret in path.read_text(encoding="utf-8")]
    assert secret in (tmp_path / "out.env").read_text(encoding="utf-8")
    assert stat.S_IMODE((tmp_path / "out.env").stat().st_mode) == 0o600
    again = run("config.yaml", "--output", "out", folder=tmp_path)
    assert again.returncode == 2
    assert "exists" in again.stderr


def test_a_config_of_falcosidekick_given_as_ours_is_recognized(tmp_path: Path) -> None:
    """So are Helm values, falco.yaml and rules files."""
    for text, words in (
        (CONFIG, "falcosidekick"),
        ("config:\n  slack: {webhookurl: a}\n", "falcosidekick"),
        ("rules_files: [a]\n", "falco.yaml"),
        ("- rule: a\n  desc: b\n", "rules file"),
        ("driver: {}\ncustomRules: {}\n", "values file of Falco's Helm chart"),
        ("tty: true\nfalco: {json_output: true}\n", "values file of Falco's Helm chart"),
    ):
        path = tmp_path / "falco-bridge.yaml"
        path.write_text(text, encoding="utf-8")
        (found,) = load_config(path, {}).diagnostics
        assert words in found.message
        assert found.hint
