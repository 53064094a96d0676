"""The exec channel: an alert cannot influence how the program starts, and the program cannot block the courier."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bridge.channels.contract import Channel, Outcome, Verdict
from bridge.channels.native.local.allowed import Allowed
from bridge.channels.registry import open_channel, problem_with
from tests.channels.deliveries import make_delivery
from tests.support.waiting import wait_until


def program(folder: Path, script: str) -> Path:
    path = folder / "page"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def channel(path: Path, query: str = "") -> Channel:
    return open_channel("e", f"exec://{path}{query}", {}, Allowed(programs=(path,)))


def run(folder: Path, script: str, query: str = "", **members: object) -> Outcome:
    return channel(program(folder, script), query).send([make_delivery(**members)])


def test_the_alert_is_passed_on_standard_input_only(tmp_path: Path) -> None:
    """No shell interprets hostile text; arguments and environment come from the config."""
    script = f'cat >{tmp_path}/in; env >{tmp_path}/env; printf "%s\\n" "$@" >{tmp_path}/args; pwd >>{tmp_path}/args'
    os.environ["FALCO_BRIDGE_CANARY"] = "canary"
    try:
        outcome = run(tmp_path, script, "?arg=--team&arg=$(id)%20;%20x", rule="$(touch /tmp/x); `id` \n --flag")
    finally:
        del os.environ["FALCO_BRIDGE_CANARY"]
    assert outcome == Outcome(Verdict.DELIVERED, 0)
    (line,) = (tmp_path / "in").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["rule"] == "$(touch /tmp/x); `id` \n --flag"
    assert (tmp_path / "args").read_text(encoding="utf-8").splitlines() == ["--team", "$(id) ; x", "/"]
    names = {each.partition("=")[0] for each in (tmp_path / "env").read_text(encoding="utf-8").splitlines()}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {"PATH", "LANG", "HOME"}


@pytest.mark.parametrize(
    ("script", "verdict", "reason"),
    [
        ("exit 0", Verdict.DELIVERED, ""),
        ("echo no such team; exit 65", Verdict.REJECTED, "the program exited with status 65: no such team"),
        ("echo busy >&2; exit 1", Verdict.RETRY, "the program exited with status 1: busy"),
        ("kill -SEGV $$", Verdict.RETRY, "the program was killed by SIGSEGV"),
    ],
)
def test_the_exit_status_decides(script: str, verdict: Verdict, reason: str, tmp_path: Path) -> None:
    """65 means invalid data in sysexits.h; all other failures are tried again."""
    outcome = run(tmp_path, script)
    assert (outcome.verdict, outcome.reason) == (verdict, reason)


def test_a_program_beyond_its_limit_is_killed_with_its_children(tmp_path: Path) -> None:
    """No process of its group survives. On a busy machine a short limit may end before the child is started."""
    child = tmp_path / "child"
    for limit in (0.3, 2, 10, 40):
        outcome = run(tmp_path, f"sleep 300 & echo $! >{child}; sleep 300", f"?limit={int(limit * 1000)}ms")
        assert outcome.verdict is Verdict.RETRY
        assert f"did not end within {limit:g} s" in outcome.reason
        if child.exists() and child.read_text(encoding="ascii").endswith("\n"):
            break
    wait_for_end(int(child.read_text(encoding="ascii")))


def test_a_child_that_outlives_the_program_is_killed(tmp_path: Path) -> None:
    """A child that holds the output open does not delay the outcome."""
    outcome = run(tmp_path, f"sleep 300 & echo $! >{tmp_path}/child; exit 0", "?limit=20s")
    assert outcome.verdict is Verdict.DELIVERED
    wait_for_end(int((tmp_path / "child").read_text(encoding="ascii")))


def wait_for_end(pid: int) -> None:
    def has_ended() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    wait_until(has_ended, "the end of the child")


def test_a_program_with_much_output_or_unread_input_does_not_block(tmp_path: Path) -> None:
    """Megabytes in either direction; the reason contains the beginning of the output."""
    outcome = run(tmp_path, "head -c 5000000 /dev/zero | tr '\\0' x; exit 3", "?limit=30s", output="a" * 500_000)
    assert outcome.verdict is Verdict.RETRY
    assert len(outcome.reason) < 400
    assert "status 3: xxx" in outcome.reason


def test_only_an_allowed_program_that_others_cannot_change_is_valid(tmp_path: Path) -> None:
    """Each problem is reported at start, with its remedy."""
    path = program(tmp_path, "exit 0")
    assert "allow: {exec:" in str(problem_with(f"exec://{path}"))
    allowed = Allowed(programs=(path, tmp_path / "none", tmp_path))
    assert problem_with(f"exec://{path}", {}, allowed) is None
    assert "absolute path" in str(problem_with("exec://page", {}, allowed))
    assert "No such file" in str(problem_with(f"exec://{tmp_path}/none", {}, allowed))
    assert "not an executable file" in str(problem_with(f"exec://{tmp_path}", {}, allowed))
    path.chmod(0o757)
    assert "chmod o-w" in str(problem_with(f"exec://{path}", {}, allowed))


def test_a_missing_program_is_tried_again(tmp_path: Path) -> None:
    """An update may be replacing it."""
    path = program(tmp_path, "exit 0")
    page = channel(path)
    path.unlink()
    outcome = page.send([make_delivery()])
    assert outcome == Outcome(Verdict.RETRY, None, "cannot start the program: No such file or directory")
