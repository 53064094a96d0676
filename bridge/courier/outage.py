"""When the operator hears that a channel fails, and that it works again: once each an outage. Pure."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from msgspec import structs

from bridge.alert import INTERNAL_SOURCE, Alert, Priority, make_alert
from bridge.alert.alert import clock_text
from bridge.common.durations import duration_text
from bridge.courier.circuit import is_failing
from bridge.delivery import Health
from bridge.delivery.options import ChannelOptions

_SECOND = 1_000_000_000
_LONGEST_CATCHING_UP = 300 * _SECOND
"""After so long without a failure the outage is over, though something still waits."""


class News(StrEnum):
    """What there is to tell."""

    FAILING = "failing"
    RECOVERED = "recovered"


def news(health: Health, options: ChannelOptions, now_ns: int, *, waits: bool) -> News | None:
    """What the operator should hear now, if anything. ``waits`` tells whether anything still waits for the channel."""
    if not health.told_ns:
        long = now_ns - health.failing_ns >= options.notify_after * _SECOND
        return News.FAILING if is_failing(health) and long else None
    if not health.recovered_ns:
        return None
    caught_up = not waits or now_ns - health.recovered_ns >= _LONGEST_CATCHING_UP
    return News.RECOVERED if caught_up else None


def told(health: Health, what: News, now_ns: int) -> Health:
    """The health once that has been told."""
    if what is News.FAILING:
        return replace(health, told_ns=now_ns, before=(health.delivered, health.folded, health.dead))
    return replace(health, told_ns=0, failing_ns=0, recovered_ns=0)


def notice(name: str, health: Health, what: News, waiting: int, options: ChannelOptions, host: str) -> Alert:
    """The news as an alert of the bridge's own. Its id is the same however often it is made: it is told once."""
    failing = what is News.FAILING
    alert = make_alert(
        time_ns=health.failing_ns if failing else health.recovered_ns,
        priority=Priority.CRITICAL if failing else Priority.NOTICE,
        rule=f"Channel {name} fails" if failing else f"Channel {name} works again",
        source=INTERNAL_SOURCE,
        hostname=host,
        tags=("falco-bridge",),
        output=_failing(name, health, waiting, options) if failing else _recovered(name, health),
        fields={"bridge.channel": name},
    )
    return _with_reason(alert, health.reason) if failing else alert


def _with_reason(alert: Alert, reason: str) -> Alert:
    """For the message's first two lines. No part of the id: a courier that tells it anew may have heard another."""
    return structs.replace(alert, fields={**alert.fields, "bridge.reason": reason})


def _failing(name: str, health: Health, waiting: int, options: ChannelOptions) -> str:
    said = (
        f"The channel {name} has failed since {_moment(health.failing_ns)}, {health.failures} times in a row. "
        f"The last answer: {health.reason}. "
    )
    if health.broken:
        return said + (
            "Its URL, its secret or what it may do is no good any more: mend that, and restart the bridge unless it is "
            f"in a secret's file. Waiting for it: {waiting}. They go out then, or become dead letters when they are "
            f"{duration_text(options.give_up_after)} old."
        )
    if health.refused:
        return said + (
            f"What it refuses becomes a dead letter; it has {health.dead} by now. When it is mended, send them again "
            f"with: falco-bridge dead retry --channel {name}"
        )
    return said + (
        f"Waiting for it: {waiting}. They go out when it works again, or become dead letters when they are "
        f"{duration_text(options.give_up_after)} old."
    )


def _recovered(name: str, health: Health) -> str:
    delivered, folded, dead = (
        now - then for now, then in zip((health.delivered, health.folded, health.dead), health.before, strict=True)
    )
    down = (health.recovered_ns - health.failing_ns) / _SECOND
    return (
        f"The channel {name} works again since {_moment(health.recovered_ns)}; it had failed since "
        f"{_moment(health.failing_ns)}, for {duration_text(down)}. Delivered since it was told: {delivered}, of which "
        f"{folded} in digests. Dead letters: {dead}."
    )


def _moment(at_ns: int) -> str:
    return clock_text("evt.time.iso8601", at_ns)[:19].replace("T", " ") + " UTC"
