"""A check that uses what the last one found gives the result of a check of everything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bridge.language.checker.check import Checked, check
from bridge.language.checker.memory import CheckMemory
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.language.falco.rules import FalcoRules
from bridge.language.program.clauses import Unless
from bridge.language.program.condition import All
from bridge.language.program.condition import Any as AnyOf
from bridge.language.syntax.parser import Parsed, parse
from bridge.language.syntax.reparse import reparse

EVERYTHING = (Path(__file__).parent / "everything.route").read_text(encoding="utf-8")
COMMON = """\
import falco "rules.yaml"
list shells = (bash, sh, zsh)
list more = (shells, fish)
macro in_prod = k8s.ns.name in (payments, checkout)
macro by_shell = proc.name in (more) and not quiet
macro quiet = proc.pname = cron
schedule office = mon-fri 09:00-18:00
template short { title "%rule in %k8s.ns.name" }
table owners = "owners.csv" by k8s.ns.name
"""
PAGES = """\
import "common.route"
macro a = b or proc.name = x
macro b = c and by_shell
macro c = not in_prod
list own = (shells, "a b")
where in_prod {
  route "prod" { when by_shell and proc.name in (own) to secops }
  where not quiet { route "inner" { when a to owners.channel else oncall during office } }
}
route "shells" { when spawned and proc.name in (falco_shells) use short to secops drop }
route "regex" { when proc.cmdline regex "(rm|dd" or rule = "Known Rule" to secops title "%{proc.name}" }
route "nearly" { when proc.name in (shell) and "x" in (shells) to secopps use shart during offce }
route "nul" { when user.name = null or quite to oncall severity hihg throttle 3 10m by k8s.ns.nam }
redact output matching "[" with "x"
otherwise { to oncall }
test "t" { event { proc.name = bash rule = "Known Rule" } expect "prod" to secops expect "shels" }
test "t" { event { k8s.ns.name = payments } expect nothing }
"""
RULES = """\
- list: falco_shells
  items: [bash, own_shells, shells]
- macro: spawned
  condition: evt.type = execve and proc.name in (shells)
- rule: Known Rule
  desc: x
  condition: spawned
  output: x (%proc.name %k8s.ns.name)
  priority: NOTICE
"""
OWNERS = "k8s.ns.name,channel\na,secops\n*,b\n"
FILES = {"common.route": COMMON, "pages.route": PAGES, "rules.yaml": RULES, "owners.csv": OWNERS}
PIECES = (
    "", "x", "\n", " ", "}", "{", '"', "a", "b", "shells", "quiet", "# c\n", "(", ")", "not ", "é😀", "_", "s", "in_prod",
    'route "z" { when a to secops }\n', "macro q = quiet\n", "macro quiet = b\n", "list shells += (x)\n", "list w = (own)\n",
    "macro early = c or a\n", "schedule offce = sat\n", 'import "common.route"\n', "list own = (own)\n", "list more = (w)\n",
    "otherwise { to secops }\n", 'test "u" { event { rule = x } expect "regex" }\n', 'template shart { title "%" }\n',
)  # fmt: skip


class Texts:
    """Files that are edited, and parsed as an editor does."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = dict(files)
        self._parsed: dict[str, tuple[SourceText, Parsed]] = {}

    def read(self, _importer: str, written: str) -> SourceText | str:
        return SourceText(written, self.files[written]) if written in self.files else "no such file"

    def parse(self, source: SourceText) -> Parsed:
        before = self._parsed.get(source.path)
        if before is None or before[0] != source:
            parsed = parse(source) if before is None else reparse(*before, source)
            self._parsed[source.path] = source, parsed
        return self._parsed[source.path][1]

    def check(self, roots: tuple[str, ...], known: Known, memory: CheckMemory | None) -> Checked:
        sources = [SourceText(path, self.files[path]) for path in roots]
        return check(sources, known, self.read, self.parse, memory)


def assert_same(found: Checked, whole: Checked) -> None:
    assert found.diagnostics == whole.diagnostics
    assert found.program == whole.program
    assert (found.tests, found.understood, found.sources) == (whole.tests, whole.understood, whole.sources)


KNOWN = Known(frozenset({"secops", "oncall"}), frozenset({"site"}))
changes = st.tuples(
    st.sampled_from(sorted(FILES)), st.floats(0, 1), st.sampled_from((0, 0, 0, 1, 2, 5, 30)), st.sampled_from(PIECES),
    st.booleans(),
)  # fmt: skip


@given(st.lists(changes, min_size=1, max_size=12))
def test_changes_of_files_that_import_each_other(edits: list[tuple[str, float, int, str, bool]]) -> None:
    """Valid or not: the same program, tests and problems, at the same places."""
    texts, memory = Texts(FILES), CheckMemory()
    texts.check(("pages.route",), KNOWN, memory)
    for name, where, removed, inserted, at_line in edits:
        text = texts.files[name]
        start = int(where * len(text))
        if at_line:
            start = text.rfind("\n", 0, start) + 1
        texts.files[name] = text[:start] + inserted + text[start + removed :]
        assert_same(texts.check(("pages.route",), KNOWN, memory), texts.check(("pages.route",), KNOWN, None))


def test_every_line_of_a_file_with_everything_is_removed_and_put_back() -> None:
    texts, memory = Texts({"a.route": EVERYTHING}), CheckMemory()
    lines = EVERYTHING.splitlines(keepends=True)
    for number in range(len(lines)):
        for text in ("".join([*lines[:number], *lines[number + 1 :]]), EVERYTHING):
            texts.files["a.route"] = text
            assert_same(texts.check(("a.route",), KNOWN, memory), texts.check(("a.route",), KNOWN, None))


def test_what_the_config_knows_changes() -> None:
    """Channels, labels, groups and Falco's rules."""
    texts, memory = Texts(FILES), CheckMemory()
    others = (
        KNOWN, replace(KNOWN, channels=frozenset({"oncall"})), replace(KNOWN, labels=None),
        replace(KNOWN, group="a", forbidden=frozenset({"secops"})), replace(KNOWN, confined=True),
        replace(KNOWN, rules=FalcoRules(lists={"own_shells": ("ksh",)})), KNOWN,
    )  # fmt: skip
    for known in others:
        found = texts.check(("pages.route",), known, memory)
        assert_same(found, texts.check(("pages.route",), known, None))
    for roots in (("common.route",), ("common.route", "pages.route"), ("pages.route",)):
        assert_same(texts.check(roots, KNOWN, memory), texts.check(roots, KNOWN, None))


def test_statements_that_do_not_depend_on_a_change_are_not_checked_again() -> None:
    """Their routes are the same objects, moved."""
    text = "macro m = proc.name in (l)\nlist l = (a, b)\nlist k = (c)\n"
    text += 'route "list" { when m to secops }\nroute "other" { when proc.name in (k) to secops }\n'
    texts, memory = Texts({"a.route": text}), CheckMemory()
    before = texts.check(("a.route",), KNOWN, memory).understood
    texts.files["a.route"] = "# moved\n" + text.replace("(a, b)", "(a, d)")
    after = texts.check(("a.route",), KNOWN, memory).understood
    assert after[0] is not before[0]
    assert after[1] is before[1]
    assert after[1].span.line == 6


def test_parts_that_do_not_depend_on_a_change_are_not_checked_again() -> None:
    """Comparisons, in conditions and in clauses with memory. The other parts of the route are taken over, too."""
    text = "list l = (a, b)\nmacro m = proc.pname in (l)\n"
    text += 'route "r" { when proc.name in (l) and user.name = x unless proc.name = y or m within 5m by user.name to secops }\n'
    texts, memory = Texts({"a.route": text}), CheckMemory()
    (before,) = texts.check(("a.route",), KNOWN, memory).understood
    for changed in (text.replace("(a, b)", "(a, d)"), text.replace("(a, b)", "(a, *)"), text.replace("(a, b)", "(a)")):
        texts.files["a.route"] = changed
        (after,) = texts.check(("a.route",), KNOWN, memory).understood
        assert isinstance(before.when, All)
        assert isinstance(after.when, All)
        assert after.when.conditions[0] is not before.when.conditions[0]
        assert after.when.conditions[1] is before.when.conditions[1]
        (old,), (new,) = before.clauses, after.clauses
        assert isinstance(old, Unless)
        assert isinstance(new, Unless)
        assert isinstance(old.condition, AnyOf)
        assert isinstance(new.condition, AnyOf)
        assert new.condition.conditions[0] is old.condition.conditions[0]
        assert (new.text, new.condition) != (old.text, old.condition)
        assert after.to is before.to
        assert_same(texts.check(("a.route",), KNOWN, memory), texts.check(("a.route",), KNOWN, None))
        before = after
