"""Reports outages: appends health alerts to the journal, for the fallback of the channel that fails."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from bridge.courier.channel_runners import ChannelRunners
from bridge.courier.health.outage import HealthChange, after_report, health_alert, health_change
from bridge.courier.sending.runner import Runner
from bridge.delivery import HEALTH_ALERT_ROUTE, Circuit, Health
from bridge.delivery.options import ChannelOptions
from bridge.journal.protocols import AlertLog, DeliveryQueue
from bridge.routing import Decision, Entry, Notification, Reason, Routed

SOURCE_NAME = "courier"
"""The source name of health alerts in the journal."""


class HealthAlerts:
    """Checks the health of every channel, and reports changes once each."""

    def __init__(
        self, alerts: AlertLog, queue: DeliveryQueue, runners: Mapping[str, Runner], known: ChannelRunners, host: str
    ) -> None:
        """``known`` knows the options of the channels that other couriers deliver to."""
        self._known = known
        self._alerts = alerts
        self._queue = queue
        self._runners = runners
        self._host = host
        self._log = structlog.get_logger("courier")

    def check(self, now_ns: int) -> bool:
        """Report what has changed. Returns whether anything has."""
        changed = False
        for runner in self._runners.values():
            if not runner.health.failures and not runner.health.notified_ns:
                continue
            waits = self._queue.waiting(runner.name, 1) > 0 if runner.health.recovered_ns else False
            change = health_change(runner.health, runner.options, now_ns, waits=waits)
            if change is not None:
                self._report(runner, change, now_ns, self._queue.waiting(runner.name))
                changed = True
        return changed

    def _report(self, runner: Runner, change: HealthChange, now_ns: int, waiting: int) -> None:
        health = runner.health
        alert = health_alert(runner.name, health, change, waiting, runner.options, self._host)
        fallback = self._fallback(runner)
        channels = () if fallback is None else (fallback,)
        notifications = tuple(Notification(name, (HEALTH_ALERT_ROUTE,), alert.priority) for name in channels)
        decision = Decision(HEALTH_ALERT_ROUTE, Reason.SENT, channels)
        self._alerts.append(SOURCE_NAME, now_ns, [Entry(alert, Routed((decision,), notifications))])
        runner.note(after_report(health, change, now_ns))
        log = self._log.error if change is HealthChange.FAILING else self._log.info
        log(f"channel {change.value}", channel=runner.name, fallback=fallback, waiting=waiting, reason=health.reason)

    def _fallback(self, runner: Runner) -> str | None:
        """The first of its fallbacks that works; if none does, the first, which gets the alert once it works again."""
        chain: list[str] = []
        following = runner.options.fallback
        while following is not None and following not in chain and self._exists(following):
            chain.append(following)
            following = self._options(following).fallback
        health = {name: each.health for name, each in self._runners.items()}
        if any(name not in health for name in chain):
            health = self._queue.health() | health
        working = [name for name in chain if health.get(name, Health()).circuit is Circuit.CLOSED]
        return next(iter(working or chain), None)

    def _exists(self, name: str) -> bool:
        return name in self._runners or name in self._known.options

    def _options(self, name: str) -> ChannelOptions:
        runner = self._runners.get(name)
        return self._known.options[name] if runner is None else runner.options
