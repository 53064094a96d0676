"""Bridges of a fleet: a changed program is used once all have loaded it, and one asks another to test a channel."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import msgspec
import pytest

from bridge.common.secret import Secret
from bridge.daemon.fleet.channel_tests import ChannelTests
from bridge.daemon.fleet.rollout import Rollout, await_others, await_program
from bridge.journal.location import DatabaseLocation
from bridge.journal.members import Member
from bridge.journal.opening import open_fleet_session, open_for_router
from bridge.journal.postgres.connection import connect
from bridge.journal.protocols import Journal
from bridge.journal.revisions import FleetSession
from bridge.operator.actor import OperationError
from bridge.operator.model.channels import ChannelTestResult
from tests.support.limits import no_threads
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until


class Fleet:
    """Bridges with their rollouts, over one database."""

    def __init__(self, url: str, folder: Path, stack: ExitStack) -> None:
        self._url = url
        self._folder = folder
        self._stack = stack

    def location(self, name: str) -> DatabaseLocation:
        (self._folder / name).mkdir(exist_ok=True)
        return DatabaseLocation(Secret(self._url), self._folder / name / "local")

    def journal(self, name: str, roles: tuple[str, ...] = ("router", "intake", "memory")) -> Journal:
        member = Member(name, name, "host", "1", os.getpid(), roles, lease_seconds=60)
        journal = self._stack.enter_context(closing(open_for_router(self.location(name), None, member)))
        assert journal.membership is not None
        journal.membership.start()
        return journal

    def session(self) -> FleetSession:
        session = open_fleet_session(self.location("watch"))
        self._stack.callback(session.close)
        return session

    def bridge(self, name: str, digest: str) -> Rollout:
        journal = self.journal(name)
        assert journal.membership is not None
        rollout = Rollout(journal.membership, digest)

        def use() -> bool:
            rollout.adopted("new")
            return True

        rollout.use_loaded = use
        self._stack.callback(lambda: None)
        return rollout


@pytest.fixture
def fleet(postgres: str, tmp_path: Path) -> Iterator[Fleet]:
    schema = new_schema()
    with ExitStack() as stack:
        yield Fleet(in_schema(postgres, schema), tmp_path, stack)
    drop_schema(postgres, schema)


def test_a_program_is_used_once_all_have_loaded_it(fleet: Fleet) -> None:
    """Until then the old one stays everywhere, and the bridges that have not loaded it are named."""
    one, other = fleet.bridge("one", "old"), fleet.bridge("other", "old")
    fleet.journal("deliverer", ("router", "courier"))
    session = fleet.session()

    def follow() -> str:
        for each in (one, other):
            each.follow(session.read(), session)
        return session.read().active

    wait_until(lambda: follow() == "old", "the first program")
    first = session.read().program
    assert one.is_new("new")
    assert not one.propose("new", 0)
    wait_until(lambda: follow() == "old" and one.waits_for == ("other",), "the other one to be named")
    assert "once the other bridges have loaded them: other" in one.problem
    assert (one.used, other.used) == ("old", "old")
    other.propose("new", 0)
    wait_until(lambda: follow() == "new" and one.used == other.used == "new", "the new program")
    assert (one.used, one.problem, other.problem, session.read().program) == ("new", "", "", first + 1)


def test_a_bridge_that_is_gone_is_not_waited_for(fleet: Fleet) -> None:
    """One that takes back what it has loaded is not waited for either."""
    one, other = fleet.bridge("one", "old"), fleet.journal("other")
    assert other.membership is not None
    Rollout(other.membership, "old")
    session = fleet.session()
    one.propose("new", 0)
    wait_until(lambda: session.waits_for("new") == ["other"], "the member")
    other.close()
    wait_until(lambda: one.follow(session.read(), session) or one.used == "new", "the new program")
    assert one.is_new("old")
    one.propose("old", 0)
    assert not one.is_new("new")
    assert session.read().active == "new"


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_bridge_that_is_gone_is_not_waited_for_after_the_clock_was_set_back(fleet: Fleet, end: str) -> None:
    """By ten minutes, or by one where it was stopped: its last sign of life is in the future."""
    one, other = fleet.journal("one"), fleet.journal("other")
    session = fleet.session()
    assert session.waits_for("new") == ["one", "other"]
    other.close()
    minutes = 1 if end == "stopped" else 10
    with closing(connect(fleet.location("watch"), "test")) as connection:
        connection.execute(f"UPDATE members SET expires = expires + interval '{minutes} minutes' WHERE id = 'other'")
        if end == "killed":
            connection.execute("UPDATE members SET info = info - 'stopped' WHERE id = 'other'")
    assert session.waits_for("new") == ["one"]
    assert one.membership is not None
    one.membership.note(loaded="new")
    wait_until(lambda: session.activate("new"), "the new program")


def test_a_bridge_that_has_not_come_back_after_an_outage_is_waited_for(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database did not answer for longer than a lease. The other bridge may have rejected the program."""
    monkeypatch.setattr("bridge.journal.membership._RETURN_SECONDS", 1.0)
    membership, _ = fleet.journal("one").membership, fleet.journal("other")
    assert membership is not None
    rollout, session = Rollout(membership, "old"), fleet.session()
    with closing(connect(fleet.location("watch"), "test")) as connection:
        connection.execute("UPDATE members SET expires = clock_timestamp()")
    membership._alive_until_ns = 1
    rollout.propose("new", 0)
    rollout.follow(session.read(), session)
    assert session.read().active != "new"
    membership._beat()
    rollout.follow(session.read(), session)
    assert session.read().active != "new"
    wait_until(lambda: rollout.follow(session.read(), session) or session.read().active == "new", "one that is gone")


def test_a_bridge_that_starts_with_another_program_waits(fleet: Fleet) -> None:
    """Until the others have loaded it; after a time it works beside them."""
    one = fleet.bridge("one", "old")
    session = fleet.session()
    wait_until(lambda: one.follow(session.read(), session) or session.read().active == "old", "the first program")
    joins = fleet.journal("joins").membership
    assert joins is not None
    open_session = partial(open_fleet_session, fleet.location("watch"))
    await_program(joins, open_session, "old")
    await_program(joins, open_session, "new", 0)
    assert session.read().active == "old"
    one.propose("new", 0)
    await_program(joins, open_session, "new")
    assert session.read().active == "new"


def test_a_process_that_replaces_another_one_waits_before_it(fleet: Fleet) -> None:
    """For the other bridges only: the old process works meanwhile, and may not be able to load the new routes."""
    one, old = fleet.bridge("one", "old"), fleet.journal("old").membership
    assert old is not None
    Rollout(old, "old")
    session = fleet.session()
    wait_until(lambda: session.waits_for("new") == ["old", "one"], "the members")
    open_session = partial(open_fleet_session, fleet.location("watch"))
    successor = threading.Thread(target=await_others, args=(open_session, "new", {"old"}))
    successor.start()
    successor.join(0.5)
    assert successor.is_alive()
    one.propose("new", 0)
    successor.join(60)
    assert not successor.is_alive()
    assert session.waits_for("new") == ["old"]


def test_a_channel_test_that_could_not_begin_keeps_no_slot(fleet: Fleet) -> None:
    """There was no thread for it. The fifth one is sent again."""
    fleet.journal("one")  # makes the tables
    session = fleet.session()
    result = ChannelTestResult(verdict="delivered", status=200, reason="", seconds=0.1)
    tests = ChannelTests("one", partial(open_fleet_session, fleet.location("watch")), lambda _channel, _actor: result)
    wanted = msgspec.msgpack.encode({"channel": "chat", "actor": "ada"})
    for _ in range(4):
        session.ask("one", wanted)
        with no_threads(), pytest.raises(RuntimeError):
            tests.follow(session)
    request = session.ask("one", wanted)
    tests.follow(session)
    wait_until(lambda: session.answer_of(request), "the answer")


def test_the_bridge_that_delivers_to_a_channel_sends_its_test_message(fleet: Fleet) -> None:
    """What it answers is the result, a refusal too. Where it does not begin, there is no result, and no request stays."""
    open_session = partial(open_fleet_session, fleet.location("watch"))
    fleet.session()
    fleet.journal("one")  # makes the tables
    asked: list[tuple[str, str]] = []

    def run(channel: str, actor: str) -> ChannelTestResult:
        asked.append((channel, actor))
        if channel == "none":
            raise OperationError("the config has no channel `none`", 404)
        return ChannelTestResult(verdict="delivered", status=200, reason="", seconds=0.1)

    newer = fleet.session()
    for each in ({"probe": "chat"}, ["chat"]):  # of a newer version, and not begun
        newer.ask("one", msgspec.msgpack.encode(each))
    with connect(fleet.location("watch"), "test") as connection:
        connection.execute("INSERT INTO requests (partition, body) VALUES (-1, '\\x93a3')")
    one = ChannelTests("one", open_session, run, begin_seconds=0.2)
    other = ChannelTests("other", open_session, run, begin_seconds=60)
    assert one.ask("other", "chat", "ada") is None
    stopped = threading.Event()

    def follow() -> None:
        with closing(open_session()) as session:
            while not stopped.wait(0.01):
                one.follow(session)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        assert other.ask("one", "chat", "ada") == ChannelTestResult(
            verdict="delivered", status=200, reason="", seconds=0.1, bridge="one"
        )
        refused = other.ask("one", "none", "bob")
    finally:
        stopped.set()
        thread.join()
    assert refused is not None
    assert (refused.verdict, refused.reason) == ("rejected", "the config has no channel `none`")
    assert asked == [("chat", "ada"), ("none", "bob")]
    assert [msgspec.msgpack.decode(body) for _, body in newer.asked("one")] == [{"probe": "chat"}, ["chat"]]
    assert newer.asked("other") == []
