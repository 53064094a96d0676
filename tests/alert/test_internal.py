"""Internal alerts are recognized in every format, and no other alert is."""

from __future__ import annotations

import re

import pytest

from bridge.alert import Alert
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.alert.forms.json_form import decode_json
from bridge.alert.forms.text_form import decode_text
from bridge.alert.internal import DROP_RULE, SNAPSHOT_RULE
from tests.support.recordings import grpc_messages, http_bodies

NOW = 1_795_438_000_000_000_000
DROP_LINE = (
    b"17:35:44.999999999: Debug Falco internal: syscall event drop. 1 system calls dropped in last second. "
    b'(ebpf_enabled="0" n_drops="1" n_evts="0")'
)


def alerts(found: list[object]) -> list[Alert]:
    return [each for each in found if isinstance(each, Alert)]


def internal(found: list[object]) -> list[tuple[str, str]]:
    return [(each.rule, each.source) for each in alerts(found) if each.source == "internal"]


@pytest.mark.parametrize("name", ["drops_json", "metrics_json", "metrics_text"])
def test_internal_alerts_of_each_recording(name: str) -> None:
    """Exactly the internal alerts are recognized in JSON, text and gRPC."""
    decode = decode_text if name.endswith("_text") else decode_json
    rule = DROP_RULE if name.startswith("drops") else SNAPSHOT_RULE
    for raw, found in (
        (http_bodies(name), [decode(body, NOW) for body in http_bodies(name)]),
        (grpc_messages(name), [decode_grpc(message, NOW) for message in grpc_messages(name)]),
    ):
        spoken = sum(b"Falco internal: " in each or b"Falco metrics snapshot" in each for each in raw)
        assert internal(found) == [(rule, "internal")] * spoken
        assert spoken


def test_a_text_snapshot_has_node_and_counters() -> None:
    """A snapshot in text has the node and the counters."""
    found = alerts([decode_text(body, NOW) for body in http_bodies("metrics_text")])
    first = next(each for each in found if each.source == "internal")
    assert first.hostname == "vm"
    assert first.fields["falco.outputs_queue_num_drops"] == "0"
    assert first.fields["falco.version"] == "0.43.1"


def test_a_text_drop_is_one() -> None:
    """Event drops have their counters as fields."""
    (found,) = alerts([decode_text(DROP_LINE, NOW)])
    assert (found.rule, found.source, found.fields["n_drops"]) == (DROP_RULE, "internal", "1")


@pytest.mark.parametrize(
    "line",
    [
        DROP_LINE.replace(b"Debug", b"Warning"),
        DROP_LINE.replace(b"(ebpf", b"; rm -rf / (ebpf"),
        DROP_LINE + b" and more",
        DROP_LINE.replace(b'n_evts="0"', b'n_evts="0" rm -rf /'),
        DROP_LINE.replace(b"Falco internal", b"x Falco internal"),
        DROP_LINE[:-1],
    ],
)
def test_a_similar_line_is_an_ordinary_alert(line: bytes) -> None:
    """A hostile command line cannot make an alert internal."""
    (found,) = alerts([decode_text(line, NOW)])
    assert (found.rule, found.source) == ("", "syscall")


def test_hostile_lines_take_linear_time() -> None:
    """A long line is parsed in linear time."""
    start = re.match(rb".*?\(", DROP_LINE)
    assert start is not None
    for tail in (b'a="' + b"\\" * 2_000_000, b'a="b" ' * 300_000, b"a=" + b"9" * 2_000_000, b"=" * 2_000_000):
        (found,) = alerts([decode_text(start[0] + tail, NOW)])
        assert found.source == "syscall"
