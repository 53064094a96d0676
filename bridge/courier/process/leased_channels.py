"""The channels of a courier that shares them with other couriers: it gets those that its leases name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from bridge.channels.contract import Channel
from bridge.courier.channel_runners import Configuration
from bridge.delivery.options import ChannelOptions
from bridge.journal.members import CHANNEL, COURIER
from bridge.journal.membership import Membership

if TYPE_CHECKING:
    from bridge.courier.courier import Courier

IDLE_SECONDS = 0.2
"""How long such a courier sleeps: nothing wakes it for what another bridge has added."""


class LeasedChannels:
    """Configures the courier at each change of its leases, and of the settings. Thread-safe."""

    def __init__(
        self,
        courier: Courier,
        membership: Membership,
        options: Mapping[str, ChannelOptions],
        opened: Callable[[Mapping[str, str]], Mapping[str, Channel]],
        urls: Mapping[str, str],
    ) -> None:
        """``opened`` opens channels, given their URLs by name."""
        self._courier = courier
        self._options, self._opened, self._urls = options, opened, urls
        self._used: Mapping[str, int] = {}
        """The tokens of the channels that the courier delivers to."""
        self._lock = threading.Lock()
        courier.on_removed = self._given_back
        self._holding = membership.hold(CHANNEL, COURIER, lambda: list(self._urls), self._follow)

    @property
    def has_others(self) -> bool:
        """Whether another courier can take over the channels."""
        return self._holding.has_others

    def use(
        self,
        options: Mapping[str, ChannelOptions],
        opened: Callable[[Mapping[str, str]], Mapping[str, Channel]],
        urls: Mapping[str, str],
        changed: Mapping[str, str],
    ) -> None:
        """Deliver with other settings; ``changed`` are the channels that are not the same as before."""
        with self._lock:
            self._options, self._opened, self._urls = options, opened, urls
            self._used = {name: token for name, token in self._used.items() if name not in changed}
        self._follow()

    def _follow(self) -> None:
        """Called in the thread of the beats, and in that of the commands."""
        with self._lock:
            tokens, surplus = dict(self._holding.tokens), self._holding.surplus
            used = {name: token for name, token in tokens.items() if name in self._urls and name not in surplus}
            idle = [name for name in surplus if name not in self._used]
            gained = {name: self._urls[name] for name, token in used.items() if self._used.get(name) != token}
            gates = {name: partial(self._may_begin, name, token) for name, token in used.items() if name in gained}
            self._courier.follow(
                Configuration(tuple(used), self._opened(gained), self._options, tokens, gates, tuple(self._urls))
            )
            self._used = used
        if idle:
            self._holding.give_up(idle)

    def _may_begin(self, name: str, token: int) -> bool:
        """Whether no other courier can have taken over the channel yet."""
        return self._holding.tokens.get(name) == token and self._holding.has(name)

    def _given_back(self, name: str) -> None:
        """The courier has nothing in flight to the channel any more. Called in its thread."""
        with self._lock:
            is_unused = name in self._holding.tokens and name not in self._used
        if is_unused:
            self._holding.give_up([name])
