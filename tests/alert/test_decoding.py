"""Recorded alerts are equal by gRPC and by JSON, and decoders never raise."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.alert import Alert, Priority, make_alert
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.alert.forms.json_form import decode_json
from bridge.alert.forms.message import decode_message
from bridge.alert.malformed import Malformed
from bridge.common.clocks.times import parse_time
from tests.support.recordings import FULL_JSON, NAMES, grpc_messages, http_bodies

MESSAGES = [message for name in NAMES for message in grpc_messages(name)]


def alerts_by_grpc(name: str) -> list[Alert]:
    alerts = [decode_grpc(message, 1) for message in grpc_messages(name)]
    assert all(isinstance(alert, Alert) for alert in alerts)
    return [alert for alert in alerts if isinstance(alert, Alert)]


@pytest.mark.parametrize("name", NAMES)
def test_every_recording_decodes(name: str) -> None:
    """Every recorded message is an alert with valid Unicode, including hostile bytes."""
    for alert in alerts_by_grpc(name):
        json.dumps([alert.output, dict(alert.fields)]).encode()
        assert "\ud800" not in alert.output


@pytest.mark.parametrize("name", FULL_JSON)
def test_one_alert_by_two_roads_is_equal(name: str) -> None:
    """The gRPC format and the full JSON format give equal alerts with the same id."""
    by_json = {}
    for body in http_bodies(name):
        alert = decode_json(body, 1)
        assert isinstance(alert, Alert)
        by_json[alert.id] = alert
    by_grpc = {alert.id: alert for alert in alerts_by_grpc(name)}
    common = by_json.keys() & by_grpc.keys()
    assert common, f"{name}: no alert in both formats"
    for identity in common:
        assert by_json[identity] == by_grpc[identity]
    internal = {alert.id for alert in by_json.values() if alert.source == "internal"}
    assert by_json.keys() - by_grpc.keys() <= internal | (by_json.keys() if "tick" in name else set())


def test_every_spelling_of_missing() -> None:
    """null, an absent key and <NA> are missing; the empty text is a value."""
    alert = decode_json(b'{"rule":"r","output_fields":{"a":null,"b":"<NA>","c":"","d":false,"e":20072}}', 5)
    assert isinstance(alert, Alert)
    assert dict(alert.fields) == {"c": "", "d": "false", "e": "20072"}
    assert alert.time_ns == 5


def test_nanoseconds_are_preserved() -> None:
    """All nine digits of a time are preserved."""
    assert parse_time("2016-08-04T16:17:57.882054739Z") == 1470327477882054739


def test_ids_sort_as_time_does_and_no_two_contents_share_one() -> None:
    """Ids sort by time, also before 1970, and differ if text moves between fields."""
    base = {"priority": Priority.ERROR, "rule": "r", "source": "s", "hostname": "h", "tags": (), "output": "o"}
    times = (-(2**63), -1, 0, 1_714_732_295_913_486_795, 2**63 - 1)
    ids = [make_alert(time_ns=time_ns, fields={}, **base).id for time_ns in times]  # type: ignore[arg-type]
    assert ids == sorted(ids)
    assert {len(each) for each in ids} == {32}
    contents = ({"a": "b"}, {"ab": ""}, {"a": "", "b": ""}, {"": "ab"}, {"a": "\ud800"}, {"a": "\ud801"}, {})
    assert len({make_alert(time_ns=0, fields=fields, **base).id for fields in contents}) == len(contents)  # type: ignore[arg-type]
    shuffled = [
        make_alert(time_ns=0, fields=fields, **base).id for fields in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"})
    ]  # type: ignore[arg-type]
    assert shuffled[0] == shuffled[1]


def test_priorities_are_ordered() -> None:
    """Priorities are ordered from the most severe."""
    assert sorted(Priority) == list(Priority)
    assert Priority.CRITICAL.at_least(Priority.WARNING)
    assert not Priority.DEBUG.at_least(Priority.WARNING)


@given(st.binary(max_size=300))
def test_no_bytes_make_a_decoder_raise(raw: bytes) -> None:
    """Random bytes give an Alert or Malformed, never an exception."""
    assert isinstance(decode_grpc(raw, 1), Alert | Malformed)
    assert isinstance(decode_json(raw, 1), Alert | Malformed)


@given(st.sampled_from(MESSAGES), st.data())
def test_no_damaged_recording_makes_the_decoder_raise(message: bytes, data: st.DataObject) -> None:
    """Truncated and corrupted messages never raise."""
    at = data.draw(st.integers(0, len(message) - 1))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    assert isinstance(decode_grpc(message[:at], 1), Alert | Malformed)
    assert isinstance(decode_grpc(message[:at] + byte + message[at + 1 :], 1), Alert | Malformed)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"b":', "}"), ('[{"b":', "}]")])
def test_no_depth_makes_a_decoder_raise(opening: str, closing: str) -> None:
    """What can be read may be too deep to be converted: the message is rejected, and the source continues."""
    for depth in range(10, 2010, 40):
        body = (
            '{"rule":"r","priority":"Warning","output":"o","output_fields":{"a":'
            f"{opening * depth}1{closing * depth}"
            "}}"
        ).encode()
        found = decode_json(body, 1)
        assert isinstance(found, Alert) or found.reason == "nests its JSON too deeply"
        assert list(decode_message(body, 1)), "an alert, or a rejected message"


def test_an_integer_of_thousands_of_digits_is_text() -> None:
    """Python refuses to convert it; the alert is one nevertheless."""
    digits = "9" * 5000
    found = decode_json(b'{"rule":"r","priority":"Error","output":"o","output_fields":{"n":%s}}' % digits.encode(), 1)
    assert isinstance(found, Alert)
    assert (found.priority, found.fields["n"]) == (Priority.ERROR, digits)
    assert decode_json(b"[1]", 1) == Malformed("is not a JSON object")
