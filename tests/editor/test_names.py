"""The names in route files."""

from __future__ import annotations

from pathlib import Path

from bridge.editor.definitions import name_at, renamed
from bridge.editor.names import Kind
from bridge.editor.project import Project
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
