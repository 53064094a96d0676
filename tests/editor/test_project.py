"""The files of an editor after many changes, as checked from the start."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.editor.placed import placed
from bridge.editor.project import Project
from tests.language.test_check_memory import FILES, PIECES

EDITED = ("common.route", "pages.route")
changes = st.tuples(
    st.sampled_from(EDITED), st.floats(0, 1), st.sampled_from((0, 0, 1, 5, 30)), st.sampled_from(PIECES),
    st.booleans(),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(changes, min_size=1, max_size=8))
def test_problems_after_a_pause_are_those_of_a_check_of_everything(
    tmp_path: Path, edits: list[tuple[str, float, int, str, bool]]
) -> None:
    """With syntax errors, advice, and quick answers in between."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    path, texts = str(tmp_path / "pages.route"), {name: FILES[name] for name in EDITED}
    project = Project(texts={path: texts["pages.route"]})
    project.snapshot(path)
    for name, where, removed, inserted, quick in edits:
        start = int(where * len(texts[name]))
        texts[name] = texts[name][:start] + inserted + texts[name][start + removed :]
        project.texts[str(tmp_path / name)] = texts[name]
        if quick:
            project.snapshot(path, advice=False)
        else:
            whole = Project(texts=dict(project.texts)).snapshot(path)
            assert project.snapshot(path).diagnostics == whole.diagnostics


def test_a_change_is_answered_from_a_few_statements(tmp_path: Path) -> None:
    """An open quote in one of many routes: the others stay the same objects until the text is parsed as a whole."""
    text = "".join(f'route "r{number}" {{\n  when proc.name = a{number}\n  to x\n}}\n' for number in range(30))
    path = str(tmp_path / "a.route")
    Path(path).write_text(text, encoding="utf-8")
    project = Project(texts={path: text})
    before = project.snapshot(path).files[path].parsed.file.statements
    project.texts[path] = text.replace("proc.name = a15", 'proc.name = "a15')
    quick = project.snapshot(path, advice=False)
    assert {each.code.id for each in quick.diagnostics} == {"S101"}
    assert [each for each in before if not any(each is one for one in quick.files[path].parsed.file.statements)] == [
        before[15]
    ]
    assert not project.is_exact
    project.snapshot(path)
    assert project.is_exact


def test_problems_of_texts_that_are_no_files_are_shown_in_files(tmp_path: Path) -> None:
    """Of a macro of Falco where it is used, or where it is defined; of a group's condition in the config."""
    (tmp_path / "rules.yaml").write_text(
        "- macro: bad\n  condition: proc.nme = x\n- macro: outer\n  condition: bad\n", encoding="utf-8"
    )
    (tmp_path / "falco-bridge.yaml").write_text(
        "sources: [{stdin: true}]\njournal: j.db\nchannels: {x: 'json://127.0.0.1:9/'}\n"
        "routes:\n  - {name: a, files: a.route, where: rule = a}\n"
        "  - {name: b, files: b.route, where: nothing, joins: rule = b}\n",
        encoding="utf-8",
    )
    path, text = str(tmp_path / "a.route"), 'import falco "rules.yaml"\nroute "r" { when %s to x }\n'
    (tmp_path / "b.route").write_text('route "r" { to x }\n', encoding="utf-8")
    (tmp_path / "a.route").write_text(text % "bad", encoding="utf-8")
    project = Project()
    found = {each.code.id: each for each in placed(project.snapshot(path), path)}
    assert (found["R201"].span.path, found["R201"].span.line, found["R201"].span.column) == (path, 2, 18)
    assert "Falco's macro bad: unknown field `proc.nme`; did you mean `proc.name`?" in found["R201"].message
    assert (found["R201"].fix, found["R201"].hint) == (None, "")
    config = str(tmp_path / "falco-bridge.yaml")
    assert (found["R202"].span.path, found["R202"].span.line, found["R202"].span.column) == (config, 6, 38)
    project.texts[path] = text % "outer"
    found = {each.code.id: each for each in placed(project.snapshot(path), path)}
    assert (found["R201"].span.path, found["R201"].span.line) == (str(tmp_path / "rules.yaml"), 1)
