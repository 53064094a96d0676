"""The result of a condition for an alert, by JSON and by gRPC, from the predicate and from the matcher."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bridge.alert import Alert
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.alert.forms.json_form import decode_json
from bridge.alert.wire.outputs_pb2 import response
from bridge.language.checker.check import check, check_condition
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.condition import Condition
from bridge.matching import Matcher, compile_condition

NOTHING = Known(None, None)


def checked(text: str, names: str = "") -> Condition | None:
    """The condition, or None if the check rejects it. ``names`` defines lists and macros."""
    found = check_condition(SourceText("case", text), NOTHING, [SourceText("names", names)])
    return None if isinstance(found, tuple) else found


def verdicts(text: str, fields: Mapping[str, Any]) -> set[bool]:
    """The result. Fails if JSON and gRPC, or predicate and matcher, disagree."""
    condition = checked(text)
    assert condition is not None, text
    program = check([SourceText("routes", f'route "r" {{ when {text}\n to x }}')], NOTHING).program
    assert program is not None
    predicate, matcher = compile_condition(condition, {}), Matcher(program, {})
    return {
        verdict for alert in by_each_road(fields) for verdict in (predicate(alert), matcher.match(alert, 0) == (0,))
    }


def by_each_road(fields: Mapping[str, Any]) -> list[Alert]:
    """The alert decoded from typed JSON and from gRPC text."""
    decoded = (
        decode_json(json.dumps({"rule": "r", "output_fields": fields}).encode(), 0),
        decode_grpc(response(rule="r", output_fields={k: _text(v) for k, v in fields.items()}).SerializeToString(), 0),
    )
    alerts = [each for each in decoded if isinstance(each, Alert)]
    assert len(alerts) == len(decoded)
    return alerts


def _text(value: Any) -> str:
    if isinstance(value, list):
        return f"({','.join(value)})"
    if isinstance(value, bool):
        return str(value).lower()
    return "<NA>" if value is None else str(value)
