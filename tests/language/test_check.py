"""Checking: all problems in one run, rendering, error recovery, suggestions and limits."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.language.checker.check import check, check_condition
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Code
from bridge.language.diagnostics.render import render_text
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.template import fill, parse_template
from bridge.language.syntax.parser import MAX_SYNTAX_ERRORS

KNOWN = Known(frozenset({"pager", "archive"}), frozenset({"cluster"}))


def test_all_problems_of_all_statements_are_reported_at_once() -> None:
    """A syntax error skips its own statement only."""
    text = 'route "a" { when rule == }\nroute "b" { to pagr }\nlist l = (a\nroute "c" { to pager, nowhere }\n'
    codes = [each.code for each in check([SourceText("t.route", text)], KNOWN).diagnostics]
    assert codes == [Code.SYNTAX, Code.UNKNOWN_CHANNEL, Code.SYNTAX, Code.UNKNOWN_CHANNEL]


def test_the_text_shows_line_caret_and_hint() -> None:
    """The text has the code, the place, the line, a caret and the hint."""
    source = SourceText("t.route", 'route "r" {\n  when proc.cmdlin contains rm\n  to pager\n}\n')
    assert render_text(check([source], KNOWN).diagnostics, {"t.route": source}) == (
        "error[R201]: unknown field `proc.cmdlin`\n"
        "  ┌─ t.route:2:8\n"
        "2 │   when proc.cmdlin contains rm\n"
        "  │        ^^^^^^^^^^^ did you mean `proc.cmdline`?\n\n"
    )


@pytest.mark.parametrize(
    ("before", "columns"),
    [('"日本"', 6), ('"e\u0301"', 3), ('"\x1b"', 6), ("x", 1), ('"\u202e"', 8), ('"é"', 3)],
    ids=["wide", "combining", "control", "plain", "format", "composed"],
)
def test_the_caret_marks_its_place_on_a_terminal(before: str, columns: int) -> None:
    """Wide and combining characters, tabs and escaped control characters take the columns that a terminal gives them."""
    source = SourceText("t.route", f'route "r" {{\twhen rule = {before} and proc.nam = "日" to pager }}')
    caret = render_text(check([source], KNOWN).diagnostics, {"t.route": source}).splitlines()[3]
    assert caret == f"  │ {' ' * 11}\t{' ' * (12 + columns + 5)}^^^^^^^^ did you mean `proc.name`?"


def test_macros_that_double_are_rejected_quickly() -> None:
    """Thirty macros, each using the previous one twice, would expand to a billion comparisons."""
    lines = ["macro m0 = proc.name = a"] + [f"macro m{n} = m{n - 1} or m{n - 1}" for n in range(1, 31)]
    codes = {each.code for each in check([SourceText("t.route", "\n".join(lines))], KNOWN).diagnostics}
    assert Code.TOO_LARGE in codes


@given(st.text(max_size=300))
def test_any_text_is_checked_without_an_exception(text: str) -> None:
    """A check never raises, and there is no program exactly if there are errors."""
    checked = check([SourceText("t.route", text)], KNOWN)
    assert (checked.program is None) == (checked.errors > 0)


WORDS = st.sampled_from(
    [
        "route",
        '"r"',
        "{",
        "}",
        "when",
        "to",
        "pager",
        "drop",
        "stop",
        "list",
        "macro",
        "a",
        "b",
        "=",
        "(",
        ")",
        ",",
        "not",
        "and",
        "or",
        "proc.name",
        "fd.sport",
        "in",
        "contains",
        "exists",
        "tolower(",
        "val(",
        '"x"',
        '"\\w"',
        "priority",
        ">=",
        "warning",
        "oneof",
        "otherwise",
        "title",
        '"%x"',
        "#",
        "\n",
    ]
)


@given(st.lists(WORDS, max_size=40))
def test_any_sequence_of_words_is_checked_without_an_exception(words: list[str]) -> None:
    """Almost valid files are checked without an exception."""
    checked = check([SourceText("t.route", " ".join(words))], KNOWN)
    render_text(checked.diagnostics, {})
    assert (checked.program is None) == (checked.errors > 0)


_WRITTEN = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"'}


def quote(text: str) -> str:
    """Falco reads a quote after a backslash as escaped: a final backslash is written with a space after it."""
    written = "".join(_WRITTEN.get(letter, letter) for letter in text)
    return f'"{written[:-1]} "' if text.endswith("\\") else f'"{written}"'


@given(st.text(max_size=50))
@example("C:\\")
def test_quoted_values_survive_unchanged(value: str) -> None:
    """A quoted value is compared unchanged, up to a zero byte."""
    from bridge.language.program.condition import Compare, Literal

    condition = check_condition(SourceText("c", f"proc.name = {quote(value)}"), KNOWN)
    assert isinstance(condition, Compare)
    assert isinstance(condition.right, Literal)
    assert condition.right.text == value.partition("\0")[0]


def test_templates_fill_as_falcos_output_does() -> None:
    """Fields, widths, percent signs, transformers and missing values are filled in, and every value is escaped."""
    values = {"proc.name": "Bash<", "evt.arg[0]": "x"}
    template = parse_template("%proc.name|%3proc.name|%8evt.arg[0]|%%|%tolower(proc.name)|%fd.name")
    assert fill(template, values.get, lambda text: text.replace("<", "&lt;")) == (
        "Bash&lt;|Bas|x       |%|bash&lt;|&lt;NA>"
    )


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('route "r" { when proc.name not in (a) to x }', "write `not proc.name in …`"),
        ('route "r" { to x throttle 3 for 10m }', "write `per`"),
        ('route "r" { to x\nroute "q" { to x }', "close it with `}`, probably after line 1"),
        ('route "r" { when (proc.name = a to x }', "close it with `)`, probably at the end of line 1"),
        ('route "r" { when proc.name in (a, b to x }', "close it with `)`, probably at the end of line 1"),
        ('route "r" { when proc.name in "a" to x }', 'write `("a")`'),
        ('list l = (a)\nroute "r" { when proc.name in l to x }', "write `(l)`"),
        ('route "r" { when NOT rule = a to x }', "write `not` instead of `NOT`"),
        ('route "r" { when exists proc.name to x }', "write `proc.name exists`"),
        ('route "r" { when rule = a and to x }', "remove it, or write the condition"),
        ('route "r" { when rule = “a b” to x }', 'use straight quotes: "'),
        ('route\xa0"r" { to x }', "invisible character: use a plain space"),
        ('route "r" { when rule = a\xa0to x }', "invisible character before it: use a plain space"),
        ('route "r" { when rule = a\u200b to x }', "remove it, or quote the value"),
        ('route "r" { when rule in [a, b] to x }', "write `(a, b)`"),
        ('route "r" { when rule = a, b to x }', "for several values: rule in (a, b)"),
        ('route "r" { when rule = a or b to x }', "for several values: rule in (a, b)"),
        ('route "r" { when rule not in (a) to x }', "write `not rule in …`"),
        ('route "r" { when $rule = a to x }', "write `rule`"),
        ('route "r" { when proc.aname[2 = x to y }', "write arguments in brackets: proc.aname[2]"),
        ('route "r" { where rule = a to x }', "inside a route write `when`; or missing `}` before it?"),
        ('route "r" { to x, }', "remove the comma"),
        ('route "r" { to "x" }', "remove the quotes"),
        ('route "r" { to "x }', "missing closing quote, probably at column 18"),
        ('route "r" { to x throttle 3 per 10min }', "write `10m`"),
        ('route "r" { to x } // why', "write `#`"),
        ('route "r" { when priority >= warn to x }', "did you mean `warning`?"),
        ("redact proc.args 'x'", "missing `matching` before it?"),
        ("import rules.route", 'quote it: "rules.route"'),
        ("macro m: rule = a", "write `=`"),
        ('list prod = (prod, "prod-eu")', "to use the name as text, quote it"),
        ("list l = a", "write `(a)`"),
        ("schedule s = Mon-Fri", "write `mon-fri`"),
        ("schedule s = mon 09:00-17:00 in Europe/Berlin", 'quote it: "Europe/Berlin"'),
        ('template t { titel "x" }', "did you mean `title`?"),
        ('test "t" { event { rule = a, source = b } expect nothing }', "remove the comma"),
        ('route "r" { if rule = a to x }', "write `when`"),
        ('route "r" { when rule = a notify x }', "write `to`"),
        ('route "r" { to x priority critical }', "write `severity`"),
        ('route "r" { when rule ~= "a.*" to x }', "write `regex`"),
        ('route "r" { when rule =~ "a.*" to x }', "write `regex`"),
        (
            'route "r" { to x during 9-17 }',
            "define `schedule office = mon-fri 09:00-18:00`, then write `during office`",
        ),
        (
            'route "r" { during mon-fri to x }',
            "define `schedule office = mon-fri 09:00-18:00`, then write `during office`",
        ),
        ("otherwise to x", "write `{ to x }`"),
        ('route "r" { when namespace = a to x }', "did you mean `k8s.ns.name`?"),
        ('route "r" { when k8s.namespace.name = a to x }', "did you mean `k8s.ns.name`?"),
        ('route "r" { when alert.rule = a to x }', "did you mean `rule`?"),
        ('route "r" { when pod.name = a to x }', "did you mean `k8s.pod.name`?"),
        ('route "r" { when k8s.pod.labels[app] = a to x }', "write `k8s.pod.label[app]`"),
        ('route "r" { when k8s.pod.labels.app = a to x }', "did you mean `k8s.pod.label[app]`?"),
        ('route "r" { when fd.sip = 10.0.0.0-10.0.0.255 to x }', "write `fd.sip in (10.0.0.0/24)`"),
        (
            'route "r" { when fd.sip != private to x }',
            "write `not fd.sip in (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16)`",
        ),
        ('route "r" { when fd.sip = 10.0.0.0/33 to x }', "the number after `/` is at most 32"),
        ('route "r" { when fd.sip = 300.1.1.1 to x }', "each of the four numbers is at most 255"),
        ('route "r" { when proc.name = * to x }', "for any value: proc.name exists"),
        ('route "r" { to x severity P1 }', "write `critical`"),
        ('macro m = rule = a\nroute "r" { when m = true to x }', "write `m` alone, or `not m`"),
        ('list l = (a)\nroute "r" { when l to x }', "write `FIELD in (l)`"),
        (
            'route "r" { when count > 5 to x }',
            "a condition is about one alert; for repeated alerts add the clause: after 5 in 5m",
        ),
        (
            'route "r" { when rule = a then within 5m by rule proc.name = b to x }',
            "the condition comes first: then CONDITION within 5m by FIELD",
        ),
        ("macro m(x) = rule = x", "macros have no parameters: write `macro NAME = CONDITION`, one macro per value"),
        ('redact proc.cmdline with "x"', 'write what to replace before it: matching "REGEX"'),
        ("schedule s = 0 9 * * 1-5", "write days and hours, not a cron expression: mon-fri 09:00-18:00"),
        ('route "r" { when rule = a absent rule 10m to x }', "`absent` is written `absent 10m by FIELD`"),
        ('where "prod" { }', 'write a comparison, such as `rule = "prod"`'),
        (
            'route "r" { when k8s.foo.bar = a to x }',
            "run: falco-bridge fields 'k8s.*'; newer ones: `fields` of the config",
        ),
    ],
)
def test_the_hint_gives_the_likely_fix(text: str, hint: str) -> None:
    """The hint of an error gives the likely fix."""
    assert check([SourceText("t", text)], Known(None, None)).diagnostics[0].hint == hint


def test_a_misplaced_statement_in_a_where_is_one_error() -> None:
    """The routes after it are checked, and the closing brace is not another error."""
    text = 'where k8s.ns.name = a {\n list l = (b)\n foo\n route "r" { when proc.nam = x to y }\n}\nroute "s" { to z }'
    assert [(each.code, each.span.line) for each in check([SourceText("t", text)], Known(None, None)).diagnostics] == [
        (Code.SYNTAX, 2),
        (Code.UNKNOWN_FIELD, 4),
    ]
    unclosed = check([SourceText("t", 'where k8s.ns.name = a { route "r" { drop }')], Known(None, None))
    assert [each.hint for each in unclosed.diagnostics] == ["close it with `}`, probably after line 1"]


def test_the_caret_of_a_template_marks_the_field() -> None:
    """The caret marks the whole text if it contains escapes."""
    text = """route "r" { to x title "%rule 5% %12proc.nam" message 'a\\n%tolower(proc.nam)' }"""
    found = check([SourceText("t", text)], Known(None, None)).diagnostics
    assert [text[each.span.start : each.span.end] for each in found] == ["%", "%12proc.nam", "'a\\n%tolower(proc.nam)'"]
    assert [each.span.column - 1 for each in found] == [each.span.start for each in found]


@pytest.mark.parametrize(
    "lists",
    [
        "list a = (b)\nlist b = (a)",
        "list a = (x",
        "list c = (x\nlist a = (c)",
        f"list a = ({', '.join(f'v{n}' for n in range(100_001))})",
    ],
    ids=["circle", "syntax", "within", "large"],
)
def test_a_list_with_an_error_causes_no_further_diagnostics(lists: str) -> None:
    """A list with an error is reported once, and its uses cause no further diagnostics. A repaired one is used."""
    text = f'{lists}\nroute "r" {{ when proc.name in (a) drop }}\nroute "s" {{ when proc.name = a to pager }}'
    checked = check([SourceText("t", text)], KNOWN)
    assert {each.code for each in checked.diagnostics} <= {Code.CYCLE, Code.SYNTAX, Code.TOO_LARGE}
    repaired = Code.SYNTAX in {each.code for each in checked.diagnostics}
    assert [route.name for route in checked.understood] == (["r", "s"] if repaired else ["s"])


@pytest.mark.parametrize("items", ['("shell")', "(sh)", "(bash)", "(shell, x)", "(shells)", "(/bin/shells)"])
def test_an_intended_value_is_not_a_misspelt_list(items: str) -> None:
    """A value is not reported if it is quoted, unlike any list, one of several, or an item of the list."""
    text = f'list shells = (shella, "b")\nlist bashs = (bash)\nroute "r" {{ when proc.name in {items} or proc.name in (shells, bashs) to pager }}'
    assert [each.code for each in check([SourceText("t", text)], KNOWN).diagnostics] == []


def test_an_unclosed_quote_affects_its_own_route_only() -> None:
    """A quote where no value can start is reported at its place."""
    text = 'route "r" { when rule = a " to x }\nroute "s" { when proc.nam = x to y }'
    found = check([SourceText("t", text)], Known(None, None)).diagnostics
    assert [(each.code, each.span.line) for each in found] == [(Code.SYNTAX, 1), (Code.UNKNOWN_FIELD, 2)]
    assert (found[0].message, found[0].hint) == (
        "this quote closes nothing", "remove it, or open the quotes before the value"
    )  # fmt: skip


ROUTES = [
    f'route "r{n}" {{\n  when rule = a{n} and proc.cmdline contains "x y {n}"\n  to x\n  title "t {n}"\n}}\n'
    for n in range(9)
]


@pytest.mark.parametrize(
    ("change", "line", "hint"),
    [
        (('y 3"', "y 3"), 17, "missing closing quote, probably at column 50"),
        (('t 3"', "t 3"), 19, "missing closing quote, probably at column 13"),
        (('t 3"', "t 3'"), 19, "missing closing quote, probably at column 14"),
        (('route "r3" {', 'list l = (a, "b\nroute "r3" {'), 16, "missing closing quote, probably at column 16"),
        (('"r3" {', '"r3"'), 17, "missing `{` before it?"),
        (('t 3"\n}', 't 3"'), 16, "close it with `}`, probably after line 19"),
    ],
)
def test_one_mistake_is_one_error(change: tuple[str, str], line: int, hint: str) -> None:
    """A missing quote or brace is one error at its own place, and the other routes are checked."""
    text = "".join(ROUTES).replace(*change) + 'route "last" { when proc.nam = x to y }'
    first, *others = check([SourceText("t", text)], Known(None, None)).diagnostics
    assert (first.code, first.span.line, first.hint) == (Code.SYNTAX, line, hint)
    assert [each.code for each in others] == [Code.UNKNOWN_FIELD]


def test_quotes_that_never_close_cost_linear_time() -> None:
    """Two hundred thousand escaped quotes take less than the timeout of the test."""
    (only,) = check([SourceText("t", 'route "r" { to x }\n' + '"' + '\\"' * 200_000)], Known(None, None)).diagnostics
    assert (only.code, only.span.line) == (Code.SYNTAX, 2)


@pytest.mark.parametrize(
    "head", ["where rule = {", "where rule == a b {", "where rule = a", 'where rule = "a {', "where rule = a and\n  {"]
)
def test_routes_in_a_where_with_an_invalid_condition_are_checked(head: str) -> None:
    """Routes inside are checked and their names are known, but they are not analysed."""
    text = f"""{head}
  route "all" {{ drop }}
  route "typo" {{ when proc.nam = x to pager }}
}}
route "b" {{ to pager }}
test "t" {{ event {{ }} expect "b" expect not "all" }}"""
    checked = check([SourceText("t", text)], KNOWN)
    assert [each.code for each in checked.diagnostics] == [Code.SYNTAX, Code.UNKNOWN_FIELD]
    assert [route.name for route in checked.understood] == ["b"]


def test_a_test_may_name_a_route_with_a_syntax_error() -> None:
    """A route with a syntax error is not an unknown route; a missing one is."""
    text = 'route "a" { to x y }\ntest "t" { event { } expect "a" expect "c" }'
    assert [each.code for each in check([SourceText("t", text)], Known(None, None)).diagnostics] == [
        Code.SYNTAX, Code.UNKNOWN_ROUTE,
    ]  # fmt: skip


def test_too_many_errors_end_the_check_of_a_file() -> None:
    """After the limit, one diagnostic says that the rest is not checked."""
    found = check([SourceText("t", "macro m =\n" * 200)], Known(None, None)).diagnostics
    assert sum("the rest of the file is not checked" in each.message for each in found) == 1
    assert len(found) == MAX_SYNTAX_ERRORS + 1


def test_a_list_is_checked_once_for_all_routes() -> None:
    """The items of a list are shared between routes, and warnings are reported for each use."""
    route = 'route "r{}" {{ when proc.name in (l) and fd.name in (m) to pager }}'
    routes = [route.format(number) for number in range(3)]
    checked = check([SourceText("t", "\n".join(["list l = (a, b)", 'list m = (c, "<NA>")', *routes]))], KNOWN)
    assert checked.program is not None
    conditions = [route.when for route in checked.program.routes]
    assert len({id(each.conditions[0].right.values) for each in conditions}) == 1  # type: ignore[union-attr]
    assert [each.code for each in checked.diagnostics] == [Code.LITERAL_MISSING] * 3


def test_a_list_that_contains_a_cycle_is_not_part_of_it() -> None:
    """Only the lists of the cycle are reported."""
    text = "list a = (b)\nlist b = (a)\nlist c = (a, x)\nlist d = (c)\nlist e = (e)"
    found = check([SourceText("t", text)], Known(None, None)).diagnostics
    assert [each.span.line for each in found if each.code is Code.CYCLE] == [1, 2, 5]


def test_nested_lists_take_linear_time() -> None:
    """A long chain of lists is resolved in linear time, and lists have a limit in total."""
    count = 20_000
    chain = "\n".join(f"list l{n} = (l{n + 1})" for n in range(count))
    for last in ("(x)", f"(l{count})"):
        text = f'{chain}\nlist l{count} = {last}\nroute "r" {{ when proc.name in (l0) to pager }}'
        codes = [each.code for each in check([SourceText("t", text)], KNOWN).diagnostics]
        assert codes == ([] if last == "(x)" else [Code.CYCLE])
    large = f"list big = ({', '.join(f'v{n}' for n in range(90_000))})\n"
    text = large + "".join(f"list l{n} = (big)\n" for n in range(200))
    found = [each for each in check([SourceText("t", text)], KNOWN).diagnostics if each.code is Code.TOO_LARGE]
    assert len(found) == 190


def test_an_error_does_not_leak_into_the_next_parse() -> None:
    """The first text ends with a list that Falco would reject in a condition, and the parser stops before the list ends."""
    stopped = check([SourceText("a", 'list l = ("x\\\\", \nroute "r" { to pager }')], KNOWN)
    assert stopped.errors
    found = check_condition(SourceText("b", "innocent"), KNOWN, [SourceText("c", "macro innocent = proc.name = bash")])
    assert not isinstance(found, tuple)


@pytest.mark.parametrize(
    "text",
    [
        'route "r" { when proc.name ~ ~ ~ ~ ~ ~ ~ ~ to pager }',
        "; ; ; ; ; ; ; ; ; ; ; ;",
        'route "r" { to a b c d e f g h i j k l m n o p q r s t }',
        "if (x) {\n" * 40,
        "{" * 300 + "}" * 299,
        "where rule = a {\n" * 60,
        'route "r" { when (((((((((( to x }\n' * 20,
    ],
)
def test_a_text_in_another_language_gives_few_errors(text: str) -> None:
    """Repairs end: a line is given up after a few errors, and each error lies after the one before."""
    found = [each for each in check([SourceText("t", text)], KNOWN).diagnostics if each.code is Code.SYNTAX]
    assert 1 <= len(found) <= MAX_SYNTAX_ERRORS + 1
    starts = [each.span.line for each in found]
    assert max(starts.count(line) for line in starts) <= 6


def test_fields_of_newer_k8saudit_plugins_are_known() -> None:
    """A condition of the plugin's own rules, with the container lists that it added."""
    condition = (
        "ka.req.pod.initContainers.privileged intersects (true) or ka.req.pod.initContainers.host_port intersects (22)"
        " or ka.req.pod.ephemeralContainers.privileged intersects (true)"
    )
    assert check([SourceText("t", f'route "r" {{ when {condition} to pager }}')], KNOWN).diagnostics == ()
