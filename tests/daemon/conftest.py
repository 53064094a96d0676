"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _same_logging() -> Iterator[None]:
    """Using another config changes how the process logs."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
