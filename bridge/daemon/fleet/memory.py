"""The memory of a bridge that is a member of a fleet: its owner, and requests to the owners of other bridges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from structlog import get_logger

from bridge.daemon.run import BackgroundService
from bridge.journal.location import DatabaseLocation
from bridge.journal.members import MEMORY, PARTITION
from bridge.journal.membership import Membership
from bridge.journal.opening import open_partitions, open_requests
from bridge.journal.partitions import Partitions
from bridge.pipeline.intake import Intake
from bridge.pipeline.owner.incidents import FleetIncidents
from bridge.pipeline.owner.owner import Owner
from bridge.routing.decision import Fault
from bridge.routing.partitions.placement import PARTITIONS
from bridge.routing.router import Router
from bridge.sources.contract import Aborted


class FleetMemory:
    """Made before the intake, which ``attach`` connects to the owner."""

    def __init__(self, location: DatabaseLocation, membership: Membership, router: Router) -> None:
        """``router`` decides in halves from now on; its keys have their secret already. Raises JournalError."""
        self._membership = membership
        self._router = router
        self._owner: Owner | None = None
        self._partitions: Partitions | None = open_partitions(location, membership.member)
        self._count = self._partitions.number(PARTITIONS)
        self.share(router)
        if MEMORY in membership.member.roles:
            self._divide(self._partitions, router)
        else:
            self._partitions.close()
            self._partitions = None
        self.incidents = FleetIncidents(partial(open_requests, location), lambda: self._router, self.wake)

    def share(self, router: Router) -> None:
        """Let the router decide in halves."""
        router.share(self._count)

    def attach(self, intake: Intake, on_deliveries: Callable[[], None]) -> Sequence[BackgroundService]:
        """The owner, if the bridge has that role. It uses the silences of the intake, and reports faults to it."""
        if self._partitions is None:
            return ()
        names = [str(number) for number in range(self._count)]
        leases = self._membership.hold(PARTITION, MEMORY, lambda: names, self.wake)
        clock = self._membership.clock

        def report(faults: Sequence[Fault]) -> None:
            with suppress(Aborted):
                intake.report_faults(faults, clock.wall_ns())

        self._owner = Owner(
            self._partitions, leases, self._router, clock, silences=lambda: intake.silences,
            on_deliveries=on_deliveries, on_faults=report, counts=intake.counts.owner,
        )  # fmt: skip
        return (self._owner,)

    @property
    def owner(self) -> Owner | None:
        """None where the bridge does not have that role."""
        return self._owner

    def wake(self) -> None:
        """There are matches, requests or partitions for the owner."""
        if self._owner is not None:
            self._owner.wake()

    def use_router(self, router: Router) -> None:
        """Decide with another router, which decides in halves, from the next turn on."""
        self._router = router
        if self._owner is not None:
            self._owner.use_router(router)

    def _divide(self, partitions: Partitions, router: Router) -> None:
        """Divide the state of a single bridge, if one has left it."""
        shared = router.shared
        count = partitions.divide(
            lambda row: () if shared is None else shared.partitions_of(row.clause, row.key, row.row)
        )
        if count:
            get_logger("bridge").info("state divided", rows=count, partitions=self._count)
