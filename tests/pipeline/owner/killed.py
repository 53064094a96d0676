"""A fleet whose owners are killed at any call to the database; their partitions go to others or to themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Any

from bridge.journal.location import DatabaseLocation
from bridge.journal.postgres.connection import connect
from bridge.journal.postgres.database import Database, Statements
from bridge.journal.postgres.partitions.store import PostgresPartitions
from bridge.language.program.program import Program
from bridge.pipeline.counts import OwnerCounts
from bridge.routing.incident_channels import NO_INCIDENT_CHANNELS, IncidentChannels
from tests.pipeline.owner.fleet import Fleet

OWNERS = 3
_CALLS = 12
"""A turn of an owner that has a few partitions makes about as many calls."""


class KilledError(BaseException):
    """The owner does nothing more."""


class MortalDatabase(Database):
    """Ends at a call that a test chooses: a read, the beginning of a transaction, before its COMMIT, or after it."""

    dies_at: int | None = None
    dies_after_commits = True

    def _call(self) -> None:
        if self.dies_at is not None:
            self.dies_at -= 1
            if self.dies_at < 0:
                raise KilledError

    def _read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        self._call()
        return super()._read(statement, parameters)

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Statements]:
        self._call()
        with super().transaction(durable=durable) as statements:
            yield statements

    def _commit(self) -> None:
        self._call()
        super()._commit()
        if self.dies_after_commits:
            self._call()


class KilledFleet(Fleet):
    """As Fleet, with three owners of the same program."""

    def __init__(
        self, location: DatabaseLocation, program: Program, chance: Random,
        incident_channels: IncidentChannels = NO_INCIDENT_CHANNELS, *, dies_after_commits: bool = True,
    ) -> None:  # fmt: skip
        self.chance = chance
        self.kills = 0
        self.former: list[OwnerCounts] = []
        """What killed owners have counted."""
        self._program = program
        self._dies_after_commits = dies_after_commits
        self._sessions: dict[int, MortalDatabase] = {}
        super().__init__(location, program, OWNERS, incident_channels)

    def store(self, at: int) -> PostgresPartitions:
        open_again = partial(connect, self.location, "test")
        self._sessions[at] = session = MortalDatabase(open_again(), open_again, "db")
        session.dies_after_commits = self._dies_after_commits
        return PostgresPartitions(session, f"member-{at}")

    def turn(self) -> None:
        """As in Fleet. Owners are killed meanwhile, until none is."""
        has_ended = False
        while not has_ended:
            has_ended = True
            for at in range(len(self.owners)):
                self._sessions[at].dies_at = self.chance.randrange(_CALLS) if self.chance.random() < 0.25 else None
                try:
                    while self.owners[at].turn():
                        pass
                except KilledError:
                    self.kill(at)
                    has_ended = False
                self._sessions[at].dies_at = None

    def kill(self, at: int) -> None:
        """Another process with nothing in memory takes the owner's place, and any of them its partitions."""
        self.kills += 1
        self.former.append(self.owners[at].counts)
        self.owners[at]._partitions.close()
        self.owners[at] = self.owner(at, self._program)
        for number, owner in self.has.items():
            if owner == at:
                self.move(number, self.chance.randrange(OWNERS))

    @property
    def counts(self) -> list[OwnerCounts]:
        """Of all owners that there were."""
        return [*self.former, *(each.counts for each in self.owners)]
