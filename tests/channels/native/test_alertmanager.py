"""Alertmanager's channel: alerts that the API v2 accepts and identifies by their labels."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from bridge.channels.contract import Verdict
from bridge.channels.native.alertmanager import PARAMETERS, AlertmanagerChannel
from bridge.channels.native.shared.address import parse_address
from bridge.channels.registry import problem_with
from bridge.delivery import Delivery
from tests.channels.deliveries import TIME, make_delivery
from tests.support.far_side import Answer, FarSide, Request

NOW = 1_772_700_000.0


def alertmanager(request: Request) -> Answer:
    """Validates like Alertmanager: names, at least one label, an end after the start."""
    for alert in json.loads(request.body):
        names = [*alert["labels"], *alert["annotations"]]
        starts, ends = (datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
        if not alert["labels"].get("alertname") or starts >= ends:
            return Answer(400, b'{"code":602,"message":"bad alert"}')
        if not all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) for name in names):
            return Answer(400, b'{"code":602,"message":"bad name"}')
    return Answer(200, b"")


def posted(deliveries: list[Delivery], query: str = "", path: str = "") -> tuple[Request, list[dict[str, Any]]]:
    with FarSide(alertmanager).serving() as server:
        address = parse_address(f"alertmanager://127.0.0.1:{server.port}{path}{query}", PARAMETERS)
        outcome = AlertmanagerChannel("c", address, {"cluster": "eu-1"}, lambda: NOW).send(deliveries)
    assert outcome.verdict is Verdict.DELIVERED, outcome
    (request,) = server.requests
    return request, json.loads(request.body)


def test_labels_identify_the_alert_and_annotations_hold_the_rest() -> None:
    """A repeat has the same labels: nothing of the command line is among them."""
    request, (alert,) = posted([make_delivery()], "?:team=sec&generator=https://grafana.example/d/1")
    assert request.path == "/api/v2/alerts"
    assert alert["labels"] == {
        "alertname": "Terminal shell",
        "severity": "critical",
        "priority": "Warning",
        "source": "syscall",
        "hostname": "node-1",
        "k8s_ns_name": "payments",
        "cluster": "eu-1",
        "team": "sec",
    }
    assert alert["annotations"]["proc_cmdline"] == "rm -rf /"
    assert alert["annotations"]["proc_vpid"] == "20072"
    assert alert["annotations"]["routes"] == "route x, route y"
    assert alert["annotations"]["description"] == "shell in a pod"
    assert "Terminal shell" in alert["annotations"]["summary"]
    assert alert["generatorURL"] == "https://grafana.example/d/1"


def test_an_audit_alert_has_its_target_namespace_as_label() -> None:
    """Kubernetes audit alerts have no pod."""
    delivery = make_delivery(source="k8s_audit", output_fields={"ka.target.namespace": "payments"})
    _, (alert,) = posted([delivery])
    assert (alert["labels"]["k8s_ns_name"], alert["labels"]["source"]) == ("payments", "k8s_audit")


def test_hold_counts_from_the_time_of_sending() -> None:
    """A delivery that waited for a day is still an active alert when it arrives."""
    (alert,) = posted([make_delivery()], "?hold=5m")[1]
    assert alert["startsAt"] == TIME
    assert datetime.fromisoformat(alert["endsAt"]).timestamp() == NOW + 300


def test_an_alert_from_the_future_starts_now() -> None:
    """The clock of a node may be ahead; an alert must not end before it starts."""
    (alert,) = posted([make_delivery(time="2030-01-01T00:00:00Z")])[1]
    assert datetime.fromisoformat(alert["startsAt"]).timestamp() == NOW


def test_hostile_fields_make_a_valid_alert() -> None:
    """Invalid names, no rule, a megabyte, control characters."""
    fields = {"9": "x", "a b\n": "\x00\u202e", "proc.cmdline": "A" * 1_000_000} | {f"f{n}": "v" for n in range(1000)}
    request, (alert,) = posted([make_delivery(rule="", output_fields=fields, hostname="\x1b")])
    assert len(request.body) < 20_000
    assert all(value.isprintable() for value in alert["labels"].values())


def test_a_batch_is_one_request() -> None:
    """Also with a path prefix."""
    request, alerts = posted([make_delivery(number) for number in range(1, 4)], path="/am/")
    assert request.path == "/am/api/v2/alerts"
    assert len(alerts) == 3


def test_an_invalid_hold_or_generator_is_reported() -> None:
    """An invalid duration, one above the limit, and a link that is not a web page."""
    assert "duration" in str(problem_with("alertmanager://h?hold=soon"))
    assert "duration" in str(problem_with("alertmanager://h?hold=30d"))
    assert "generator" in str(problem_with("alertmanager://h?generator=javascript:x"))
