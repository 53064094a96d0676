"""The files of an editor after many changes, as checked from the start."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
