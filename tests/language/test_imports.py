"""Imports of route files and of Falco's rules, and the precedence of names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from bridge.alert import Alert
from bridge.alert.forms.json_form import decode_json
from bridge.language.checker.check import Checked, check, check_condition
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Code
from bridge.language.diagnostics.source import SourceText
from bridge.language.falco.rules import FalcoRules, read_rules
from bridge.language.program.condition import Compare, Items
from bridge.matching import Matcher, compile_condition

KNOWN = Known(frozenset({"x"}), None)
ITEMS = r"""
- list: odd
  items: [a b, '"c d"', "'e\"f'", 'g,h', '"i\\j"', 'k\l', '"m\n o"', 'runc:[0:PARENT]', '"\w"', inner]
- list: inner
  items: [x y]
- list: empty
  items: []
"""
RULES = """
- list: shells
  items: [bash, [sh, "zsh"], 0755]
- list: shells
  items: [fish]
  append: true
- list: replaced
  items: [a]
- list: replaced
  items: [b]
- macro: spawned
  condition: evt.type in (execve, execveat)
- macro: spawned
  condition: and proc.name != x
  append: true
- macro: overridden
  condition: evt.type = a
- macro: overridden
  condition: or evt.type = b
  override: {condition: append}
- rule: Shell
  condition: spawned and proc.name in (shells)
  output: shell (user=%user.name parent=%proc.pname first=%evt.arg[0])
  priority: INFO
  tags: [t1]
- rule: Shell
  output: "and %k8s.ns.name"
  tags: [t2]
  override: {output: append, tags: append}
- rule: Audit
  source: k8s_audit
  condition: ka.verb = create
  output: audit (%ka.user.name)
  priority: WARNING
- required_engine_version: 0.38.0
"""


def checked(files: Mapping[str, str], *roots: str, rules: FalcoRules | None = None) -> Checked:
    def read(_importer: str, written: str) -> SourceText | str:
        return SourceText(written, files[written]) if written in files else f"there is no {written}"

    return check([SourceText(root, files[root]) for root in roots], replace(KNOWN, rules=rules), read)


def test_items_are_split_as_in_falco() -> None:
    """Items of Falco's lists are inserted as text: quoted if they contain a space, split at commas."""
    rules = read_rules((SourceText("r", ITEMS),))
    assert isinstance(rules, FalcoRules)
    for text, expected in (("a b", True), ("c d", True), ('e"f', True), ("g", True), ("h", True), ("g,h", False), (r"i\j", True),
                           (r"i\\j", False), (r"k\l", True), ("m\no", False), ("m\n o", True), ("runc:[0:PARENT]", True),
                           (r"\w", True), ("x y", True), ("inner", False)):  # fmt: skip
        found = check_condition(SourceText("c", "proc.name in (odd, empty)"), Known(None, None, rules))
        assert not isinstance(found, tuple)
        alert = decode_json(json.dumps({"rule": "r", "output_fields": {"proc.name": text}}).encode(), 0)
        assert isinstance(alert, Alert)
        assert compile_condition(found, {})(alert) is expected, text


def codes(result: Checked) -> list[Code]:
    return [each.code for each in result.diagnostics]


def alert(text: str) -> Alert:
    found = decode_json(text.encode(), 0)
    assert isinstance(found, Alert)
    return found


def rules() -> FalcoRules:
    found = read_rules((SourceText("rules.yaml", RULES),))
    assert isinstance(found, FalcoRules)
    return found


def test_names_are_known_where_they_are_imported_and_routes_come_first() -> None:
    """A file that two files import is read once."""
    files = {
        "common": 'list prod = (a)\nmacro m = k8s.ns.name in (prod)\nroute "common" { when m to x }',
        "a": 'import "common"\nroute "a" { when m to x }',
        "b": 'import "common"\nlist prod += (b)\nroute "b" { when m and proc.name in (prod) to x }',
    }
    result = checked(files, "a", "b")
    assert codes(result) == []
    assert result.program is not None
    assert [route.name for route in result.program.routes] == ["common", "a", "b"]
    match = Matcher(result.program, {}).match
    assert match(alert('{"rule":"r","output_fields":{"k8s.ns.name":"b","proc.name":"b"}}'), 0) == (2,)
    assert codes(checked({"a": "list prod = (a)", "b": 'route "b" { when proc.name in (prod) and m to x }'}, "a", "b")) == [
        Code.UNUSED_NAME, Code.UNKNOWN_MACRO,
    ]  # fmt: skip


def test_cycles_missing_files_and_duplicates_are_reported() -> None:
    """Every error is reported at its import."""
    assert codes(checked({"a": 'import "b"', "b": 'import "a"'}, "a")) == [Code.CYCLE]
    assert codes(checked({"a": 'import "none"'}, "a")) == [Code.CANNOT_IMPORT]
    files = {"a": 'import "b"\nimport "c"', "b": "list l = (a)", "c": "list l = (b)"}
    assert codes(checked(files, "a")) == [Code.DUPLICATE_NAME]
    assert codes(checked({"a": 'import falco "r"', "r": "}{"}, "a")) == [Code.CANNOT_IMPORT]


def test_falcos_rules_are_read_as_falco_reads_them() -> None:
    """Append, override, nested lists and output fields are read as in Falco."""
    found = rules()
    assert found.lists == {"shells": ("bash", "sh", "zsh", "0755", "fish"), "replaced": ("b",)}
    assert found.macros == {
        "spawned": "evt.type in (execve, execveat) and proc.name != x",
        "overridden": "evt.type = a or evt.type = b",
    }
    shell = found.rules["Shell"]
    assert shell.fields == {"user.name", "proc.pname", "evt.arg[0]", "k8s.ns.name"}
    assert (shell.tags, shell.priority.word, found.rules["Audit"].source) == (
        ("t1", "t2"),
        "informational",
        "k8s_audit",
    )


def test_a_rules_file_of_several_documents_is_read_to_its_end() -> None:
    """All documents of a YAML file are read."""
    found = read_rules(
        (SourceText("r", "# ours\n---\n- list: l\n  items: [a]\n---\n---\n- list: l\n  items: [b]\n  append: true\n"),)
    )
    assert isinstance(found, FalcoRules)
    assert found.lists == {"l": ("a", "b")}
    assert (
        read_rules((SourceText("r", "- list: l\n---\nno\n"),)) == "r is not a rules file: it contains no list of rules"
    )


def test_appends_find_definitions_of_other_imports() -> None:
    """Rules from several imports are combined as if Falco had read all files."""
    files = {
        "rules": RULES,
        "local": "- list: shells\n  items: [ash]\n  override: {items: append}\n"
        "- rule: Audit\n  output: and %ka.verb\n  override: {output: append}",
        "common": 'import falco "rules"',
        "a": 'import "common"\nimport falco "local"\nroute "a" { when spawned and proc.name in (shells) to x }',
        "b": 'import falco "local"\nroute "b" { when spawned and proc.name in (shells) to x }',
    }
    for result in (checked(files, "a"), checked(files, "b", rules=rules())):
        assert codes(result) == []
        assert result.program is not None
        match = Matcher(result.program, {}).match
        for name in ("bash", "ash"):
            line = f'{{"rule":"r","output_fields":{{"evt.type":"execve","proc.name":"{name}"}}}}'
            assert match(alert(line), 0) == (0,), name
        assert result.gathered is not None
        last = list(result.gathered.files.values())[-1].rules
        assert last is not None
        assert last.rules["Audit"].fields == {"ka.user.name", "ka.verb"}


def test_each_invalid_rules_file_is_reported_at_its_import() -> None:
    """Each invalid rules file is reported at its own import."""
    files = {"a": 'import "c"\nimport falco "r"\nimport falco "s"\nimport falco "t"', "c": "list l = (x)", "r": "}{", "s": RULES,
             "t": "word"}  # fmt: skip
    assert [(each.code, each.span.line) for each in checked(files, "a").diagnostics] == [
        (Code.CANNOT_IMPORT, 2),
        (Code.CANNOT_IMPORT, 4),
    ]


def test_arguments_of_transformers_in_an_output_are_fields() -> None:
    """Fields inside transformers are found, and every spelling of true is recognized."""
    output = (
        'x %basename(proc.exepath) %toupper(user.name) %join("/", (proc.pname, tolower(proc.aname[2]))) 9%% (fd.name)'
    )
    text = f"""
- list: shells
  items: [bash]
- list: shells
  append: True
  items: [sh]
- rule: R
  enabled: false
  condition: evt.type = execve
  exceptions: [{{name: known, fields: [proc.cmdline], values: [[x]]}}]
  output: {output}
  priority: NOTICE
- rule: R
  append: yes
  exceptions: [{{name: known, values: [[y]]}}]
- rule: R
  enabled: true
"""
    found = read_rules((SourceText("rules.yaml", text),))
    assert isinstance(found, FalcoRules)
    assert found.lists == {"shells": ("bash", "sh")}
    assert found.rules["R"].fields == {"proc.exepath", "user.name", "proc.pname", "proc.aname[2]"}


def test_own_names_take_precedence_over_falcos() -> None:
    """Falco's macros and lists are usable, and an own list replaces Falco's."""
    files = {
        "rules": RULES,
        "a": 'import falco "rules"\nlist replaced = (mine)\n'
        'route "a" { when spawned and proc.name in (shells) to x }\nroute "b" { when proc.name in (replaced) to x }',
    }
    result = checked(files, "a")
    assert codes(result) == []
    assert result.program is not None
    match = Matcher(result.program, {}).match
    assert match(alert('{"rule":"r","output_fields":{"evt.type":"execve","proc.name":"zsh"}}'), 0) == (0,)
    assert match(alert('{"rule":"r","output_fields":{"proc.name":"mine"}}'), 0) == (1,)
    assert codes(checked(files | {"a": 'import falco "rules"\nroute "a" { when rule = Shel to x }'}, "a")) == [
        Code.UNKNOWN_RULE
    ]


def test_an_invalid_falco_macro_affects_only_its_uses() -> None:
    """An invalid Falco macro is reported only where it is used."""
    files = {"r": "- macro: odd\n  condition: evt.type ==== x", "a": 'import falco "r"\nroute "a" { drop }'}
    assert codes(checked(files, "a")) == []
    files["a"] = 'import falco "r"\nroute "a" { when odd drop }'
    assert codes(checked(files, "a")) == [Code.CANNOT_IMPORT]


def test_templates_where_and_use() -> None:
    """Texts of a route take precedence over its template, and nested ``where`` conditions are combined."""
    result = checked(
        {
            "a": 'template t { title "T %rule" message "M" }\n'
            "where rule = r { where proc.name = p {\n"
            'route "a" { when user.name = u to x use t title "own" } } route "b" { to x use t } }'
        },
        "a",
    )
    assert codes(result) == []
    assert result.program is not None
    first, second = result.program.routes
    assert (first.title, first.message, second.title) == ("own", "M", "T %rule")
    match = Matcher(result.program, {}).match
    assert match(alert('{"rule":"r","output_fields":{"proc.name":"p","user.name":"u"}}'), 0) == (0, 1)
    assert match(alert('{"rule":"r","output_fields":{"user.name":"u"}}'), 0) == (1,)
    assert match(alert('{"rule":"q","output_fields":{"proc.name":"p","user.name":"u"}}'), 0) == ()


def test_a_field_without_a_dot_from_falco_yaml() -> None:
    """``extra_fields`` may name a field without a dot: conditions, texts and tests can use it."""
    rules = SourceText("rules.yaml", "- rule: R\n  output: x\n  priority: ERROR\n")
    config = SourceText("falco.yaml", 'append_output:\n- extra_fields:\n  - home_directory: "${HOME}"\n')
    known = read_rules((rules, config))
    assert isinstance(known, FalcoRules)
    text = """route "r" { when home_directory = /root and home_directory exists title "%home_directory" to x }
    test "t" { event { rule = R home_directory = /root } expect "r" }"""
    assert [d.message for d in check([SourceText("t", text)], Known(None, None, known)).diagnostics] == []
    unknown = check([SourceText("t", text)], Known(None, None)).diagnostics
    assert any("unknown field `home_directory`" in each.message for each in unknown)


def test_an_empty_item_of_an_imported_list_does_not_count() -> None:
    """Falco inserts items as text. A quoted empty item counts."""
    known = read_rules((SourceText("r", "- list: l\n  items: ['', a]\n- list: q\n  items: ['\"\"', a]\n"),))
    assert isinstance(known, FalcoRules)
    for name, expected in (("l", ["a"]), ("q", ["", "a"])):
        found = check_condition(SourceText("c", f"proc.name in ({name})"), Known(None, None, known))
        assert isinstance(found, Compare)
        assert isinstance(found.right, Items)
        assert [literal.text for literal in found.right.values] == expected
