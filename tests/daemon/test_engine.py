"""A reload beside the intake, which uses the session of the journal."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import cast

import psycopg
import pytest

from bridge.daemon.assembly.engine import build_engine
from bridge.daemon.reload.generation import build_generation
from bridge.journal.opening import open_for_router
from bridge.journal.postgres.appending.alert_log import PostgresAlertLog
from tests.e2e.harness import Instance
from tests.support.postgres import drop_schema, in_schema, new_schema

ROUTES = 'route "r" { throttle 1 per 1m to archive }\n'


def test_routes_are_replaced_while_a_transaction_of_the_intake_has_failed(postgres: str, tmp_path: Path) -> None:
    """Such as where another bridge has just stored the same alert: it rolls back, and stores the others."""
    instance, schema = Instance(tmp_path), new_schema()
    instance.configure(
        ROUTES, {"archive": "file://archive.jsonl"}, sources=[{"stdin": True}], roles=[],
        journal={"url": in_schema(postgres, schema), "path": "local"},
    )  # fmt: skip
    built = [build_generation(tmp_path / "falco-bridge.yaml", {}).generation for _ in range(2)]
    first, second = built
    assert first is not None
    assert second is not None
    with closing(open_for_router(first.config.journal.location)) as journal:
        engine = build_engine(first, journal, pytest.fail)
        database = cast("PostgresAlertLog", journal.alerts)._database
        with database.transaction() as statements:
            with pytest.raises(psycopg.errors.DivisionByZero):
                statements.execute("SELECT 1 / 0")
            assert engine.use_routes(second.router) == {}
    drop_schema(postgres, schema)
