"""Alerts are encoded as Falco writes them."""

from __future__ import annotations

import json

import msgspec
import pytest

from bridge.alert import Alert, Priority, make_alert
from bridge.alert.alert import is_clock_field
from bridge.alert.catalogue import find_field
from bridge.alert.forms.falco_json import falco_json
from bridge.alert.forms.json_form import decode_json
from tests.support.recordings import FULL_JSON, http_bodies


def written(body: bytes) -> dict[str, object]:
    alert = decode_json(body, 1)
    assert isinstance(alert, Alert)
    again: dict[str, object] = json.loads(msgspec.json.encode(falco_json(alert)))
    return again


@pytest.mark.parametrize("name", FULL_JSON)
def test_posted_alerts_are_written_with_their_types(name: str) -> None:
    """Every member equals Falco's, except nulls, clock fields and types that are not in the catalogue."""
    for body in http_bodies(name):
        posted, again = json.loads(body), written(body)
        fields, fields_again = posted.pop("output_fields"), again.pop("output_fields")
        assert again == {"tags": []} | posted
        for field, value in fields.items():
            if value in {None, "<NA>"} if isinstance(value, str | None) else is_clock_field(field):
                continue
            wanted = value if find_field(field) or isinstance(value, str | list) or field.startswith("falco.") else ...
            if wanted is not ...:
                assert fields_again[field] == wanted, field
        assert fields_again["evt.time"] > 10**18


def test_only_valid_json_numbers_become_numbers() -> None:
    """A value that is not a valid number stays text."""
    fields = {"proc.pid": "007", "proc.vpid": "9" * 40, "fd.rport": "443", "proc.is_exe_writable": "maybe"}
    again = written(json.dumps({"rule": "r", "output_fields": fields}).encode())["output_fields"]
    assert again == {"evt.time": 1} | fields | {"fd.rport": 443}


def test_a_device_number_stays_hexadecimal_text() -> None:
    """Falco's JSON has hexadecimal numbers as text, and numbers of every width as numbers."""
    alert = make_alert(
        time_ns=0, priority=Priority.DEBUG, rule="r", source="syscall", hostname="", tags=(), output="",
        fields={"fd.dev": "800001", "user.uid": "4294967295", "fd.sport": "22", "evt.cpu": "3", "fd.dev.major": "253"},
    )  # fmt: skip
    fields = json.loads(msgspec.json.encode(falco_json(alert)))["output_fields"]
    assert fields == {"evt.time": 0, "fd.dev": "800001", "user.uid": 4294967295, "fd.sport": 22, "evt.cpu": 3,
                      "fd.dev.major": 253}  # fmt: skip


def test_equal_alerts_are_not_unequal() -> None:
    """``!=`` is the negation of ``==``, also for alerts that differ only in what ``==`` ignores."""
    one, other = (
        make_alert(
            time_ns=0, priority=Priority.DEBUG, rule=rule, source="", hostname="", tags=(), output="", fields={"a": "(b)"},
            lists=lists,
        )
        for rule, lists in (("r", {}), ("r", {"a": ("b",)}))
    )  # fmt: skip
    assert one == other
    assert not one != other  # noqa: SIM202
    assert one != "r"
    assert one != make_alert(
        time_ns=0, priority=Priority.DEBUG, rule="q", source="", hostname="", tags=(), output="", fields={"a": "(b)"}
    )
