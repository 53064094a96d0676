"""Alerts from pipes, as the shell's `<(zcat alerts.gz)` and `/dev/stdin` are: what is read of a pipe is gone."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.workbench.alert_files import AlertFileError, Line, is_journal, read_alerts
from bridge.workbench.replay.recording import ALWAYS, Form, Part, parts_of, read_part
from tests.cli.commands import ALERTS, ROUTES, run

ALERT = {
    "rule": "r",
    "priority": "Warning",
    "output": "o",
    "time": "2026-03-04T05:06:07Z",
    "output_fields": {"a.b": "c"},
}
LINES = b"".join(json.dumps(ALERT | {"rule": f"r{number}"}).encode() + b"\n" for number in range(20))


@contextmanager
def a_pipe(content: bytes) -> Iterator[str]:
    reader, writer = os.pipe()
    try:
        os.write(writer, content)
        os.close(writer)
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)


@pytest.mark.parametrize("content", [LINES, gzip.compress(LINES)], ids=["plain", "gzip"])
def test_no_alert_of_a_pipe_is_lost(content: bytes) -> None:
    """Neither by `match` and `explain`, nor by a replay, which divides plain files into parts."""
    with a_pipe(content) as path:
        assert not is_journal(path)
        rules = [each.alert.rule for each in read_alerts(path) if isinstance(each, Line)]
    assert rules == [f"r{number}" for number in range(20)]
    with a_pipe(content) as path:
        parts = parts_of([path], ALWAYS)
        assert [part.form for part in parts] == [Form.WHOLE]
        assert [each.alert.rule for part in parts for each in read_part(part, ALWAYS) if each] == rules


def test_suggest_measures_alerts_of_standard_input() -> None:
    """It reads them twice."""
    from_file = run("suggest", ROUTES, "--from", ALERTS, "--top", 1)
    assert "would have held back" in from_file.stdout
    assert run("suggest", ROUTES, "--from", "-", "--top", 1, given=ALERTS.read_text(encoding="utf-8")).stdout == (
        from_file.stdout
    )


def test_a_file_that_vanishes_is_an_error_in_words(tmp_path: Path) -> None:
    """Between the plan and the reading."""
    part = Part(str(tmp_path / "gone.jsonl"), Form.LINES, 0, 10)
    with pytest.raises(AlertFileError, match=r"gone\.jsonl: cannot be read \(No such file or directory\)"):
        list(read_part(part, ALWAYS))
