"""The matcher and the predicates agree on random routes and alerts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.routes import alerts_of, new_alerts, routes_text
from bridge.alert import Alert, Priority, make_alert
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.program import Program
from bridge.matching import Matcher, compile_condition, matcher
from bridge.matching.index import index
from bridge.matching.internal import asks_for_internal
from tests.conftest import FULL

LABELS = {"cluster": "eu-1"}
FIELDS = {
    "proc.name": ["bash", "sh", "", "Bash", "b*", "é", "\udcff"],
    "proc.cmdline": ["rm -rf /", "a" * 40, "bash -c x", "", "x\ny", "ÀB"],
    "fd.name": ["/etc/shadow", "etc", "//etc//x", "/", "/etc[1]"],
    "fd.sport": ["22", "022", " 22", "-1", "x", "99999999999999999999"],
    "evt.num": ["22", "022", " 22", "-1", "x", "99999999999999999999"],
    "fd.cip": ["10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1", "none"],
    "fd.net": ["10.0.0.0/8", "<IPNET>"],
    "evt.is_open_read": ["true", "false", "True"],
    "ka.user.groups": ["(a,b)", "()", "(system:masters)", "a"],
    "fd.sip": ["10.1.2.3", "2001:db8::2"],
    "fd.cport": ["22", "40000"],
    "user.uid": ["0", "4294967295", "22"],
    "evt.cpu": ["-1", "5"],
    "fd.dev": ["FD00", "FFFFFFFF", "22", "x"],
    "proc.pname": ["bash", "sshd", "rm"],
    "proc.aname[2]": ["bash", "Bash", ""],
    "proc.aname[7]": ["systemd", "b*"],
    "proc.ppid": ["22", "1"],
    "proc.apid[2]": ["5", "22"],
    "my.own": ["5", "7.5", "text"],
    "evt.arg.flags": ["a|b", "O_RDONLY"],
    "k8s.ns.name": ["prod", "etc", "b*", "eu-1"],
    "container.name": ["rm", "/etc/shadow"],
}
VALUES = st.sampled_from(sorted({value for values in FIELDS.values() for value in values if "\udcff" not in value}))


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


NUMBERS = st.sampled_from(["0", "5", "22", "-1", "7.5"])
TEXT = st.one_of(VALUES, st.sampled_from(["ba", "rm", "h", "A", "*", "b?sh", "[a-c]*", "/etc"])).map(quoted)
ITEMS = st.lists(TEXT, max_size=4).map(lambda items: f"({', '.join(items)})")
TEXTUAL = st.sampled_from(["proc.name", "proc.cmdline", "fd.name", "my.own", "rule", "source", "hostname", "output",
                           "label.cluster", "tolower(proc.name)", "basename(fd.name)", "evt.arg.flags",
                           "k8s.ns.name", "container.name", "toupper(label.cluster)"])  # fmt: skip
SIMPLE = st.sampled_from(["=", "!=", "contains", "icontains", "startswith", "endswith", "glob", "iglob"])


def join(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(" ".join)


def just(text: str) -> st.SearchStrategy[str]:
    return st.just(text)


LEAVES = st.one_of(
    join(TEXTUAL, SIMPLE, TEXT),
    join(TEXTUAL, st.sampled_from(["contains", "startswith", "="]), st.sampled_from(["oneof", "anyof", "allof"]), ITEMS),
    join(TEXTUAL, st.sampled_from(["in", "intersects", "pmatch"]), ITEMS),
    join(st.sampled_from(["=", "!=", "contains"]).map(lambda each: f"proc.name {each} oneof"), ITEMS),
    join(TEXTUAL, st.sampled_from(["glob", "iglob"]), st.sampled_from(['"[[:upper:]]*"', '"[!b]*"', '"[[:foo:]]"'])),
    join(st.sampled_from(['getopt((proc.cmdline, fd.name), "r:f")', 'getopt(ka.user.groups, "a")', "tolower(ka.user.groups)"]),
         st.sampled_from(["in", "intersects"]), ITEMS),
    join(st.sampled_from(["f", "r"]).map(lambda each: f'getopt((proc.cmdline, fd.name), "r:f")[{each}]'), just("="), TEXT),
    join(TEXTUAL, just("exists")),
    join(TEXTUAL, just("regex"), st.sampled_from(['"b.*"', '"(?i)BASH"', '".*rm.*"', '"[^a]+"', '".*"', '".+?"', '"x$(.|\\n)*"', '"a**"'])),
    join(st.sampled_from(["evt.num", "len(proc.cmdline)"]), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
         st.sampled_from(["0", "5", "22", "65535", "-1", "18446744073709551615", "99999999999999999999"])),
    join(just("time"), st.sampled_from(["=", "<", ">="]), st.sampled_from(["0", "1", "+1", "-1"])),
    join(just("my.own"), st.sampled_from(["<", ">="]), NUMBERS),
    join(st.sampled_from(["user.uid", "evt.cpu", "fd.dev", "proc.apid"]), st.sampled_from(["=", "!=", "<", ">="]),
         st.sampled_from(["0", "5", "22", "-1", "64768", "4294967295", "4294967318"])),
    join(st.sampled_from(["fd.port", "fd.proto"]), st.sampled_from(["=", "!=", "<", ">"]), st.sampled_from(["22", "1024", "65558"])),
    join(st.sampled_from(["fd.sport", "fd.port"]), st.sampled_from(["= ssh", "!= ssh", "in (http, ssh)"])),
    join(just("fd.ip"), st.sampled_from(["=", "!="]), st.sampled_from(["10.0.0.1", "10.0.0.0/8", "2001:db8::2"])),
    join(st.sampled_from(["fd.net", "fd.snet"]), st.sampled_from(["= 10.0.0.0/8", "!= 10.0.0.0/8", "in (10.0.0.0/8, 2001:db8::/32)"])),
    join(just("proc.aname"), SIMPLE, TEXT),
    join(just("proc.aname"), st.sampled_from(["in", "intersects", "pmatch", "= anyof", "!= allof", "startswith oneof"]), ITEMS),
    join(st.sampled_from(["proc.aname", "proc.apid", "fd.ip", "fd.port"]), just("exists")),
    join(just("fd.cip"), st.sampled_from(["=", "!="]), st.sampled_from(["10.0.0.1", "10.0.0.0/8", "2001:db8::/32"])),
    join(just("fd.cip in (10.0.0.0/8, 2001:db8::1)"), just("")),
    join(just("fd.net"), st.sampled_from(["=", "!="]), just("10.0.0.0/8")),
    join(just("evt.is_open_read"), st.sampled_from(["=", "!="]), st.sampled_from(["true", "false"])),
    join(st.sampled_from(["ka.user.groups", "tags"]), st.sampled_from(["in", "intersects"]), ITEMS),
    join(st.sampled_from(["ka.user.groups", "tags", "fd.sport", "fd.cip"]), just("exists")),
    join(just("priority"), st.sampled_from(["=", "!=", "<", ">="]), st.sampled_from(["debug", "warning", "critical"])),
    just("proc.name = val(rule)"),
    just("label.cluster = val(k8s.ns.name)"),
    just("source = internal"),
)  # fmt: skip
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda each: f"not ({each})"),
        st.lists(inner, min_size=2, max_size=4).map(lambda each: "(" + " and ".join(each) + ")"),
        st.lists(inner, min_size=2, max_size=4).map(lambda each: "(" + " or ".join(each) + ")"),
    ),
    max_leaves=8,
)
ALERTS = st.builds(
    lambda fields, rule, source, priority, tags: make_alert(
        time_ns=1, priority=priority, rule=rule, source=source, hostname="h", tags=tuple(sorted(tags)), output="out",
        fields=fields,
    ),
    st.fixed_dictionaries(
        {}, optional={name: st.one_of(VALUES, st.sampled_from([v for v in values if v != "\udcff"])) for name, values in FIELDS.items()}
    ),
    st.sampled_from(["bash", "r", ""]),
    st.sampled_from(["syscall", "internal", ""]),
    st.sampled_from(list(Priority)),
    st.sets(st.sampled_from(["a", "b", "bash"])),
)  # fmt: skip


ENDINGS = st.sampled_from(
    ["to x", "to x", "to x stop", "drop", "during day to x", "not during day to x stop", "during day drop"]
)
HOURS = st.integers(0, 23).map(lambda hour: 1_767_225_600_000_000_000 + hour * 3_600_000_000_000)


def program_of(conditions: list[str], endings: list[str] | None = None) -> Program:
    ended = zip(conditions, endings or ["to x"] * len(conditions), strict=True)
    text = "\n".join(
        ['schedule day = 06:00-18:00 in "UTC"', *(f'route "r{n}" {{ when {c} {e} }}' for n, (c, e) in enumerate(ended))]
    )
    checked = check([SourceText("t", text)], Known(None, None))
    assert checked.program is not None, [each.message for each in checked.diagnostics]
    return checked.program


def alert_with(fields: dict[str, str], rule: str = "r") -> Alert:
    return make_alert(
        time_ns=0, priority=Priority.DEBUG, rule=rule, source="s", hostname="", tags=(), output="", fields=fields
    )


def defined(program: Program, labels: dict[str, str]) -> Any:
    """The predicate of each route."""
    return [
        (index, asks_for_internal(route.when) if route.when else False,
         compile_condition(route.when, labels) if route.when else lambda _alert: True, route.stop or route.drop,
         route.during)
        for index, route in enumerate(program.routes)
    ]  # fmt: skip


def by_definition(predicates: Any, alert: Alert, now_ns: int = 0) -> tuple[int, ...]:
    matched = []
    for number, internal, predicate, ends, during in predicates:
        seen = internal or alert.source != "internal"
        if seen and predicate(alert) and all(schedule.holds(now_ns) for schedule in during):
            matched.append(number)
            if ends:
                break
    return tuple(matched)


def test_a_repeated_item_counts_twice() -> None:
    """A repeated item counts twice for ``oneof``."""
    program = program_of(["fd.name startswith oneof (a, a)", "fd.name startswith oneof (a)"])
    assert Matcher(program, {}).match(alert_with({"fd.name": "ab"}), 0) == (1,)


def test_an_alert_wakes_any_number_of_alternatives() -> None:
    """One alert wakes the alternatives of thousands of fields."""
    names = [f"k8s.pod.label[x{number}]" for number in range(2000)]
    program = program_of([f"{name} = a" for name in names])
    alert = alert_with(dict.fromkeys(names, "a"))
    assert Matcher(program, {}).match(alert, 0) == tuple(range(2000))


@settings(max_examples=2000 if FULL else 150, deadline=None)
@given(st.lists(CONDITIONS, min_size=1, max_size=12), st.lists(ALERTS, min_size=1, max_size=8))
def test_any_routes_and_any_alerts(conditions: list[str], alerts: list[Alert]) -> None:
    """Missing fields, text values of gRPC and hostile strings, each alert matched twice to use the cache."""
    program = program_of(conditions)
    matcher, predicates = Matcher(program, LABELS), defined(program, LABELS)
    for alert in [*alerts, *alerts]:
        assert matcher.match(alert, 0) == by_definition(predicates, alert), (conditions, alert)


CARRIED = st.one_of(
    join(st.sampled_from(["fd.port", "fd.proto"]), st.sampled_from(["=", "!=", "<", ">"]), st.sampled_from(["22", "1024", "0"])),
    join(just("fd.ip"), st.sampled_from(["=", "!="]), st.sampled_from(["10.0.0.1", "10.0.0.0/8", "2001:db8::2"])),
    join(st.sampled_from(["fd.net", "fd.snet"]), st.sampled_from(["= 10.0.0.0/8", "!= 10.0.0.0/8", "in (10.0.0.0/8)"])),
    join(just("proc.aname"), SIMPLE, TEXT),
    join(just("proc.apid"), st.sampled_from(["=", "!=", "<", ">"]), st.sampled_from(["5", "22"])),
    join(st.sampled_from(["proc.aname", "proc.apid", "fd.ip", "fd.port"]), just("exists")),
)  # fmt: skip
CARRYING = ("fd.sport", "fd.cport", "fd.cip", "fd.sip", "proc.pname", "proc.aname[2]", "proc.aname[7]", "proc.ppid",
            "proc.apid[2]")  # fmt: skip


@settings(max_examples=2000 if FULL else 100, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), CARRIED, CARRIED), min_size=1, max_size=6),
    st.lists(
        st.fixed_dictionaries({}, optional={n: st.sampled_from([*FIELDS[n], ""]) for n in CARRYING}),
        min_size=1,
        max_size=5,
    ),
)
def test_fields_with_several_values(pairs: list[tuple[bool, str, str]], alerts: list[dict[str, str]]) -> None:
    """Comparisons of fields that others carry, negated or together, have the meaning of the predicates."""
    program = program_of([f"not ({one} or not {other})" if no else f"{one} and {other}" for no, one, other in pairs])
    matcher, predicates = Matcher(program, LABELS), defined(program, LABELS)
    for alert in [alert_with(fields) for fields in (*alerts, *alerts)]:
        assert matcher.match(alert, 0) == by_definition(predicates, alert), (pairs, alert)


@settings(max_examples=2000 if FULL else 100, deadline=None)
@given(
    st.lists(st.tuples(CONDITIONS, ENDINGS), min_size=1, max_size=30),
    st.lists(st.tuples(ALERTS, HOURS), min_size=1, max_size=12),
    st.sampled_from([0, 300, 3000]),
)
def test_small_caches_do_not_change_the_result(
    routes: list[tuple[str, str]], alerts: list[tuple[Alert, int]], max_bytes: int
) -> None:
    """Tiny caches, routes with ``stop`` or ``drop`` and schedules do not change the result, in any order of alerts."""
    program = program_of([condition for condition, _ in routes], [ending for _, ending in routes])
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((index, "MEMO_BYTES"), (index, "GROUP_BYTES"), (matcher, "_CACHE_BYTES")):
            patch.setattr(module, name, max_bytes)
        made = Matcher(program, LABELS)
        predicates = defined(program, LABELS)
        for alert, now_ns in [*alerts, *reversed(alerts)]:
            assert made.match(alert, now_ns) == by_definition(predicates, alert, now_ns), (routes, alert)


def test_a_large_corpus() -> None:
    """The matcher agrees on generated routes and alerts: a thousand routes in the full run."""
    routes, count = (1000, 10_000) if FULL else (300, 400)
    checked = check([SourceText("t", routes_text(routes, seed=5))], Known(None, None))
    assert checked.program is not None
    matcher, predicates = Matcher(checked.program, {}), defined(checked.program, {})
    matches = 0
    for alert in [*alerts_of(count, seed=5), *new_alerts(count, seed=5)]:
        found = matcher.match(alert, 0)
        assert found == by_definition(predicates, alert)
        matches += len(found)
    assert matches > 10


def test_an_alternative_that_never_matches_has_no_bit() -> None:
    """An alternative gets a bit only after each of its comparisons has held once."""
    program = program_of([f"k8s.ns.name = team-{n} and proc.name = tool{n % 7}" for n in range(100)])
    matcher = Matcher(program, {})

    def met(namespace: str, name: str) -> tuple[int, ...]:
        return matcher.match(alert_with({"k8s.ns.name": namespace, "proc.name": name}), 0)

    assert met("team-8", "tool2") == ()
    assert not matcher._index.route_of
    assert met("team-9", "tool1") == ()
    assert set(matcher._index.route_of) == {8, 9}
    assert met("team-8", "tool1") == (8,)
    assert met("team-9", "tool2") == (9,)
    assert met("team-16", "tool2") == (16,)
    assert met("team-9", "tool2") == (9,)


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ("tolower(label.cluster) = eu-1", True),
        ("concat(label.cluster, proc.name) = eu-1bash", True),
        ("label.cluster = val(k8s.ns.name)", True),
        ("not label.cluster = val(k8s.ns.name)", False),
        ("label.cluster = val(proc.name)", False),
    ],
)
def test_labels_inside_transformers_and_next_to_fields(condition: str, matches: bool) -> None:
    """Labels have the value of the config, inside transformers and next to fields."""
    program = program_of([condition])
    alert = alert_with({"k8s.ns.name": "eu-1", "proc.name": "bash"})
    assert Matcher(program, LABELS).match(alert, 0) == by_definition(defined(program, LABELS), alert) == (0,) * matches


def test_repetition_distinguishes_lists() -> None:
    """``oneof (a, a)`` never matches."""
    program = program_of(["proc.name contains oneof (a, a)", "proc.name contains oneof (a)"])
    assert Matcher(program, {}).match(alert_with({"proc.name": "bash"}), 0) == (1,)


def test_the_predicates_replace_an_index_that_fails_to_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """If waking alternatives fails, the predicates are used and no match is lost."""
    program = program_of(["k8s.ns.name = prod", "k8s.ns.name in (prod, etc)"])
    matcher = Matcher(program, {})

    def fail(_bit: int, _wanted: object) -> None:
        raise MemoryError

    for column in matcher._index.columns.values():
        monkeypatch.setattr(column, "add_alternative", fail)
    assert matcher.match(alert_with({"k8s.ns.name": "prod"}), 0) == (0, 1)
    assert matcher.match(alert_with({"k8s.ns.name": "etc"}), 0) == (1,)


def test_needles_that_end_in_each_other() -> None:
    """Forty needles that end at one place are all found."""
    needles = [*("a" * number for number in range(1, 40)), *("b" + "a" * number for number in range(1, 20)), "cab", "x"]
    program = program_of(
        [f'proc.cmdline {each} "{needle}"' for needle in needles for each in ("contains", "icontains")]
    )
    matcher, predicates = Matcher(program, {}), defined(program, {})
    for text in ("a", "A" * 7, "b" + "a" * 12, "a" * 100, "xcab", "", "c" + "a" * 9 + "X"):
        alert = alert_with({"proc.cmdline": text})
        assert matcher.match(alert, 0) == by_definition(predicates, alert)


def test_residual_predicates_are_shared() -> None:
    """A predicate is shared between the alternatives of a route: a thousand routes of 256 took 400 MiB."""
    program = program_of(["(fd.name = a or fd.name = b) and proc.name = val(rule)", "proc.name = val(rule)"])
    made = Matcher(program, {})
    assert len(made._index.residual) == 3
    assert len(set(made._index.residual.values())) == 1
    assert made.match(alert_with({"fd.name": "b", "proc.name": "x"}, rule="x"), 0) == (0, 1)
    assert made.match(alert_with({"fd.name": "b", "proc.name": "y"}, rule="x"), 0) == ()


def test_more_than_256_alternatives_use_the_predicate() -> None:
    """A condition with too many alternatives is evaluated as a predicate."""
    wide = " and ".join(f'(proc.name = "a{n}" or fd.name contains "b{n}" or my.own = "c{n}")' for n in range(6))
    program = program_of([wide, "proc.name = a0"])
    alert = alert_with({"proc.name": "a0", "fd.name": "b1b2b3b4b5"})
    assert Matcher(program, {}).match(alert, 0) == (0, 1)


@pytest.mark.parametrize(
    "condition",
    ['proc.cmdline glob "*a*a*a*a*a*a*a*a*a*a*a*b"', 'proc.cmdline regex "(a+)+(a+)+(a+)+b"',
     "proc.cmdline pmatch (/a*a*a*a*a*a*b)", 'proc.cmdline regex "(a|a?)+b"'],
)  # fmt: skip
def test_patterns_that_explode_elsewhere_are_linear(condition: str) -> None:
    """Patterns that make backtracking engines hang take less than the timeout of the test."""
    alert = alert_with({"proc.cmdline": "a" * 30_000})
    assert Matcher(program_of([condition]), {}).match(alert, 0) == ()


def test_patterns_that_exceed_one_set() -> None:
    """Patterns that exceed one set are split into several, and other comparisons still match."""
    sizes = (number % 900 + 100 if 0 < number < 599 else 5 for number in range(600))
    texts = [f".*[ab]{{{size}}}c{number};.*" for number, size in enumerate(sizes)]
    program = program_of([*(f'proc.cmdline regex "{text}"' for text in texts), "proc.cmdline contains hello"])
    matcher = Matcher(program, {})
    for number in (0, 599):
        alert = alert_with({"proc.cmdline": f"aaaaac{number};hello"})
        assert matcher.match(alert, 0) == (number, 600)
    assert matcher._alive(alert_with({"proc.cmdline": "hello"}))


def test_a_set_that_runs_out_of_memory_is_detected() -> None:
    """After a set runs out of memory, each pattern is tried on its own."""
    from bridge.matching.index.sets import PatternSet, Syntax

    patterns = [f"(.*x){{{n}}}.{{200}}y{n}".encode() for n in range(5, 25)]
    found = PatternSet(patterns, Syntax.PERL).matching(b"x" * 5000)
    assert found is None or found == []
