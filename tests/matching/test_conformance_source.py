"""Cases from Falco's source without recorded results (falcosecurity/libs, userspace/libsinsp)."""

from __future__ import annotations

import pytest

from tests.matching.verdicts import checked, verdicts

FIELDS = {
    "proc.name": "bash", "fd.name": "/etc/a\nb", "fd.sport": 22, "evt.buffer": "abc", "fd.cip": "10.0.0.1",
    "proc.aname[2]": "c:\\bin/cron", "evt.rawres": -5, "user.name": "YQA=", "evt.num": 1, "container.duration": 22,
    "evt.arg.flags": "O_CREAT", "proc.exe": "", "user.loginname": "bash", "ka.user.groups": ["A", "b"],
    "container.privileged": True, "proc.args": "\u00e9", "proc.env": "yQ==",
}  # fmt: skip


@pytest.mark.parametrize(
    "condition",
    [
        # filter_compare.cpp: flt_is_comparable_buffer
        "evt.buffer glob a*", "evt.buffer iglob a*", "evt.buffer icontains A", "evt.buffer regex a.*",
        "evt.buffer pmatch (a)", "evt.buffer < 5",
        # sinsp_filtercheck.cpp: add_filter_value with a field; fields flagged EPF_NO_RHS
        "fd.cnet = val(fd.snet)", "proc.aname[2] = val(proc.name)", "proc.name = val(proc.aname[2])",
        "proc.name = tolower(proc.aname[2])", "proc.name = tolower(toupper(proc.aname[2]))",
        # filter/parser.cpp: parse_transformer_list_arg takes no list; sinsp_filtercheck_rawstring.cpp: list_check
        'join(",", (("a"), "b")) = "a,b"', 'join(",", (fd.cip, proc.name)) = x', 'join(",", (len(proc.name))) = 4',
        # filter/parser.cpp: s_field_transformers end in the parenthesis
        "tolower (proc.name) = bash", "proc.name = val (user.name)", "len( tolower (proc.name)) = 4",
        # sinsp_filtercheck.cpp: check_rhs_field_type_consistency: a time span is no number
        "fd.sport = val(container.duration)", "container.duration >= len(proc.name)", "evt.rawres = val(fd.sport)",
        # filter/parser.cpp: lex_blank knows no form feed and no vertical tab
        "proc.name\f= bash", "proc.name = bash\v",
        # EPF_ARG_REQUIRED
        "evt.arg exists", "evt.arg[flags] = a", 'evt.arg["flags"] = a', "evt.rawarg[res] = 1", "evt.rawarg[0] = 1",
        "proc.args[x] = a", "k8s.pod.label = x", "json.value = x",
        # sinsp_utils ipv6net: a prefix of nothing
        "fd.net = ::/0",
    ],
)  # fmt: skip
def test_conditions_that_falcos_source_rejects(condition: str) -> None:
    """Conditions that Falco rejects are rejected by the check."""
    assert checked(condition) is None


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
        # base64.h: decodeWithoutPadding takes two `=` at most, due or not
        *((f'b64(concat("{text}", proc.exe)) exists', found) for text, found in (
            ("", True), ("YQ", True), ("YQ=", True), ("YQ==", True), ("YQ===", False), ("YWI==", True), ("=", False),
            ("==", False), ("Y", False), ("YR", False), ("Y Q=", False), ("YQ=a", False), ("-_-_", False))),
        # filter_compare.cpp: flt_compare_string compares bytes, what is no UTF-8 too
        ("b64(proc.env) > val(proc.args)", True), ("b64(proc.env) < val(proc.args)", False),
        # sinsp_filtercheck.cpp: compare_rhs: what a transformer gives carries its end along where it is looked up
        ("proc.name in val(user.loginname)", True), ("proc.name in tolower(user.loginname)", False),
        ("proc.exe in val(proc.exe)", True), ("tolower(proc.name) intersects val(user.loginname)", True),
        ("not proc.name intersects basename(user.loginname)", True), ("proc.name = tolower(user.loginname)", True),
        ("tolower(ka.user.groups) intersects (a, b)", False), ("ka.user.groups in val(ka.user.groups)", True),
        ("ka.user.groups intersects tolower(ka.user.groups)", False),
        ("tolower(ka.user.groups) in tolower(ka.user.groups)", True), ("len(tolower(ka.user.groups)) = 2", True),
        ("b64(ka.user.groups) exists", False),
        # sinsp_filtercheck.cpp: add_filter_value compiles RE2's POSIX syntax
        ('proc.exe regex ".+?"', True), ('proc.exe regex "(?i).+?"', False), ('proc.name regex "(b|a|s|h)**"', True),
        ('fd.name regex "/etc/a$[^x]^b"', True), ('proc.name regex "b{2}?ash"', False), ('proc.name regex "b{3}?bash"', True),
        # sinsp_filter_compiler: create_filtercheck_name has no quotes
        ('proc.aname["2"] contains cron', True), ("proc.aname['2'] endswith cron", True),
        # value_parser.cpp: string_to_rawval
        ('evt.num = " 1"', True), ("evt.rawres = -05", True), ("fd.cip != ::1", True),
    ],
)  # fmt: skip
def test_results_from_falcos_source(condition: str, expected: bool) -> None:
    """The result is the same by JSON and by gRPC."""
    assert verdicts(condition, FIELDS) == {expected}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        # filter/parser.cpp: lex_blank
        ("proc.name\b=\bbash", True), ("\bproc.name exists\b", True), ("proc.name = bash\b", False),
        # value_parser.cpp: a value is a C string
        (r'proc.name = "bash\x00x"', True), (r'proc.name in (a, "bash\x00")', True), (r'proc.name startswith "b\x00z"', True),
        (r'evt.buffer contains "b\x00"', False), (r'concat("b\x00a", proc.name) = bbash', True),
        # sinsp_filter_transformer_base64.cpp, _len.cpp take a buffer, the others do not
        ("len(evt.buffer) = 3", True), ("b64(evt.buffer) exists", True),
    ],
)  # fmt: skip
def test_bytes_that_end_words_and_values(condition: str, expected: bool) -> None:
    """A backspace is a blank between words; a zero byte ends a value, except for bytes."""
    assert verdicts(condition, FIELDS) == {expected}


@pytest.mark.parametrize(
    "condition",
    ["tolower(evt.buffer) = a", "toupper(evt.buffer) = a", "basename(evt.buffer) = a", 'concat(evt.buffer, "a") = a',
     "b64(evt.buffer) glob a*", "len(proc.aname[2]) = 4", "tolower(fd.sip.name) = a"],
)  # fmt: skip
def test_transformers_that_falco_does_not_apply(condition: str) -> None:
    """Transformers take the types of sinsp_filter_transformers, and not fields flagged EPF_NO_TRANSFORMER."""
    assert checked(condition) is None
