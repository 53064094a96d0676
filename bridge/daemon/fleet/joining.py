"""The additional parts of a bridge that is a member of a fleet."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from functools import partial

from bridge.daemon.fleet.channel_tests import ChannelTests
from bridge.daemon.fleet.digest import program_digest
from bridge.daemon.fleet.rollout import JOIN_SECONDS, Rollout, await_others, await_program
from bridge.daemon.reload.generation import Generation
from bridge.daemon.reload.reload import Reload
from bridge.journal.location import DatabaseLocation
from bridge.journal.members import COURIER, INTAKE, MEMORY, SOURCE
from bridge.journal.membership import Membership
from bridge.journal.opening import open_fleet_session
from bridge.journal.protocols import Journal
from bridge.journal.revisions import FleetSession, Revisions
from bridge.operator.model.channels import ChannelTestResult
from bridge.pipeline.services.fleet_watch import FleetWatch
from bridge.sources.leased import SourceLeases


def await_routes(generation: Generation, journal: Journal, seconds: float = JOIN_SECONDS) -> None:
    """Before a bridge decides: wait for the others to have loaded its routes. Raises JournalError."""
    membership, location = journal.membership, generation.config.journal.location
    if membership is None or not isinstance(location, DatabaseLocation) or not _decides(membership):
        return
    membership.start()
    await_program(membership, partial(open_fleet_session, location), program_digest(generation), seconds)


def await_routes_before(generation: Generation, journal: Journal) -> None:
    """As ``await_routes``, before this process replaces its parent, which works meanwhile. Raises JournalError."""
    location, decides = generation.config.journal.location, {INTAKE, MEMORY} & set(generation.config.roles)
    if not decides or not isinstance(location, DatabaseLocation):
        return
    replaced = {
        each.bridge for each in journal.members() if (each.pid, each.host) == (os.getppid(), socket.gethostname())
    }
    await_others(partial(open_fleet_session, location), program_digest(generation), replaced)


def source_leases(membership: Membership | None) -> SourceLeases | None:
    """The leases of the sources that one bridge reads; None for a single bridge."""
    if membership is None or INTAKE not in membership.member.roles:
        return None
    leases = SourceLeases()
    holding = membership.hold(SOURCE, INTAKE, leases.names, hands_over=True)
    leases.on_change = membership.beat_soon
    leases.has = holding.has
    return leases


def channel_tests(
    generation: Generation, membership: Membership | None, run: Callable[[str, str], ChannelTestResult]
) -> ChannelTests | None:
    """Tests of channels that another bridge delivers to, or asks for; None for a single bridge."""
    location = generation.config.journal.location
    if membership is None or not isinstance(location, DatabaseLocation):
        return None
    return ChannelTests(membership.member.bridge, partial(open_fleet_session, location), run)


def watch_fleet(
    generation: Generation,
    membership: Membership | None,
    reload: Reload,
    load_silences: Callable[[], None],
    tests: ChannelTests | None,
) -> list[FleetWatch]:
    """The services that follow the other bridges: none for a single bridge."""
    location = generation.config.journal.location
    if membership is None or not isinstance(location, DatabaseLocation):
        return []
    membership.note(roles=list(generation.config.roles))
    session = partial(open_fleet_session, location)
    answers = tests.follow if tests is not None and COURIER in generation.config.roles else lambda _session: None
    if not _decides(membership):
        return [FleetWatch(session, load_silences, lambda _revisions, opened: answers(opened))]
    rollout = reload.rollout = Rollout(membership, program_digest(generation))
    rollout.use_loaded = reload.use_loaded

    def follow(revisions: Revisions, opened: FleetSession) -> None:
        rollout.follow(revisions, opened)
        answers(opened)

    return [FleetWatch(session, load_silences, follow)]


def _decides(membership: Membership) -> bool:
    return bool({INTAKE, MEMORY} & set(membership.member.roles))
