"""Alerts are encoded as Falco writes them."""

from __future__ import annotations

import json

import msgspec
import pytest

from bridge.alert import Alert
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
