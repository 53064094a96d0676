"""A reload that fails after it has begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.common.net.listening import ListeningSockets
from bridge.daemon.operator_listeners import OperatorListeners
from bridge.daemon.reload.generation import Generation, build_generation
from bridge.daemon.reload.live import LiveGeneration, RunningParts
from bridge.daemon.reload.reload import Reload
from bridge.daemon.running_sources import RunningSources
from bridge.daemon.sources import prepare_source
from bridge.journal import JournalError
from bridge.journal.errors import JournalBusyError
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


@pytest.fixture
def running(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Reload]:
    """The reload of a running generation. Its arguments are the parts that a test replaces."""
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

    def running(**members: Any) -> Reload:
        parts = RunningParts(
            sources, OperatorListeners(operator), CourierProcess(generation.courier_settings()), ListeningSockets(),
            lambda _: {},
        )  # fmt: skip
        return Reload(LiveGeneration(generation, replace(parts, **members)), {})

    return running


def test_a_reload_without_a_thread_for_a_source_says_what_is_in_use(
    instance: Instance, running: Callable[..., Reload]
) -> None:
    """And the next one, for which nothing has changed, does not claim that all is well."""
    instance.configure(ROUTES, CHANNELS, sources=[{"stdin": True}, {"file": "in.log"}])
    with closing(running()) as reload, capture_logs() as logs:
        with no_threads():
            first = reload.reload("asked")
        second = reload.reload("asked")
        problem = reload.problem
    for outcome in (first, second):
        assert not outcome.applied
        assert "in use only in part (can't start new thread); restart the bridge" in outcome.report
    assert problem.startswith("the changed config is in use only in part")
    assert {each["event"] for each in logs} == {"reload applied in part"}


def test_a_reload_says_what_is_in_use_if_the_journal_fails_after_the_routes(running: Callable[..., Reload]) -> None:
    """The new routes decide by then; only before them is nothing replaced."""
    fault = "the journal cannot be read: disk I/O error"

    def fail(_generation: Generation) -> dict[str, int]:
        raise JournalError(fault)

    for part, problem in (
        ("use_routes", f"the changed config is not in use: {fault}"),
        ("use_rest", f"the changed config is in use only in part ({fault}); restart the bridge"),
    ):
        with closing(running(**{part: fail})) as reload:
            assert reload.reload("asked").partly is (part == "use_rest")
            assert reload.problem == problem


def test_a_reload_is_done_again_if_the_journal_cannot_be_used_for_a_while(running: Callable[..., Reload]) -> None:
    """As while a fleet's database is down: no restart is needed."""
    faults = [JournalBusyError("the database cannot be used now")]

    def use_rest(_generation: Generation) -> None:
        if faults:
            raise faults.pop()

    with closing(running(use_rest=use_rest)) as reload:
        first = reload.reload("asked")
        assert (first.partly, first.may_pass) == (False, True)
        assert "the database cannot be used now" in reload.problem
        assert reload.reload("tried again").applied
        assert reload.problem == ""
