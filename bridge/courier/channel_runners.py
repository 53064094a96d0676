"""The runners of the courier's channels: started from its settings, and replaced when the settings change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

import structlog

from bridge.channels.contract import Channel
from bridge.courier.sending.runner import Runner
from bridge.courier.sending.worker import Done
from bridge.delivery import Health
from bridge.delivery.options import ChannelOptions
from bridge.journal.protocols import DeliveryQueue


@dataclass(frozen=True, slots=True)
class Configuration:
    """A change of the settings."""

    names: tuple[str, ...]
    """All channels from now on."""
    changed: Mapping[str, Channel]
    """The new and the changed ones."""
    options: Mapping[str, ChannelOptions]
    """Of all channels of the config, also of those that other couriers deliver to."""
    tokens: Mapping[str, int] | None = None
    """The leases that this courier has; None where it has no other couriers beside it."""
    gates: Mapping[str, Callable[[], bool]] = field(default_factory=dict)
    """Whether an attempt to the channel may begin, for the changed ones."""
    known: tuple[str, ...] = ()
    """All channels of the config, where ``names`` are those of this courier."""


class ChannelRunners:
    """Starts and replaces runners. Used by the courier's main thread, except for ``request``."""

    def __init__(
        self, queue: DeliveryQueue, runners: dict[str, Runner], done: Done, jitter: Callable[[], float]
    ) -> None:
        """``runners`` is changed in place: others of the courier read it."""
        self._queue = queue
        self._runners = runners
        self.on_removed: Callable[[str], None] = lambda _name: None
        """Called with the name of a channel that is idle after it was removed."""
        self._requested: SimpleQueue[Configuration] = SimpleQueue()
        self._following: Configuration | None = None
        """The one that is followed now: it is followed again where the journal was busy meanwhile."""
        self._done = done
        self._jitter = jitter
        self._successors: dict[str, tuple[Channel, ChannelOptions]] = {}
        """The channels that start once the ones before are idle."""
        self._removing: set[str] = set()
        self._gates: dict[str, Callable[[], bool]] = {}
        self._known: Collection[str] = ()
        self.options: Mapping[str, ChannelOptions] = {}
        """Of all channels of the config."""
        self.removed: dict[str, Runner] = {}
        """The removed ones. An attempt that timed out may still be answered."""

    @property
    def is_changing(self) -> bool:
        """Whether a channel waits for the one before to become idle, or is being removed."""
        return bool(self._successors or self._removing)

    def start(self, channels: Mapping[str, Channel], options: Mapping[str, ChannelOptions], now_ns: int) -> None:
        """Start the channels. The health of all others is removed."""
        self._known, self.options = tuple(channels), options
        if channels:  # a courier that shares them has none at its start
            self._queue.remove_health_except(channels)
        health = self._queue.health()
        for name, channel in channels.items():
            self._add(channel, options.get(name, ChannelOptions()), health.get(name, Health()), now_ns)

    def request(self, configuration: Configuration) -> None:
        """Ask for a change, which the courier's thread follows. Callable from any thread."""
        self._requested.put(configuration)

    def follow_requests(self, now_ns: int) -> None:
        """Own the leases of the requested configurations, and retire the channels that have changed or were removed.

        May be repeated where the journal was busy.
        """
        while self._following is not None or not self._requested.empty():
            following = self._following = self._following or self._requested.get_nowait()
            if following.tokens is not None:
                self._own(following.tokens, following.names, now_ns)
            self._retire_changed(following)
            for name in following.tokens or ():
                if name not in following.names and name not in self._runners:
                    self.on_removed(name)  # it was to be given back before it was started
            self._following = None

    def _own(self, tokens: Mapping[str, int], names: Sequence[str], now_ns: int) -> None:
        """Take these leases. What dead couriers had claimed of their channels becomes due."""
        released = self._queue.own_channels(tokens, now_ns)
        if {name for name, runner in self._runners.items() if not runner.is_retired} != set(names):
            log = structlog.get_logger("courier")
            log.info("channels leased", channels=sorted(names), released=released)

    def _retire_changed(self, configuration: Configuration) -> None:
        changed = configuration.changed
        self._known, self.options = configuration.known or configuration.names, configuration.options
        self._gates |= configuration.gates
        for name, (channel, _) in list(self._successors.items()):
            if name in changed or name not in configuration.names:
                channel.close()
                del self._successors[name]
        for name, channel in changed.items():
            self._successors[name] = (channel, configuration.options.get(name, ChannelOptions()))
        self._removing = {name for name in self._runners if name not in configuration.names}
        for name in (*changed, *self._removing):
            if name in self._runners:
                self._runners[name].retire()

    def replace_idle(self, now_ns: int) -> list[str]:
        """Start the successors of runners that are idle by now, and remove others. Returns the names of the started.

        May be repeated where the journal was busy: it is used before anything changes.
        """
        removed = [each for each in self._removing if not self._runners[each].workers.busy]
        if removed:
            self._queue.remove_health_except(self._known)
        for name in removed:
            self._removing.discard(name)
            self.removed[name] = self._runners.pop(name)
            self.removed[name].close()
            self.on_removed(name)
        started = [name for name in self._successors if not self._is_busy(name)]
        known = self._queue.health() if any(name not in self._runners for name in started) else {}
        for name in started:
            before = self._runners.pop(name, None)
            channel, options = self._successors.pop(name)
            health = known.get(name, Health()) if before is None else before.health
            if before is not None:
                before.close()
            self._add(channel, options, health, now_ns)
            self._runners[name].changed |= before is not None and before.changed
        return started

    def _is_busy(self, name: str) -> bool:
        return name in self._runners and self._runners[name].workers.busy

    def _add(self, channel: Channel, options: ChannelOptions, health: Health, now_ns: int) -> None:
        self._runners[channel.name] = runner = Runner(channel, options, health, self._done, now_ns, self._jitter)
        runner.workers.may_begin = self._gates.get(channel.name, runner.workers.may_begin)
