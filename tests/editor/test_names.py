"""The names in route files."""

from __future__ import annotations

from pathlib import Path

from bridge.editor.completion import complete
from bridge.editor.definitions import name_at, renamed
from bridge.editor.names import Kind
from bridge.editor.outline import outline
from bridge.editor.project import Project
from bridge.editor.test_runs import offers
from bridge.language.diagnostics.diagnostic import Fix
from bridge.workbench.fixes import apply_fixes

TEXT = """\
table owners = "owners.csv" by k8s.ns.name
template team { title "é 😀 %owners.team of %40k8s.ns.name" }
route "r" {
  when      owners.team = a
  to        owners.channel else pager
  message   "\\"%tolower(owners.team)\\" %% owners.team"
  link      "Wiki" "https://wiki.example/%owners.team"
  use       team
}
"""


def test_a_table_is_renamed_in_texts_too(tmp_path: Path) -> None:
    """In titles, messages and URLs, where its columns are printed; not where they are only mentioned."""
    (tmp_path / "owners.csv").write_text("k8s.ns.name,team,channel\n*,a,pager\n", encoding="utf-8")
    path = str(tmp_path / "a.route")
    snapshot = Project(texts={path: TEXT}).snapshot(path)
    table = name_at(snapshot.files[path], TEXT.index("owners"))
    assert table is not None
    edits = renamed(snapshot, path, table, "teams")
    assert not isinstance(edits, str)
    after = apply_fixes(TEXT, [Fix(each.start, each.end, each.text) for each in edits])
    assert after == TEXT.replace("owners", "teams").replace("teams.csv", "owners.csv").replace("%% teams", "%% owners")


def test_a_field_in_a_text_is_a_name(tmp_path: Path) -> None:
    """It is shown what it is, as in a condition."""
    path = str(tmp_path / "a.route")
    file = Project(texts={path: TEXT}).snapshot(path).files[path]
    name = name_at(file, TEXT.index('k8s.ns.name"'))
    assert name is not None
    assert (name.kind, name.text) == (Kind.FIELD, "k8s.ns.name")
    assert TEXT[name.span.start : name.span.end] == "k8s.ns.name"


def test_routes_of_another_group_may_have_the_same_name(tmp_path: Path) -> None:
    """Its route and its test stay as they are, and are not offered."""
    (tmp_path / "falco-bridge.yaml").write_text(
        "sources: [{stdin: true}]\nchannels: {x: 'json://127.0.0.1:9/'}\n"
        "routes: [{name: a, files: a.route, where: rule = a}, {name: b, files: b.route, where: rule = b}]\n",
        encoding="utf-8",
    )
    text = 'route "shells" { to x }\ntest "t" { event { rule = %s } expect "shells" }\n'
    for name in "ab":
        (tmp_path / f"{name}.route").write_text(text % name, encoding="utf-8")
    path = str(tmp_path / "a.route")
    (tmp_path / "b.route").write_text(text % "b" + 'route "execs" { to x }\n', encoding="utf-8")
    snapshot = Project().snapshot(path)
    assert not snapshot.diagnostics
    assert len(snapshot.files) == len("ab")
    file = snapshot.files[path]
    route = name_at(file, text.index("shells"))
    assert route is not None
    edits = renamed(snapshot, path, route, "execs")
    assert not isinstance(edits, str)
    assert [each.path for each in edits] == [path, path]
    assert [offer.title for offer in offers(snapshot, file)] == ["run its test", "run this test"]
    before = text[: text.rindex('"shells"')]
    labels = {each.label for each in complete(snapshot, file, before, len(before)).items}
    assert "shells" in labels
    assert "execs" not in labels


def test_nothing_is_completed_in_a_comment(tmp_path: Path) -> None:
    """Only what looks like one but is not: a `#` in a text or in a value."""
    path = str(tmp_path / "a.route")
    for line, offered in (("# to ", False), ("to a  # or ", False), ('title "#" ', True), ("when rule = b#c ", True)):
        text = f'route "r" {{ {line}'
        snapshot = Project(texts={path: text}).snapshot(path)
        items = complete(snapshot, snapshot.files[path], text, len(text)).items
        assert bool(items) is offered, line


def test_long_words_and_deep_blocks_are_answered(tmp_path: Path) -> None:
    """A text of a megabyte without a blank, and more blocks in one another than a route can have."""
    path = str(tmp_path / "a.route")
    long = f'route "r" {{ when proc.name = "{"x" * 1_000_000}" to a }}\n'
    deep = "where rule = a { " * 600 + 'route "r" { to a }' + " }" * 600
    for text in (long, deep):
        snapshot = Project(texts={path: text}).snapshot(path, advice=False)
        file = snapshot.files[path]
        assert complete(snapshot, file, text, len(text)).items or text is deep
        assert sum(name.kind is Kind.ROUTE for name in file.names) == 1
        assert outline(file.parsed, file.source)
