"""The key of acknowledgement links: of one bridge in a file, of all bridges of a database in a row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.common.files.key_file import create_key
from bridge.common.secret import Secret
from bridge.config.link_key import link_key
from bridge.journal.location import DatabaseLocation
from tests.support.postgres import drop_schema, in_schema, new_schema


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    schema = new_schema()
    yield in_schema(postgres, schema)
    drop_schema(postgres, schema)


def test_bridges_of_a_database_have_one_key(url: str, tmp_path: Path) -> None:
    """The first one brings that of its file, so that links in messages that were sent still work."""
    for each in ("one", "two"):
        (tmp_path / each).mkdir()
    of_file = create_key(tmp_path / "one" / "local.links.key")
    create_key(tmp_path / "two" / "local.links.key")
    found = [link_key(DatabaseLocation(Secret(url), tmp_path / each / "local")) for each in ("one", "two", "none")]
    assert found == [of_file] * 3


def test_a_database_without_a_key_gets_one(url: str, tmp_path: Path) -> None:
    """No file is written."""
    first = link_key(DatabaseLocation(Secret(url), tmp_path / "one"))
    assert link_key(DatabaseLocation(Secret(url), tmp_path / "other")) == first
    assert not list(tmp_path.iterdir())
    assert link_key(tmp_path / "journal.db") != first
