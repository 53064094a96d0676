"""The terminal rules without their settings are a problem of the status, and so of `doctor`."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bridge.operator.operations.status import read_status
from bridge.pipeline.counts import Counts
from bridge.terminal.observation import observe_all
from tests.operator.state import IntakeState, an_inspector
from tests.support.terminals import PAINT, Typist


@pytest.mark.parametrize(
    ("data", "rawres", "remedies"),
    [
        ("not base64!", 11, ["buffer_format_base64"]),
        (base64.b64encode(b"x" * 80).decode(), 90, ["snaplen"]),
        (base64.b64encode(b"x" * 1024).decode(), 9000, []),
    ],
    ids=["no base64", "short snaplen", "long write"],
)
def test_missing_settings_of_falco_are_reported(tmp_path: Path, data: str, rawres: int, remedies: list[str]) -> None:
    """A few such writes are none: programs may write more than any snaplen holds."""
    counts = Counts()
    inspector = an_inspector(tmp_path / "journal.db", intake=IntakeState(counts=counts))

    def found() -> list[str]:
        return [each.remedy for each in read_status(inspector, ()).problems if each.subject == "terminal"]

    assert found() == []
    shell = Typist()
    shell.start()
    for _ in range(3):
        shell.emit(PAINT, evt_arg_data=data, evt_rawres=rawres)
    counts.add_observations(observe_all(shell.alerts))
    assert found() == []
    counts.add_observations(observe_all(shell.alerts[-1:] * 50))
    assert [word in text for word, text in zip(remedies, found(), strict=True)] == [True] * len(remedies)
