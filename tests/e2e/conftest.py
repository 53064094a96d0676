"""A road for each test, torn down with every process that was started on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Road
from tests.support.far_side import FarSide


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    """An empty folder to run in."""
    road = Road(tmp_path)
    yield road
    road.end()


@pytest.fixture
def far_side() -> Iterator[FarSide]:
    """An HTTP server that takes everything."""
    with FarSide().serving() as server:
        yield server
