"""A journal of each engine, whose index has a place of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.common.secret import Secret
from bridge.journal.location import DatabaseLocation, Location
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from tests.support.postgres import in_schema, new_schema

PATHS: dict[int, Path] = {}


def journal_path(journal: Journal) -> Path:
    return PATHS[id(journal)]


@pytest.fixture(params=["file", "database"])
def journal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Journal]:
    path = tmp_path / "journal.db"
    location: Location = path
    if request.param == "database":
        location = DatabaseLocation(Secret(in_schema(request.getfixturevalue("postgres"), new_schema())), path)
    opened = open_for_router(location)
    PATHS[id(opened)] = path
    yield opened
    opened.close()
