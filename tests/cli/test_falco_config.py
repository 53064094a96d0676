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


def test_only_lines_with_which_falco_starts(tmp_path: Path) -> None:
    """Filter-only fields become fields that Falco prints; the others are comments, and ``check`` reports them."""
    (tmp_path / "rules.yaml").write_text(
        "- rule: Conn\n  output: out %proc.name %proc.pname %fd.sip\n  priority: NOTICE\n", encoding="utf-8"
    )
    (tmp_path / "a.route").write_text(
        'route "r" { when proc.aname = sshd and fd.ip = 10.0.0.1 and fd.port = ssh and fd.snet = 10.0.0.0/8\n'
        "  and fd.lnet = 10.0.0.0/8 and evt.rawarg.res = 0 and evt.arg.flags contains O and my.own = x and evt.arg.flag = O\n"
        "  and (fd.sip.name = a or evt.type.is.open = 1 or evt.rawarg.flags = 1 or k8s.pod.label.app = a) to c }\n",
        encoding="utf-8",
    )
    done = run("falco-config", "a.route", "--rules", "rules.yaml", cwd=tmp_path)
    lines = [line.removeprefix("      - ") for line in done.stdout.splitlines()]
    fields = lines[lines.index("    extra_fields:") + 1 :]
    assert fields == ["evt.arg.flags", "evt.rawres", "fd.cip", "fd.cport", "fd.lip", "fd.sport",
                      *(f'"proc.aname[{level}]"' for level in range(2, 9))]  # fmt: skip
    comments = [line.split()[1] for line in lines if line.startswith("#")]
    assert comments == [
        "evt.rawarg.flags",
        "evt.type.is.open",
        "fd.sip.name",
        "evt.arg.flag",
        "k8s.pod.label.app",
        "my.own",
    ]
    found = run("check", "a.route", "--rules", "rules.yaml", cwd=tmp_path).stdout
    assert found.count("warning[L422]") == 3
    hint = next(line for line in found.splitlines() if "append_output" in line)
    assert "fd.cport" in hint
    assert not [name for name in ("fd.ip", "fd.port,", "rawarg", "proc.aname", "my.own", "label") if name in hint]
