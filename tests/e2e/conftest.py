"""An instance of the bridge for each test, torn down with every process that was started on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Instance
from tests.support.far_side import FarSide


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """An empty folder to run in."""
    instance = Instance(tmp_path)
    yield instance
    instance.end()


@pytest.fixture
def far_side() -> Iterator[FarSide]:
    """An HTTP server that takes everything."""
    with FarSide().serving() as server:
        yield server
