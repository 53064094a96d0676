"""A reload while the journal cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bridge.common.net.listening import ListeningSockets
from bridge.daemon.operator_listeners import OperatorListeners
from bridge.daemon.reload.generation import Generation, build_generation
from bridge.daemon.reload.live import LiveGeneration, RunningParts
from bridge.daemon.reload.reload import Reload
from bridge.daemon.running_sources import RunningSources
from bridge.daemon.sources import prepare_source
from bridge.journal import JournalBusyError
from bridge.operator.service import OperatorService
from bridge.pipeline.courier_process import CourierProcess
from bridge.sources.stdin_source import StdinSource
from tests.e2e.harness import Instance
from tests.support.limits import no_threads
from tests.support.waiting import wait_until


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.end()


@pytest.fixture
def refusing(instance: Instance) -> tuple[LiveGeneration, list[Generation], list[str]]:
    """A generation, those whose routes were used since, and why the journal cannot be written, until that is cleared."""
    instance.configure('route "r" { to archive }\n', {"archive": "file://archive.jsonl"}, sources=[{"stdin": True}])
    generation = build_generation(instance.folder / "falco-bridge.yaml", {}).generation
    assert generation is not None
    operator = OperatorService(generation.config, ListeningSockets())
    operator.close()
    settings = generation.config.sources
    sources = RunningSources(
        settings, [prepare_source(settings[0], ListeningSockets())], lambda _: StdinSource("stdin")
    )
    used: list[Generation] = []
    problems = ["the journal cannot be written: the disk is full"]

    def use_routes(new: Generation) -> dict[str, int]:
        used.append(new)
        return {}

    def check_journal() -> None:
        if problems:
            raise JournalBusyError(problems[0])

    parts = RunningParts(
        sources, OperatorListeners(operator), CourierProcess(generation.courier_settings()), ListeningSockets(),
        use_routes, check_journal=check_journal,
    )  # fmt: skip
    return LiveGeneration(generation, parts), used, problems


def test_a_reload_is_refused_with_the_reason_while_the_disk_is_full(
    refusing: tuple[LiveGeneration, list[Generation], list[str]],
) -> None:
    """At once; nothing has changed then, and the reload is tried again."""
    live, used, problems = refusing
    generation = live.current
    with closing(Reload(live, {})) as reload:
        outcome = reload.reload("asked")
        assert (outcome.applied, outcome.may_pass, outcome.report) == (False, True, f"{problems[0]}\n")
        assert reload.problem == f"the changed config is not in use: {problems[0]}"
        assert (used, live.current) == ([], generation)
        problems.clear()
        assert reload.reload("tried again").applied
        assert (used, reload.problem) == ([live.current], "")


def test_a_reload_is_tried_again_where_no_thread_can_be_started(
    refusing: tuple[LiveGeneration, list[Generation], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a change of a file."""
    monkeypatch.setattr("bridge.daemon.reload.reload._RETRY_SECONDS", 0.0)
    live, used, problems = refusing
    reload = Reload(live, {})
    reload.start()
    with closing(reload), no_threads():
        assert not reload.reload("asked").applied
        problems.clear()
        wait_until(lambda: used, "the reload is tried again")
