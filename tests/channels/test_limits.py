"""Every family's payload is within the limits that its service documents, for any alert."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.alert import Alert, Priority
from bridge.alert.forms.json_form import decode_json
from bridge.channels.apprise.known_services import KNOWN_SERVICES
from bridge.channels.message.compose import message_of
from bridge.channels.native.alertmanager import AlertmanagerChannel
from bridge.channels.native.elastic.channel import ElasticChannel
from bridge.channels.native.loki import LokiChannel
from bridge.channels.native.shared.address import parse_address
from bridge.channels.native.splunk.channel import SplunkChannel
from bridge.channels.render.mail import mail_content
from bridge.channels.render.slack import workflow_payload
from bridge.delivery import Delivery
from tests.channels import limits
from tests.channels.hostile import CORPUS
from tests.support.builders import alert, delivery, notification

ALERTS = Path(__file__).parent.parent / "data" / "alerts"
LABELS = {"cluster": "eu-1", "a.b": "1", "a_b": "2"}
BLANK = ("", " ", "\t", "\u2003")
TO = notification("c", "route x", severity=Priority.CRITICAL)
REQUESTED: dict[str, dict[str, Any]] = {"NotifyOpsgenie": {"tags": ["", "own"]}}
CHECKERS: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "NotifySlack": limits.slack,
    "NotifyDiscord": limits.discord,
    "NotifyWorkflows": limits.teams,
    "NotifyTelegram": limits.telegram,
    "NotifyMattermost": limits.mattermost,
    "NotifyPagerDuty": limits.pagerduty,
    "NotifyNtfy": limits.ntfy,
    "NotifyOpsgenie": limits.opsgenie,
}


def decoded(path: Path) -> list[Alert]:
    """The alerts of a file; some hold one for each line."""
    alerts = [decode_json(line, 1) for line in path.read_bytes().splitlines() if line.strip()]
    return [each for each in alerts if isinstance(each, Alert)]


def native(deliveries: Sequence[Delivery]) -> Iterator[str]:
    """What Alertmanager, Loki, Elasticsearch and Splunk would refuse."""
    alertmanager = AlertmanagerChannel("c", parse_address("alertmanager://h", ()), LABELS, lambda: 1.9e9)
    yield from limits.alertmanager(json.loads(alertmanager.body(deliveries)))
    body, headers = LokiChannel("c", parse_address("loki://h", ()), LABELS).request(deliveries)
    yield from limits.loki(json.loads(gzip.decompress(body) if "Content-Encoding" in headers else body))
    for line in ElasticChannel("c", parse_address("elasticsearch://h", ()), LABELS).body(deliveries).splitlines()[1::2]:
        yield from limits.elastic(json.loads(line))
    for line in SplunkChannel("c", parse_address("splunkhec://t@h", ()), LABELS).body(deliveries).splitlines():
        yield from limits.splunk(json.loads(line))


def refused(deliveries: Sequence[Delivery]) -> list[str]:
    """What any service would refuse about the message of these deliveries."""
    message = message_of(deliveries, LABELS)
    found = [
        f"{name}: {problem}"
        for name, service in KNOWN_SERVICES.items()
        for problem in CHECKERS[name](service.render(REQUESTED.get(name, {}), message))
    ]
    found += [f"Slack workflow: {each}" for each in limits.check("text", workflow_payload({}, message)["text"], 3000)]
    found += [f"mail: {each}" for each in limits.check("subject", mail_content(message).subject, 998)]
    return found + list(native(deliveries))


def test_every_family_has_a_checker() -> None:
    """Of the services with a form of their own."""
    assert CHECKERS.keys() == KNOWN_SERVICES.keys()


@pytest.mark.parametrize("path", sorted(ALERTS.iterdir()), ids=lambda path: path.stem)
def test_recorded_alerts_are_accepted(path: Path) -> None:
    """Alone, and in a digest with one another. They come from public reports."""
    alerts = decoded(path)
    assert alerts or path.stem == "15-ancient-fields-only"
    for number, each in enumerate(alerts, 1):
        assert refused([delivery(each, number, to=TO)]) == []
    if alerts:
        assert refused([delivery(alerts[0], number, to=TO) for number in range(1, 41)]) == []


@pytest.mark.parametrize("name", sorted(CORPUS.keys() - {"surrogates"}))
def test_hostile_alerts_are_accepted(name: str) -> None:
    """With the text in every place where an attacker can put it. No decoder leaves lone surrogates in an alert."""
    value = CORPUS[name]
    fields = {value[:3000]: value, "proc.cmdline": value, "k8s.ns.name": value}
    fields |= {f"f{n}": value[:999] for n in range(150)}
    hostile = Alert("c0ffee", 1, Priority.WARNING, value, value, value, (value,) * 30, value, fields)
    assert refused([delivery(hostile, to=TO)]) == []
    assert refused([delivery(hostile, number, to=TO) for number in range(1, 41)]) == []


@given(
    st.dictionaries(st.sampled_from([*BLANK, "a.b", "a_b", "id", "time", "1st"]), st.sampled_from([*BLANK, "x"])),
    st.lists(st.sampled_from([*BLANK, "tag"])),
    st.sampled_from([*BLANK, "x"]),
)
def test_blank_parts_cost_no_service_the_alert(fields: dict[str, str], tags: list[str], text: str) -> None:
    """Names and values of fields, tags, rule, source, host and output."""
    made = alert(rule=text, source=text, hostname=text, tags=tuple(tags), output=text, fields=fields)
    assert refused([delivery(made, to=TO)]) == []


def test_names_that_become_equal_keep_all_values() -> None:
    """In labels, annotations, Opsgenie's details and PagerDuty's output fields."""
    long = {f"{'x' * 100}{letter * 50}{'y' * 100}": value for letter, value in (("a", "5"), ("b", "6"))}
    made = alert(fields={"a.b": "1", "a_b": "2", "time": "3", "id": "4"} | long)
    sent = [delivery(made, to=TO)]
    alertmanager = AlertmanagerChannel("c", parse_address("alertmanager://h", ()), LABELS | {"severity": "own"})
    (posted,) = json.loads(alertmanager.body(sent))
    assert (posted["labels"]["a_b"], posted["labels"]["a_b_2"]) == ("2", "1")
    assert (posted["labels"]["severity"], posted["labels"]["severity_2"]) == ("critical", "own")
    annotations = posted["annotations"]
    assert (annotations["a_b"], annotations["a_b_2"], annotations["time_2"]) == ("2", "1", "3")
    loki = LokiChannel("c", parse_address("loki://h", ()), LABELS | {"rule": "own"})
    stream = json.loads(loki.request(sent)[0])["streams"][0]["stream"]
    assert (stream["a_b"], stream["a_b_2"], stream["rule_2"]) == ("2", "1", "own")
    message = message_of(sent, LABELS)
    details = KNOWN_SERVICES["NotifyOpsgenie"].render({}, message)["details"]
    assert (details["id"], details["id (2)"], details["time (2)"]) == (message.id, "4", "3")
    fields = KNOWN_SERVICES["NotifyPagerDuty"].render({}, message)["payload"]["custom_details"]["output_fields"]
    assert sorted(fields.values()) == ["1", "2", "3", "4", "5", "6"]
