"""Silences of several bridges over one database: each acts on all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from threading import Barrier, Thread

import pytest

from bridge.common.secret import Secret
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_fleet_session, open_to_read, open_to_write
from bridge.pipeline.controls.silences import NewSilence, RunningSilences, SilenceSelection
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.fleet_watch import FleetWatch
from bridge.routing.router import Router
from bridge.sources.contract import Batch
from tests.support.builders import alert, program_of
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until

HOUR = 3600 * 1_000_000_000
ROUTES = 'route "all" { to chat }'


@pytest.fixture
def location(postgres: str, tmp_path: Path) -> Iterator[DatabaseLocation]:
    schema = new_schema()
    yield DatabaseLocation(Secret(in_schema(postgres, schema)), tmp_path / "local")
    drop_schema(postgres, schema)


@contextmanager
def bridge(location: DatabaseLocation) -> Iterator[tuple[Intake, RunningSilences]]:
    """Intake and silences of one of several bridges."""
    with closing(open_to_write(location)) as journal:
        router = Router(program_of(ROUTES), {}, secret=journal.memory.secret())
        intake = Intake(journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda _fault: None)
        silences = RunningSilences(intake, journal.memory, location, {}, ["chat"])
        watch = FleetWatch(partial(open_fleet_session, location), silences.load_silences)
        watch.start()
        yield intake, silences
        watch.close()


def deliveries(location: DatabaseLocation) -> int:
    with closing(open_to_read(location)) as journal:
        return journal.deliveries.undelivered()


def test_a_silence_applies_at_every_bridge(location: DatabaseLocation) -> None:
    """So does its end. Each bridge lists it, with its author."""
    number = 0
    with bridge(location) as (_, one), bridge(location) as (intake, other):

        def is_silent() -> bool:
            nonlocal number
            number += 1
            before = deliveries(location)
            intake.accept(Batch("s", time.time_ns(), (alert(number, rule="shell"),)))
            return deliveries(location) == before

        assert not is_silent()
        added = one.add_silence(NewSilence("rule = shell", 0, time.time_ns() + HOUR, "alice"))
        wait_until(is_silent, "the silence in the other bridge")
        assert [(each.id, each.author) for each in other.silences()] == [(added.id, "alice")]
        assert other.expire_silences(SilenceSelection((added.id,)), "bob")
        assert not is_silent()
        wait_until(lambda: one.expire_silences(SilenceSelection((added.id,)), "alice") == [], "the end of it")
        (ended,) = one.silences(ended=True)
        assert [(each.action, each.actor) for each in ended.acts] == [("expire", "bob")]


def test_changes_at_once_are_all_made(location: DatabaseLocation) -> None:
    """Each bridge changes another key of the same silences; none is lost, and none is undone."""
    with ExitStack() as stack:
        silences = [stack.enter_context(bridge(location))[1] for _ in range(3)]
        ids = [silences[0].add_silence(NewSilence("rule = x", 0, time.time_ns() + HOUR, "alice")).id for _ in range(8)]
        barrier = Barrier(3)

        def change(at: int) -> None:
            barrier.wait(60)
            for each in ids:
                if at == 0:
                    silences[0].update_silence(each, "alice", comment="changed")
                elif at == 1:
                    silences[1].update_silence(each, "bob", announce="chat")
                else:
                    silences[2].update_silence(each, "carol", until_ns=time.time_ns() + 5 * HOUR)

        threads = [Thread(target=change, args=(at,)) for at in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        stored = silences[0].silences()
        assert len(stored) == len(ids)
        assert all(
            (each.comment, each.announce) == ("changed", "chat") and each.until_ns > time.time_ns() + 4 * HOUR
            for each in stored
        )
