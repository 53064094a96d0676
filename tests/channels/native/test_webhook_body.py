"""Bodies of a webhook that the config writes: JSON built from values, never from text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.alert import Priority
from bridge.channels.contract import Verdict
from bridge.channels.registry import open_channel, problem_with
from bridge.config.load import LoadedConfig, load_config
from bridge.config.secrets import masked_texts
from bridge.config.show import shown
from bridge.delivery.extras import ChannelExtras, extras_as_settings, extras_from
from bridge.operator.operations.channel_test import test_channel as send_test_message
from tests.channels.deliveries import TIME, TIME_NS, make_delivery
from tests.support.builders import decoded_alert, delivery, notification
from tests.support.far_side import FarSide

BESIDE_EACH = "`%rule` beside `%each` is the value of one alert, and the body holds several"
LABELS = {"cluster": "eu-1"}
ROOT = Path(__file__).parents[3]
HOSTILE = 'x", "admin": true, "y": "\\u0000 %rule ${HOME} \n</script>'
SECRETS = {
    "SN_USER": "u", "SN_PASSWORD": "p", "JIRA_USER": "u", "JIRA_TOKEN": "t", "EVENTS_KEY": "hunter2hunter2%rule",
}  # fmt: skip


def loaded(folder: Path, channel: object, environ: dict[str, str] | None = None) -> LoadedConfig:
    (folder / "r.route").write_text("otherwise { to c }\n", encoding="utf-8")
    config = {
        "sources": [{"stdin": True}], "channels": {"c": channel}, "routes": "r.route", "journal": "j.db",
        "labels": LABELS,
    }  # fmt: skip
    path = folder / "falco-bridge.yaml"
    path.write_text(yaml.safe_dump(config, default_style=None), encoding="utf-8")
    return load_config(path, SECRETS if environ is None else environ)


def bodies(body: object, *deliveries: Any, query: str = "", labels: dict[str, str] = LABELS) -> list[Any]:
    """What is posted for these deliveries."""
    with FarSide().serving() as server:
        url = f"webhook://127.0.0.1:{server.port}/{query}"
        channel = open_channel("c", url, labels, extras=ChannelExtras(body=body))
        for at in range(0, len(deliveries), channel.batch_size):
            assert channel.send(deliveries[at : at + channel.batch_size]).verdict is Verdict.DELIVERED
    return [json.loads(request.body) for request in server.requests]


def test_a_value_that_stands_alone_keeps_its_type() -> None:
    """Numbers, lists, objects and null; among text it is text."""
    body = {
        "pid": "%proc.vpid", "tags": "%tags", "missing": "%proc.cwd", "text": "pid %proc.vpid of %proc.cwd, %tags",
        "fields": "%output_fields", "at": "%time", "unix": ["%time.unix", "%time.unix_ms", "%time.unix_ns"],
        "plain": [1, 2.5, True, None, "100%%"], "routes": "%routes", "label": "%label.cluster",
        "wide": "%3rule|%toupper(rule)", "count": "%count", "kind": "%kind", "id": "%id",
    }  # fmt: skip
    each = make_delivery()
    (posted,) = bodies(body, each)
    assert posted == {
        "pid": 20072,
        "tags": ["shell"],
        "missing": None,
        "text": "pid 20072 of <NA>, shell",
        "fields": {"evt.time": TIME_NS, "k8s.ns.name": "payments", "proc.cmdline": "rm -rf /", "proc.vpid": 20072},
        "at": TIME,
        "unix": [TIME_NS // 10**9, TIME_NS // 10**6, TIME_NS],
        "plain": [1, 2.5, True, None, "100%"],
        "routes": ["route x", "route y"],
        "label": "eu-1",
        "wide": "Ter|TERMINAL SHELL",
        "count": 1,
        "kind": "single",
        "id": each.alert.id,
    }


def test_no_value_changes_the_structure() -> None:
    """An alert that contains JSON, references and control characters is a text, whole."""
    each = make_delivery(output=HOSTILE, output_fields={"proc.cmdline": HOSTILE}, rule=HOSTILE)
    (posted,) = bodies({"a": "%output", "b": "<%proc.cmdline>", "c": {"%match": "%rule", "x": 1, "%else": 0}}, each)
    assert posted == {"a": HOSTILE, "b": f"<{HOSTILE}>", "c": 0}


def test_values_are_bounded() -> None:
    """However long an alert's are, and however often a text names them."""
    each = make_delivery(output="x" * 1_000_000)
    (posted,) = bodies({"one": "%output", "many": " ".join(["%output"] * 50)}, each)
    assert len(posted["one"]) <= 8_000
    assert len(posted["many"]) <= 32_000


def test_a_body_holds_an_item_for_each_alert() -> None:
    """Up to a hundred in one request; at the top it is a list."""
    several = [make_delivery(number, output=f"alert {number}") for number in range(1, 4)]
    nested = {"cluster": "%label.cluster", "records": {"%each": {"text": "%output"}}}
    assert bodies(nested, *several) == [
        {"cluster": "eu-1", "records": [{"text": "alert 1"}, {"text": "alert 2"}, {"text": "alert 3"}]}
    ]
    assert bodies({"%each": "%delivery"}, *several) == [[1, 2, 3]]
    assert bodies({"n": "%delivery"}, *several) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert bodies({"n": "%delivery"}, *several, query="?batch=array") == [[{"n": 1}, {"n": 2}, {"n": 3}]]


def test_a_value_is_chosen_by_that_of_a_field() -> None:
    """In any case; without a fitting name it is `%else`, or null."""
    choice = {"%match": "%severity", "CRITICAL": "P1", "error": {"level": "%priority"}}
    severities = [
        delivery(decoded_alert(), 1, to=notification("c", "r", severity=severity))
        for severity in (Priority.CRITICAL, Priority.ERROR, Priority.DEBUG)
    ]
    posted = bodies({"p": choice, "q": {**choice, "%else": "P5"}}, *severities)
    assert [each["p"] for each in posted] == ["P1", {"level": "Warning"}, None]
    assert [each["q"] for each in posted] == ["P1", {"level": "Warning"}, "P5"]


def test_an_optional_member_is_left_out_without_a_value() -> None:
    """Many services refuse null."""
    body = {"pod?": "%k8s.pod.name", "namespace?": "%k8s.ns.name", "cwd": "%proc.cwd", "zero?": 0, "none?": None}
    assert bodies(body, make_delivery()) == [{"namespace": "payments", "cwd": None, "zero": 0}]


def test_the_media_type_is_the_configs() -> None:
    """And nothing else of a header."""
    with FarSide().serving() as server:
        url = f"webhook://127.0.0.1:{server.port}/?type=application/cloudevents%2Bjson"
        open_channel("c", url, {}).send([make_delivery()])
    assert server.requests[0].headers["Content-Type"] == "application/cloudevents+json"
    assert "invalid `type`" in str(problem_with("webhook://h/?type=a/b%0d%0ax"))


def test_texts_of_routes_are_filled() -> None:
    """`%title` and `%message` are those that people read."""
    to = notification("c", "r", title="%rule on %hostname", message="by %proc.cmdline")
    (posted,) = bodies({"t": "%title", "m": "%message", "all": "%alert"}, delivery(decoded_alert(), 7, to=to))
    assert (posted["t"], posted["m"]) == ("Terminal shell on node-1", "by rm -rf /")
    assert posted["all"]["falco_bridge"]["delivery"] == 7


def test_a_secret_in_a_body_is_a_secret(tmp_path: Path) -> None:
    """It is no template, is masked and hidden, and reaches the process that sends."""
    environ = {"KEY": "hunter2%rule"}
    with FarSide().serving() as server:
        channel = {
            "url": f"webhook://127.0.0.1:{server.port}/",
            "body": {"key": "${KEY}", "text": "Bearer ${KEY} %rule $${KEY}", "n": 1.5},
        }
        config = loaded(tmp_path, channel, environ)
        assert config.config is not None, config.errors().text()
        result = send_test_message(config, "c")
    assert result.verdict == "delivered", result.reason
    (request,) = server.requests
    assert json.loads(request.body) == {
        "key": "hunter2%rule", "text": "Bearer hunter2%rule Test message ${KEY}", "n": 1.5,
    }  # fmt: skip
    assert "hunter2%rule" in masked_texts(config.config)
    assert "hunter2" not in shown(config.config) + repr(config.config)
    assert "Bearer *** %rule" in shown(config.config)
    extras = {"c": config.config.channels["c"].extras()}
    assert extras_from(json.loads(json.dumps(extras_as_settings(extras)))) == extras
    assert "hunter2%rule" in extras["c"].secrets


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"a": "%proc.nam"}, "unknown field `proc.nam`"),
        ({"a": ["x", {"b": "%sevrity"}]}, "unknown field `%sevrity`"),
        ({"a": "%label.region"}, "unknown label `region`"),
        ({"a": "50% of it"}, "`%` is not followed by a name"),
        ({"a": "%evt.arg"}, "`evt.arg` needs an argument"),
        ({"a": "{{ .Rule }}"}, "the Go template of `rule` is sent as it is: values are written as `%field`"),
        ({"%eech": {}}, "unknown key `%eech`"),
        ({"%each": {"a": {"%each": 1}}}, "a body has one `%each`"),
        ({"%each": 1, "b": 2}, "`%each` has other keys beside it"),
        ({"a": "%rule", "b": {"%each": "%rule"}}, BESIDE_EACH),
        ({"a": {"%match": ["%rule"]}}, "`%match` needs a text"),
        ({"a": {"%else": 1}}, "unknown key `%else`"),
        ({}, "`body` must be a mapping or a list"),
        ("%output", "`body` must be a mapping or a list"),
        ({"a": "${NOT_SET}"}, "the environment has no NOT_SET"),
        ([[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]], "the body is too large"),
    ],
)  # fmt: skip
def test_check_reports_a_body_that_cannot_be_used(tmp_path: Path, body: object, problem: str) -> None:
    """At its place."""
    found = loaded(tmp_path, {"url": "webhook://h/", "body": body})
    assert found.config is None
    assert problem in [each.message for each in found.diagnostics]
    assert all(each.span.line > 1 for each in found.diagnostics)


def test_check_reports_all_errors_of_a_body_at_once(tmp_path: Path) -> None:
    """Of its structure and of its texts."""
    body = {"%eech": 1, "a": "%sevrity", "b": {"%each": {"c": "%proc.nam"}, "d": "${NOT_SET}"}}
    messages = {each.message for each in loaded(tmp_path, {"url": "webhook://h/", "body": body}).diagnostics}
    assert messages == {
        "unknown key `%eech`", "unknown field `%sevrity`", "`%each` has other keys beside it",
        "unknown field `proc.nam`", "the environment has no NOT_SET",
    }  # fmt: skip


def test_an_alias_cannot_make_a_body_large(tmp_path: Path) -> None:
    """Neither one that leads back, nor a billion laughs."""
    laughs = "\n".join(f"    a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    texts = (f"    a0: &a0 [x]\n{laughs}\n", "    a: &a\n      b: *a\n")
    (tmp_path / "r.route").write_text("otherwise { to c }\n", encoding="utf-8")
    for text in texts:
        path = tmp_path / "falco-bridge.yaml"
        head = (
            "sources: [{stdin: true}]\nroutes: r.route\njournal: j.db\nchannels:\n c:\n  url: webhook://h/\n  body:\n"
        )
        path.write_text(head + text, encoding="utf-8")
        (problem,) = load_config(path, {}).diagnostics
        assert problem.message == "the config refers to itself, or repeats too much, by `*`"


def test_a_body_that_another_setting_contradicts() -> None:
    """Only a webhook has one."""
    body = ChannelExtras(body={"a": {"%each": 1}})
    assert "only webhook://" in str(problem_with("loki://h", extras=body))
    assert "both `body` and `format`" in str(problem_with("webhook://h/?format=falco", extras=body))
    assert "`%each`, which holds several" in str(problem_with("webhook://h/?batch=array", extras=body))
    assert "only webhook://" in str(problem_with("ntfy://h/t", extras=body))


def examples() -> dict[str, dict[str, Any]]:
    """The channels with a body in the page, by name."""
    page = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")
    channels: dict[str, dict[str, Any]] = {}
    for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        channels |= (yaml.safe_load(block) or {}).get("channels", {})
    return {name: each for name, each in channels.items() if isinstance(each, dict) and "body" in each}


EXPECTED: dict[str, Any] = {
    "generic": {
        "text": "[Critical] Terminal shell in payments/<NA>", "pid": None, "tags": ["shell"], "source": "falco",
        "fields": {"evt.time": TIME_NS, "k8s.ns.name": "payments", "proc.cmdline": "rm -rf /", "proc.vpid": 20072},
    },
    "servicenow": {
        "records": [{
            "source": "Falco", "node": "node-1", "type": "Terminal shell", "resource": "payments/<NA>",
            "message_key": make_delivery().alert.id, "time_of_event": TIME, "description": "shell in a pod",
            "severity": "1",
            "additional_info": {
                "evt.time": TIME_NS, "k8s.ns.name": "payments", "proc.cmdline": "rm -rf /", "proc.vpid": 20072,
            },
        }]
    },
    "jira": {
        "fields": {
            "project": {"key": "SEC"}, "issuetype": {"name": "Incident"}, "summary": "Terminal shell",
            "description": f"shell in a pod\n\nAlert {make_delivery().alert.id} on node-1 at {TIME}",
            "labels": ["falco"], "priority": {"name": "High"},
        }
    },
    "sentinel": [{
        "TimeGenerated": TIME, "Rule": "Terminal shell", "Severity": "Critical", "Computer": "node-1",
        "Output": "shell in a pod",
        "Fields": {"evt.time": TIME_NS, "k8s.ns.name": "payments", "proc.cmdline": "rm -rf /", "proc.vpid": 20072},
    }],
    "events": {
        "api_key": "hunter2hunter2%rule", "title": "Terminal shell", "text": "shell in a pod",
        "date_happened": TIME_NS // 10**9, "alert_type": "error", "tags": ["rule:Terminal shell", "cluster:eu-1"],
    },
}  # fmt: skip


def test_every_example_of_the_page_has_a_test() -> None:
    """And each test has its example."""
    assert examples().keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_of_the_page_posts_what_the_service_expects(name: str, tmp_path: Path) -> None:
    """Through the config, with its references, to a server."""
    (tmp_path / "azure").write_text("token", encoding="utf-8")
    text = yaml.safe_dump(examples()[name]).replace("/run/secrets/azure", f"{tmp_path}/azure")
    config = loaded(tmp_path, yaml.safe_load(text))
    assert config.config is not None, config.errors().text()
    channel = config.config.channels["c"]
    assert problem_with(channel.url.reveal(), LABELS, extras=channel.extras()) is None
    assert bodies(channel.extras().body, make_delivery()) == [EXPECTED[name]]
