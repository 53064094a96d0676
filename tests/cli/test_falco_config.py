"""``falco-bridge falco-config`` as a user types it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.commands import RULES, run


def test_falco_config_prints_the_fields_that_are_missing(tmp_path: Path) -> None:
    """With its output added to falco.yaml, nothing is missing."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "a.route").write_text(
        'route "r" { when rule = Shell and k8s.ns.name = x to c title "%proc.cmdline" }\n', encoding="utf-8"
    )
    done = run("falco-config", "a.route", "--rules", "rules.yaml", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.split() == ["append_output:", "-", "match:", "rule:", '"Shell"', "extra_fields:", "-",
                                   "k8s.ns.name", "-", "proc.cmdline"]  # fmt: skip
    assert "L415" in run("check", "a.route", "--rules", "rules.yaml", cwd=tmp_path).stdout
    (tmp_path / "falco.yaml").write_text(done.stdout, encoding="utf-8")
    both = ("--rules", "rules.yaml", "--rules", "falco.yaml")
    assert "nothing to append" in run("falco-config", "a.route", *both, cwd=tmp_path).stdout
    assert run("check", "a.route", *both, cwd=tmp_path).stdout == "no problems\n"
    importing = tmp_path / "b.route"
    importing.write_text(
        f'import falco "rules.yaml"\n{(tmp_path / "a.route").read_text(encoding="utf-8")}', encoding="utf-8"
    )
    assert run("check", "b.route", "--rules", "falco.yaml", cwd=tmp_path).stdout == "no problems\n"
    assert "nothing to append" in run("falco-config", "b.route", "--rules", "falco.yaml", cwd=tmp_path).stdout
    assert run("falco-config", "a.route", cwd=tmp_path).returncode == 2
