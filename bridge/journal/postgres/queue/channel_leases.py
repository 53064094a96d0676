"""The channels that are leased to this courier, if couriers share a journal."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bridge.journal.members import CHANNEL
from bridge.journal.postgres.database import Statements
from bridge.journal.postgres.leases import held


class ChannelLeases:
    """All channels, unless the courier is a member of a fleet. Then those that it was given last."""

    def __init__(self, member: str) -> None:
        """``member`` is the id of this member; empty where there is no fleet."""
        self._member = member
        self._tokens: Mapping[str, int] = {}
        self._gained: frozenset[str] = frozenset()

    @property
    def is_shared(self) -> bool:
        """Whether there may be other couriers."""
        return bool(self._member)

    @property
    def names(self) -> list[str]:
        """The channels that it was given, in a fleet."""
        return list(self._tokens)

    @property
    def gained(self) -> frozenset[str]:
        """Those that it did not have before, until ``released``: others may have claimed deliveries to them."""
        return self._gained

    def use(self, tokens: Mapping[str, int]) -> None:
        """Have these channels, and no others."""
        before, self._tokens = self._tokens, dict(tokens)
        self._gained = frozenset(
            name for name, token in tokens.items() if name in self._gained or before.get(name) != token
        )

    def released(self) -> None:
        """What others had claimed of the gained channels is released."""
        self._gained = frozenset()

    def among(self, channels: Collection[str]) -> list[str]:
        """Those of the channels that it was given."""
        return [each for each in channels if not self._member or each in self._tokens]

    def held(self, statements: Statements, channels: Collection[str]) -> frozenset[str]:
        """Those of the channels that it still has; no other courier gets them before the transaction ends."""
        if not self._member:
            return frozenset(channels)
        tokens = {each: self._tokens[each] for each in channels if each in self._tokens}
        return held(statements, CHANNEL, tokens, self._member)

    def all_held(self, statements: Statements) -> list[str] | None:
        """Those that it still has of all that it was given; None for every channel, where there is no fleet."""
        return list(self.held(statements, self._tokens)) if self._member else None
