"""Tells the operator of a channel's outage: through its fallback, as an alert of the bridge's own in the journal."""

from __future__ import annotations

import time
from collections.abc import Mapping

import structlog

from bridge.courier.outage import News, news, notice, told
from bridge.courier.runner import Runner
from bridge.delivery import HEALTH_ALERT_ROUTE, Circuit
from bridge.journal.sqlite import Entry, Journal
from bridge.routing import Decision, Notification, Reason, Routed

ROAD = "courier"
"""Where these alerts come from, in the journal."""


class HealthAlerts:
    """Looks at every channel's health and tells what is new."""

    def __init__(self, journal: Journal, runners: Mapping[str, Runner], host: str) -> None:
        self._journal = journal
        self._runners = runners
        self._host = host
        self._log = structlog.get_logger("courier")

    def look(self, now_ns: int) -> bool:
        """Tell what there is to tell, and whether there was anything. What a crash cut short is not told twice."""
        anything = False
        for runner in self._runners.values():
            if not runner.health.failures and not runner.health.told_ns:
                continue
            waits = self._journal.waiting(runner.name, 1) > 0 if runner.health.recovered_ns else False
            what = news(runner.health, runner.options, now_ns, waits=waits)
            if what is not None:
                self._tell(runner, what, self._journal.waiting(runner.name))
                anything = True
        return anything

    def _tell(self, runner: Runner, what: News, waiting: int) -> None:
        health = runner.health
        alert = notice(runner.name, health, what, waiting, runner.options, self._host)
        listener = self._listener(runner)
        if self._journal.unknown([alert]):
            channels = () if listener is None else (listener,)
            notifications = tuple(Notification(name, (HEALTH_ALERT_ROUTE,), alert.priority) for name in channels)
            decision = Decision(HEALTH_ALERT_ROUTE, Reason.SENT, channels)
            self._journal.append(ROAD, time.time_ns(), [Entry(alert, Routed((decision,), notifications))])
        runner.note(told(health, what, time.time_ns()))
        say = self._log.error if what is News.FAILING else self._log.info
        say(f"channel {what.value}", channel=runner.name, told_through=listener, waiting=waiting, reason=health.reason)

    def _listener(self, runner: Runner) -> str | None:
        """The first of its fallbacks that works; where none does, the first: it hears when it works again."""
        chain: list[Runner] = []
        following = self._runners.get(runner.options.fallback or "")
        while following is not None and following not in chain:
            chain.append(following)
            following = self._runners.get(following.options.fallback or "")
        working = [each for each in chain if each.health.circuit is Circuit.CLOSED]
        return next((each.name for each in working or chain), None)
