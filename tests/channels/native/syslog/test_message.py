"""Syslog messages: valid after RFC 5424 for any alert, one line each, within the limit."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.alert import Priority
from bridge.channels.native.syslog.message import BODIES, FACILITIES, SyslogFormat
from bridge.delivery import Delivery
from bridge.routing import Notification, NotificationContext, NotificationKind
from tests.channels.deliveries import make_delivery
from tests.support.builders import alert, decoded_alert, delivery, notification
from tests.support.syslog_receiver import Message, parse


def made(each: Delivery, body: str = "falco", limit: int = 8192, labels: dict[str, str] | None = None) -> Message:
    form = SyslogFormat(FACILITIES["local0"], "falco", "falco@32473", BODIES[body], limit)
    return parse(form.message(each, labels or {"cluster": "eu-1"}))


def test_a_message_has_the_fields_of_the_standard() -> None:
    """The severity is the route's, and the time the alert's, in microseconds."""
    message = made(make_delivery(7))
    assert (message.facility, message.severity) == (16, int(Priority.CRITICAL))
    assert (message.time, message.host, message.app) == ("2026-03-04T05:06:07.123456Z", "node-1", "falco")
    assert (message.msgid, message.sd_id) == ("single", "falco@32473")
    assert message.parameters == {
        "cluster": "eu-1",
        "id": decoded_alert().id,
        "delivery": "7",
        "rule": "Terminal shell",
        "priority": "Warning",
        "source": "syscall",
        "severity": "critical",
        "route": "route x, route y",
    }
    body = json.loads(message.text)
    assert body["output_fields"]["proc.cmdline"] == "rm -rf /"
    assert body["falco_bridge"]["delivery"] == 7


def test_the_kind_of_the_notification_is_the_message_id() -> None:
    """A receiver can tell an escalation from an alert."""
    to = Notification("c", ("r",), Priority.ERROR, context=NotificationContext(NotificationKind.ESCALATION))
    assert made(delivery(to=to)).msgid == "escalation"


@pytest.mark.parametrize("body", BODIES)
@given(data=st.data())
def test_any_alert_is_one_valid_message_of_one_line(body: str, data: st.DataObject) -> None:
    """For any texts: no control character, and quotes and brackets do not end the structured data."""
    text = st.text(
        st.one_of(st.characters(codec="utf-8"), st.sampled_from('"]\\\n\r\0\x7f\x85\u2028 =|[<>')), max_size=40
    )
    words = [data.draw(text) for _ in range(6)]
    hostile = alert(
        1_772_600_767_123_456_789, rule=words[0], hostname=words[1], source=words[2], output=words[3],
        tags=(words[4],), fields={"proc.cmdline": words[5], words[4] or "x": words[5]},
    )  # fmt: skip
    form = SyslogFormat(1, "falco", "falco@32473", BODIES[body], 8192)
    sent = form.message(delivery(hostile, to=notification("c", words[0])), {words[1] or "label": words[2] or "v"})
    assert not [byte for byte in sent if byte < 0x20 or byte == 0x7F]
    assert len(sent) <= 8192
    message = parse(sent)
    assert message.parameters["id"] == hostile.id
    if body.startswith("falco"):
        assert json.loads(message.text)["rule"] == words[0]
        assert json.loads(message.text)["output_fields"]["proc.cmdline"] == words[5]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("limit", [1024, 8192, 65_000])
def test_a_long_alert_is_cut_to_the_limit(body: str, limit: int) -> None:
    """The JSON stays valid: a receiver would cut it in the middle."""
    long = decoded_alert(
        output="é" * 200_000,
        output_fields={f"field.{number}": "x" * 5000 for number in range(100)} | {"a": ["b"] * 999},
    )
    message = made(delivery(long), body, limit)
    assert len(form_bytes(long, body, limit)) <= limit
    if body.startswith("falco"):
        assert json.loads(message.text)["rule"] == "Terminal shell"


def form_bytes(what: object, body: str, limit: int) -> bytes:
    form = SyslogFormat(1, "falco", "falco@32473", BODIES[body], limit)
    return form.message(delivery(what), {"cluster": "eu-1"})  # type: ignore[arg-type]


def test_text_is_falcos_output_with_a_mark_where_it_is_utf8() -> None:
    """RFC 5424, 6.4: a text in UTF-8 begins with the byte order mark."""
    assert made(make_delivery(output="shell\nin a pod"), "text").text == "shell\\x0ain a pod"
    assert made(make_delivery(output="Zürich"), "text").text == "\ufeffZürich"
    assert made(make_delivery(output=""), "text").text.endswith("Terminal shell")


def test_cef_has_the_fields_of_the_format_escaped() -> None:
    """Pipes in the head; equals signs, backslashes and line breaks in the extension."""
    hostile = decoded_alert(
        rule="a|b", output="x=1\\\ny", output_fields={"user.name": "root", "proc.cmdline": "a=b", "k8s.ns.name": "p"}
    )
    text = made(delivery(hostile), "cef").text
    assert text.startswith("CEF:0|Falcosecurity|Falco|1.0|Falco Event|a\\|b|7|externalId=")
    for part in (" msg=x\\=1\\\\\\ny ", " suser=root", " proc_cmdline=a\\=b", " k8s_ns_name=p", " cluster=eu-1"):
        assert part in text
    assert f"start={1_772_600_767_123} " in text
