"""A reload that fails after it has begun."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.common.net.listening import ListeningSockets
from bridge.daemon.operator_listeners import OperatorListeners
from bridge.daemon.reload.generation import build_generation
from bridge.daemon.reload.live import LiveGeneration, RunningParts
from bridge.daemon.reload.reload import Reload
from bridge.daemon.running_sources import RunningSources
from bridge.daemon.sources import prepare_source
from bridge.operator.service import OperatorService
from bridge.pipeline.courier_process import CourierProcess
from bridge.sources.stdin_source import StdinSource
from tests.e2e.harness import Instance
from tests.support.limits import no_threads

ROUTES, CHANNELS = 'route "r" { to archive }\n', {"archive": "file://archive.jsonl"}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.end()


def test_a_reload_without_a_thread_for_a_source_says_what_is_in_use(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next one, for which nothing has changed, does not claim that all is well."""
    monkeypatch.setattr("bridge.daemon.reload.live.configure_logging", lambda *_: None)  # it would end capture_logs
    instance.configure(ROUTES, CHANNELS, sources=[{"stdin": True}])
    generation = build_generation(instance.folder / "falco-bridge.yaml", {}).generation
    assert generation is not None
    operator = OperatorService(generation.config, ListeningSockets())
    operator.close()
    settings = generation.config.sources
    sources = RunningSources(
        settings, [prepare_source(settings[0], ListeningSockets())], lambda _: StdinSource("stdin")
    )
    parts = RunningParts(
        sources, OperatorListeners(operator), CourierProcess(generation.courier_settings()), ListeningSockets(),
        lambda _: {},
    )  # fmt: skip
    instance.configure(ROUTES, CHANNELS, sources=[{"stdin": True}, {"file": "in.log"}])
    with closing(Reload(LiveGeneration(generation, parts), {})) as reload, capture_logs() as logs:
        with no_threads():
            first = reload.reload("asked")
        second = reload.reload("asked")
        problem = reload.problem
    for outcome in (first, second):
        assert not outcome.applied
        assert "in use only in part (can't start new thread); restart the bridge" in outcome.report
    assert problem.startswith("the changed config is in use only in part")
    assert {each["event"] for each in logs} == {"reload applied in part"}
