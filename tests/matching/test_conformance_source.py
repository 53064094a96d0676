"""What Falco's own source says of cases that no recorded verdict speaks of (falcosecurity/libs, userspace/libsinsp)."""

from __future__ import annotations

import json

import pytest

from bridge.alert import Alert
from bridge.alert.grpc_form import decode_grpc
from bridge.alert.json_form import decode_json
from bridge.alert.wire.outputs_pb2 import response
from bridge.language import Known, Source, check_condition
from bridge.matching import compile_condition

FIELDS = {
    "proc.name": "bash", "fd.name": "/etc/a\nb", "fd.sport": 22, "evt.buffer": "abc", "fd.cip": "10.0.0.1",
    "proc.aname[2]": "c:\\bin/cron", "evt.rawres": -5, "user.name": "YQA=",
}  # fmt: skip


def alerts() -> list[Alert]:
    found = [
        decode_json(json.dumps({"rule": "r", "output_fields": FIELDS}).encode(), 0),
        decode_grpc(response(rule="r", output_fields={k: str(v) for k, v in FIELDS.items()}).SerializeToString(), 0),
    ]
    return [each for each in found if isinstance(each, Alert)]


@pytest.mark.parametrize(
    "condition",
    [
        # filter_compare.cpp: flt_is_comparable_buffer
        "evt.buffer glob a*", "evt.buffer iglob a*", "evt.buffer icontains A", "evt.buffer regex a.*",
        "evt.buffer pmatch (a)", "evt.buffer < 5",
        # sinsp_filtercheck.cpp: add_filter_value with a field; fields flagged EPF_NO_RHS
        "fd.cnet = val(fd.snet)", "proc.aname[2] = val(proc.name)", "proc.name = val(proc.aname[2])",
        "proc.name = tolower(proc.aname[2])",
        # filter/parser.cpp: parse_transformer_list_arg takes no list; what cannot be joined is refused at check time
        'join(",", (("a"), "b")) = "a,b"', 'join(",", (fd.sport, proc.name)) = "22,bash"',
        'getopt((fd.sport, proc.name), "a") intersects (a)', "tolower((proc.name, fd.sport)) intersects (bash)",
    ],
)  # fmt: skip
def test_what_the_source_refuses(condition: str) -> None:
    """A mistake is found by the check, never by an alert."""
    assert isinstance(check_condition(Source("case", condition), Known(None, None)), tuple)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        # filter_compare.cpp: flt_compare_buffer
        ("evt.buffer contains b", True), ("evt.buffer startswith ab", True), ("evt.buffer endswith c", True),
        ("evt.buffer bstartswith 6162", True), ("evt.buffer in (abc, x)", True), ("evt.buffer != abc", False),
        # filter/parser.cpp: parse_field_transformer_arg, parse_transformer_list_arg take numbers, as written
        ('concat("a", 5) = a5', True), ("concat(proc.name, 0x16) = bash0x16", True),
        ('join(",", (1, 2)) = "1,2"', True), ('join(",", (proc.name, -1.5)) = "bash,-1.5"', True),
        # sinsp_filtercheck.cpp: matches_one_rhs counts items, compare_rhs_with_mod is false of none
        ("proc.name = oneof (bash, bash)", False), ("proc.name startswith oneof (b, b)", False),
        ("proc.name != allof ()", False), ("proc.name regex anyof (ba.., x)", True),
        ("fd.cip = oneof (10.0.0.1, ::1)", True), ("fd.cip != allof (10.0.0.2, ::1)", True),
        # prefix_search.h: add_search_path_components; only a part with one of ?*[ is a glob
        (r'fd.name pmatch ("/e\\tc")', False), (r'fd.name pmatch ("/e\\t*")', True), ("fd.name pmatch (etc//)", True),
        (r'proc.aname[2] pmatch ("c:\\bin")', True), ("fd.name pmatch (/)", True),
        # sinsp_filter_transformer.cpp: string_transformer; filter_compare.cpp: flt_compare_string (zero bytes at the end)
        ("b64(user.name) = a", True), ("b64(user.name) in (a)", True), ("len(b64(user.name)) = 1", True),
        # value_parser.cpp: string_to_rawval
        ('fd.sport = " 22"', True), ("evt.rawres = -05", True), ("fd.cip != ::1", True),
    ],
)  # fmt: skip
def test_what_the_source_says(condition: str, expected: bool) -> None:
    """By either road."""
    checked = check_condition(Source("case", condition), Known(None, None))
    assert not isinstance(checked, tuple), checked
    assert [compile_condition(checked, {})(alert) for alert in alerts()] == [expected, expected]
