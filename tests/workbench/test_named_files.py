"""Files that a route or a config names: none hangs, none fills the memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.config.load import load_config
from bridge.workbench.routes import load_routes


@pytest.mark.parametrize("statement", ['import "/dev/zero"', 'table t = "/dev/zero" by rule'])
def test_a_route_that_names_a_device_is_an_error(tmp_path: Path, statement: str) -> None:
    """`check` and a reload end, and say so."""
    file = tmp_path / "a.route"
    file.write_text(f'{statement}\nroute "a" {{ to c }}\n', "utf-8")
    assert any("larger than" in each.message for each in load_routes([file]).checked.diagnostics)


def test_a_secret_that_is_too_large_is_not_cut(tmp_path: Path) -> None:
    """Nor does a pipe keep the config from being read."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("s" * 200_000, "utf-8")
    config = tmp_path / "b.yaml"
    config.write_text(
        "{sources: [{stdin: true}], journal: j.db, routes: [a.route],"
        " channels: {a: 'slack://${file:large}', b: 'slack://${file:pipe}'}}",
        "utf-8",
    )
    messages = {each.message for each in load_config(config, {}).diagnostics}
    assert any("large cannot be read (larger than" in each for each in messages)
    assert "pipe is empty" in messages
