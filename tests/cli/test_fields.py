"""``falco-bridge fields`` finds what a condition may name."""

from __future__ import annotations

import json

import pytest

from bridge.cli.main import main


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["fields", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_names_types_sources_and_providers(capsys: pytest.CaptureFixture[str]) -> None:
    """By part of a name, or by a glob. Attributes of the alert are listed too."""
    assert any(line.split() == ["proc.cmdline", "string", "syscall", "libs"] for line in lines(capsys, "CMDLINE"))
    assert all(line.startswith(("NAME", "ka.")) for line in lines(capsys, "ka.*"))
    assert any(line.startswith("priority ") for line in lines(capsys))
    assert len(lines(capsys)) > 500


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A list of objects."""
    found = json.loads("\n".join(lines(capsys, "ka.user.groups", "--format", "json")))
    assert found == [
        {"name": "ka.user.groups", "type": "list of string", "source": "k8s_audit", "provider": found[0]["provider"]}
    ]


def test_nothing_found_suggests(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, and the nearest name."""
    assert main(["fields", "proc.cmdlin3"]) == 1
    assert "did you mean `proc.cmdline`?" in capsys.readouterr().err
