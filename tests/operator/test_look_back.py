"""The look-back in the status: how far it is, as an operator reads it."""

from __future__ import annotations

from pathlib import Path

from bridge.cli.verbs.operating.status import _text
from bridge.journal.opening import open_for_router
from bridge.operator.operations.status import read_status
from bridge.pipeline.services.look_back import LookBackReport
from tests.operator.state import an_inspector


def test_the_status_shows_how_far_the_look_back_is(tmp_path: Path) -> None:
    """Nothing is shown of it once it has ended."""
    path = tmp_path / "j.db"
    open_for_router(path).close()
    inspector = an_inspector(path)
    assert not any("look-back" in line for line in _text(read_status(inspector, ["new"])))
    inspector.look_back = lambda: LookBackReport(("new", "gone\nquiet"), 400, 1200)
    status = read_status(inspector, ["new"])
    assert status.look_back is not None
    assert (status.look_back.read, status.look_back.total) == (400, 1200)
    (line,) = (line for line in _text(status) if line.startswith("look-back"))
    assert line.startswith("look-back 400 of 1200 recorded alerts read for new, gone")
    assert "\n" not in line
