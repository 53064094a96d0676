"""An alert goes out to machines as Falco itself writes it."""

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
def test_what_falco_posted_is_written_again_with_its_types(name: str) -> None:
    """Member by member, but for nulls, the clock's other spellings and types that no catalogue tells."""
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


def test_numbers_are_only_what_json_calls_numbers() -> None:
    """A text where Falco would have a number stays text, and so does a number of forty digits."""
    fields = {"proc.pid": "007", "proc.vpid": "9" * 40, "fd.rport": "443", "proc.is_exe_writable": "maybe"}
    again = written(json.dumps({"rule": "r", "output_fields": fields}).encode())["output_fields"]
    assert again == {"evt.time": 1} | fields | {"fd.rport": 443}
