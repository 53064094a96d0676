"""``falco-bridge check`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.commands import ROUTES, RULES, run


def test_check_prints_text_json_and_github_annotations(tmp_path: Path) -> None:
    """The same problems in three formats. Exit code 1 only for errors."""
    (tmp_path / "a.route").write_text('route "r" {\n  when proc.cmdlin = a\n  to x\n}\n', encoding="utf-8")
    text = run("check", "a.route", cwd=tmp_path)
    assert text.returncode == 1
    assert "a.route:2:8" in text.stdout
    assert "1 error, 0 warnings" in text.stdout
    (problem,) = json.loads(run("check", "a.route", "--format", "json", cwd=tmp_path).stdout)
    assert (problem["code"], problem["severity"], problem["line"], problem["column"]) == ("R201", "error", 2, 8)
    github = run("check", "a.route", "--format", "github", cwd=tmp_path).stdout
    assert github.startswith("::error file=a.route,line=2,col=8,title=R201::unknown field")
    assert run("check", "nothing.route", cwd=tmp_path).returncode == 1
    assert run("check", ROUTES).stdout == "no problems\n"


def test_a_file_that_cannot_be_read_is_a_problem_like_others(tmp_path: Path) -> None:
    """The other files are still checked. Nothing is concluded from rules that could not be read."""
    (tmp_path / "bad.route").write_text(
        '\ufeffroute "r" { when rule = nosuch to x }\nroute "r" { to x }', encoding="utf-8"
    )
    (tmp_path / "latin.route").write_bytes(b'route "l" { when rule = "\xff" to x }')
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    done = run("check", "none.route", "bad.route", "latin.route", "--rules", "rules.yaml", "--rules", "none.yaml",
               "--format", "json", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 1
    assert [(each["code"], each["path"]) for each in json.loads(done.stdout)] == [
        ("R213", "bad.route"), ("R208", "bad.route"), ("R215", "latin.route"), ("R215", "none.route"), ("R215", "none.yaml"),
    ]  # fmt: skip
    alone = run("explain", "none.route", cwd=tmp_path)
    assert (alone.returncode, "none.route: no such file" in alone.stderr) == (2, True)


def test_a_rules_file_without_anything_of_falco_is_reported(tmp_path: Path) -> None:
    """By ``--rules`` as by an import: nothing would be checked with it. A falco.yaml and lists alone are of use."""
    (tmp_path / "r.route").write_text('route "r" { when user.name = a to x }\n', encoding="utf-8")
    texts = {
        "empty.yaml": "# nothing yet\n", "compose.yaml": "services: {web: {image: nginx}}\n", "other.yaml": "- name: x\n",
        "lists.yaml": "- list: shells\n  items: [bash]\n", "falco.yaml": "json_output: true\n",
        "engine.yaml": "- required_engine_version: 0.44.0\n",
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / f"{name}.route").write_text(f'import falco "{name}"\nroute "r" {{ to x }}\n', encoding="utf-8")
    for name in texts:
        expected = ["R219"] if name in {"empty.yaml", "compose.yaml", "other.yaml"} else []
        given = run("check", "r.route", "--rules", name, "--format", "json", cwd=tmp_path)
        imported = run("check", f"{name}.route", "--format", "json", cwd=tmp_path)
        for done in (given, imported):
            assert done.returncode == 0, name
            assert [each["code"] for each in json.loads(done.stdout) if each["code"] != "L414"] == expected, name


MISTAKES = b'\xef\xbb\xbfroute "r" {\r\n  when: rule = a AND proc.cmdlin contains x\r\n  to pager;\r\n}\r\n'
FIXED = b'\xef\xbb\xbfroute "r" {\r\n  when rule = a and proc.cmdlin contains x\r\n  to pager\r\n}\r\n'


def test_fix_applies_certain_fixes_only_and_shows_them(tmp_path: Path) -> None:
    """Line endings, byte order mark and permissions stay; a guess (`did you mean`) is not applied."""
    path = tmp_path / "a.route"
    path.write_bytes(MISTAKES)
    path.chmod(0o640)
    done = run("check", "a.route", "--fix", cwd=tmp_path)
    assert (done.returncode, path.read_bytes(), path.stat().st_mode & 0o777) == (1, FIXED, 0o640)
    assert "-  when: rule = a AND" in done.stdout
    assert "+  when rule = a and" in done.stdout
    assert "did you mean `proc.cmdline`" in done.stdout
    assert [each.name for each in tmp_path.iterdir()] == ["a.route"]
    again = run("check", "a.route", "--fix", "--format", "json", cwd=tmp_path)
    assert [each["code"] for each in json.loads(again.stdout)] == ["R201"]
    assert path.read_bytes() == FIXED


def test_fix_writes_through_a_link_and_leaves_mixed_line_endings_alone(tmp_path: Path) -> None:
    """A link stays a link. A file whose bytes could not be kept is not written, which is a failure."""
    (tmp_path / "real.route").write_text('route "r" { when rule = a && priority >= error to x }\n', encoding="utf-8")
    (tmp_path / "link.route").symlink_to("real.route")
    assert run("check", "link.route", "--fix", cwd=tmp_path).returncode == 0
    assert (tmp_path / "link.route").is_symlink()
    assert "a and priority" in (tmp_path / "real.route").read_text(encoding="utf-8")
    mixed = b'route "s" {\r\n  when rule = a\n  to x;\n}\n'
    (tmp_path / "mixed.route").write_bytes(mixed)
    done = run("check", "mixed.route", "--fix", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "mixed.route").read_bytes()) == (1, mixed)
    assert "mixed line endings" in done.stderr


def test_strict_fails_on_warnings(tmp_path: Path) -> None:
    """Without --strict, warnings do not fail. Advice never does."""
    (tmp_path / "a.route").write_text('route "r" { when rule = a* to x }\n', encoding="utf-8")
    assert run("check", "a.route", cwd=tmp_path).returncode == 0
    assert run("check", "a.route", "--strict", cwd=tmp_path).returncode == 1
    (tmp_path / "a.route").write_text('route "r" { when proc.name = val(proc.pname) to x }\n', encoding="utf-8")
    done = run("check", "a.route", "--strict", cwd=tmp_path)
    assert (done.returncode, "1 advice" in done.stdout) == (0, True)


def test_no_secrets_checks_a_config_where_its_secrets_and_folders_are_not(tmp_path: Path) -> None:
    """For CI. What does not depend on secrets is still checked."""
    text = (
        "sources: [{file: /no/such/folder/falco.log}]\n"
        "channels:\n  pager: slack://${SLACK}\n  hook: ${file:/run/secrets/hook}\n  archive: file://a.jsonl\n"
        "routes: a.route\njournal: /no/such/folder/journal.db\n"
    )
    (tmp_path / "a.route").write_text('route "r" { to pager, hook, archiv }\n', encoding="utf-8")
    (tmp_path / "falco-bridge.yaml").write_text(text, encoding="utf-8")
    arguments = ("check", "--config", "falco-bridge.yaml", "--format", "json")
    codes = [each["code"] for each in json.loads(run(*arguments, cwd=tmp_path).stdout)]
    assert sorted(codes) == ["C508", "C508", "R203"]
    codes = [each["code"] for each in json.loads(run(*arguments, "--no-secrets", cwd=tmp_path).stdout)]
    assert codes == ["R203"]


def test_fields_are_read_from_the_output_of_falco(tmp_path: Path) -> None:
    """A field of a newer plugin is a warning until a file lists it. A file without fields is a wrong command."""
    (tmp_path / "a.route").write_text('route "r" { when ka.brand.new > 5 to x }\n', encoding="utf-8")
    (tmp_path / "fields.txt").write_text(
        "-------------------------------\nField Class:                  ka\nDescription:                  audit\n"
        "Event Sources:                k8s_audit\n\n"
        "ka.brand.new                  A new one, described on\n"
        "                              two lines.\n                              (Type: UINT64)\n"
        "ka.brand.list                 Another. (Type: LIST(CHARBUF))\n",
        encoding="utf-8",
    )
    (problem,) = json.loads(run("check", "a.route", "--format", "json", cwd=tmp_path).stdout)
    assert (problem["code"], problem["severity"]) == ("R217", "warning")
    done = run("check", "a.route", "--fields", "fields.txt", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "no problems\n")
    (tmp_path / "a.route").write_text('route "r" { when ka.brand.new contains x to x }\n', encoding="utf-8")
    assert run("check", "a.route", "--fields", "fields.txt", cwd=tmp_path).returncode == 1
    assert run("check", "a.route", "--fields", "a.route", cwd=tmp_path).returncode == 2
